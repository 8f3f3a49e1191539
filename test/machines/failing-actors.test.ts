import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { subscription, topicOf } from '../history/subscription-arbitraries.ts'
import { household, settled } from './household.ts'

const fail = () => {
  throw new Error('a bug')
}

describe('actors that fail', () => {
  test('are forgotten, they alone, and who waits for a snapshot hears that it is over', async () => {
    const fate = fc.record({ isRestored: fc.boolean(), fails: fc.constantFrom('nothing', 'subscriber', 'exchange') })
    await fc.assert(
      fc.asyncProperty(fc.array(fate, { minLength: 1, maxLength: 8 }), async fates => {
        const outcomes = new Map<string, string>()
        const failing = new Set<string>()
        let isAskingBroken = false
        const house = household({
          // The p2p topics of these are alike but for the last letter: nothing that is shown of them tells them apart.
          left: fates.flatMap(({ isRestored }, at) => {
            return isRestored ? [{ ...subscription(at, 1), confirms: false, exchanges: [`exchange ${at}`] }] : []
          }),
          tell: topic => failing.has(topic) && fail(),
          askApplications: () => isAskingBroken && fail(),
          snapshotClosed: ({ requester, outcome }) => outcomes.set(requester, outcome),
        })
        house.supervisor.start()
        await settled()
        // Somebody who can be asked.
        house.subscribe(['x'])
        const lives = fates.map(({ isRestored, fails }, at) => {
          isAskingBroken = fails === 'exchange'
          const topic = isRestored ? topicOf(at) : house.subscribe(['stix2'], 1).topic
          // One that an earlier broker had open asks nobody any more.
          return { topic, fails: isRestored && fails === 'exchange' ? 'nothing' : fails }
        })
        for (const { topic, fails } of lives) {
          if (fails === 'subscriber') failing.add(topic)
          house.subscribers.find(topic)?.actor.send({ type: 'socket.joined' })
        }
        for (const { topic, fails } of lives) {
          const found = house.subscribers.find(topic)?.actor.getSnapshot()
          const outcome = { nothing: undefined, subscriber: 'requester_left', exchange: 'failed' }[fails]
          assert.equal(outcomes.get(topic), outcome)
          assert.equal(house.exchanges.openFor(topic).length, outcome ? 0 : 1)
          assert.equal(found?.status, fails === 'subscriber' ? undefined : 'active')
          // While a snapshot is open a subscriber is gathering.
          const phase = fails === 'exchange' ? 'live' : ({ snapshotting: 'gathering' } as const)
          if (found) assert.ok(found.matches({ joined: { phase } }), JSON.stringify(found.value))
        }
        for (const actor of house.beside()) assert.equal(actor.getSnapshot().status, 'active')
        assert.ok(house.supervisor.getSnapshot().matches({ running: 'starting' }))
      }),
    )
  })

  test('do not take the places of snapshot exchanges that may be open', async () => {
    const outcomes: string[] = []
    let isAskingBroken = true
    const house = household({
      maxOpen: 2,
      askApplications: () => isAskingBroken && fail(),
      snapshotClosed: ({ outcome }) => outcomes.push(outcome),
    })
    house.supervisor.start()
    await settled()
    house.subscribe(['x'])
    house.subscribe(['stix2'], 1)
    isAskingBroken = false
    for (let count = 0; count < 3; count++) house.subscribe(['stix2'], 1)
    assert.deepEqual(outcomes, ['failed', 'crowded_out'])
    assert.equal(house.exchanges.size, 2)
  })

  test('and were found by a supervisor that recovers are no reason to end', async () => {
    const house = household({ left: [subscription(1)], tell: fail })
    house.supervisor.start()
    assert.equal(house.supervisor.getSnapshot().value, 'recovering')
    assert.equal(house.subscribers.size, 0)
    await settled()
    assert.ok(house.supervisor.getSnapshot().matches('running'))
  })
})

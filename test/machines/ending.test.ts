import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { endOrphans } from '../../src/actors/broker.ts'
import { subscription } from '../history/subscription-arbitraries.ts'
import { household, settled, shutdownTimeoutMs } from './household.ts'

/** What becomes of a subscriber, and of the snapshot that it asked for. */
const fates = ['socket.joined', 'socket.left', 'heartbeat.received', 'unsubscribe.requested'] as const

/** How a supervisor can end. */
const ends = {
  'while it recovers': ({ supervisor }) => supervisor.send({ type: 'stop' }),
  'while it starts': async ({ supervisor }) => {
    await settled()
    supervisor.send({ type: 'stop' })
  },
  'because an endpoint cannot listen': async ({ sockets }) => {
    await settled()
    sockets.pub.fail(new Error('taken'))
    await settled()
  },
  'when everything is delivered, or its time is over': async ({ supervisor, sockets, clock }) => {
    await settled()
    for (const each of Object.values(sockets)) each.listen(1)
    await settled()
    supervisor.send({ type: 'stop' })
    clock.increment(shutdownTimeoutMs)
  },
} satisfies Record<string, (house: ReturnType<typeof household>) => void | Promise<void>>

describe('no actor outlives its supervisor', () => {
  for (const [how, end] of Object.entries(ends)) {
    test(`that ends ${how}`, async () => {
      const lives = fc.array(
        fc.record({
          days: fc.nat(1),
          connections: fc.nat(2),
          events: fc.array(fc.constantFrom(...fates), { maxLength: 4 }),
        }),
        { maxLength: 6 },
      )
      const answered = fc.array(fc.boolean(), { maxLength: 6 })
      await fc.assert(
        fc.asyncProperty(fc.nat(3), lives, answered, async (left, lives, answered) => {
          const records = Array.from({ length: left }, (_, at) => ({
            ...subscription(at),
            exchanges: [`exchange ${at}`],
          }))
          const house = household({ left: records })
          house.supervisor.start()
          for (const { days, connections, events } of lives) {
            const { actor, topic } = house.subscribe(['stix2'], days)
            for (let count = 0; count < connections; count++) house.connect(topic)
            await settled()
            // Who has unsubscribed hears nothing any more.
            for (const type of events) if (actor.getSnapshot().status === 'active') actor.send({ type })
          }
          for (const [at, exchange] of [...house.exchanges].entries()) {
            if (answered[at]) exchange.send({ type: 'envelope.received' })
          }
          const all = [...house.beside()]
          await end(house)
          assert.equal(house.supervisor.getSnapshot().status, 'done')
          assert.deepEqual(house.timers(), [])
          for (const actor of house.beside()) assert.equal(actor.getSnapshot().status, 'stopped', actor.id)
          for (const actor of all) assert.notEqual(actor.getSnapshot().status, 'active', actor.id)
        }),
        { numRuns: 50 },
      )
    })
  }

  test('that fails by an error', async () => {
    const bug = new Error('a bug')
    const carryOut = () => {
      throw bug
    }
    const house = household({ left: [subscription(1)] })
    let failure: unknown
    house.supervisor.subscribe({ error: error => (failure = error) })
    house.supervisor.start()
    await settled()
    house.sockets.pub.fail(Object.assign(new Error('taken'), { code: 'EADDRINUSE' }))
    await settled()
    house.supervisor.send({ type: 'management.heartbeat', carryOut, refuse() {} })
    assert.equal(failure, bug)
    assert.deepEqual(house.timers().sort(), [
      'xstate.after.bindRetryPause.endpoint.waiting',
      'xstate.after.evictAfter.subscriber.stale',
      'xstate.after.quietTimeout.snapshotExchange.gathering',
    ])
    endOrphans(house.supervisor, house)
    assert.deepEqual(house.timers(), [])
    for (const actor of house.beside()) assert.equal(actor.getSnapshot().value, 'suspended', actor.id)
  })
})

/** A broker on a machine whose clock is set while it runs, or while it is away. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { subscription, topicOf } from '../history/subscription-arbitraries.ts'
import { startBrokerHere } from './broker-here.ts'
import { indicator, receive, request } from './wire.ts'

const msPerDay = 86_400_000

describe('when the clock is set', () => {
  test('while the broker is away, no subscription that waits is evicted at its start', async t => {
    const days = [-400, -26, -2, 26, 400]
    const left = days.map((day, number) => ({
      ...subscription(number),
      exchanges: [],
      staleSinceMs: Date.now() + day * msPerDay,
    }))
    const broker = await startBrokerHere(t, { left })
    for (const [number, day] of days.entries()) {
      const { status } = await request(broker.manage, { action: 'heartbeat', topic: topicOf(number) })
      assert.equal(status, 'success', `stale since ${day} days`)
    }
    assert.ok(!broker.lines.some(line => line.includes('evicted')))
  })

  for (const days of [-366, 366]) {
    test(`by ${days} days while it runs, a snapshot lacks nothing, before and after it is set right`, async t => {
      const broker = await startBrokerHere(t)
      const bodies: string[] = []
      const publish = async () => {
        bodies.push(indicator())
        await request(broker.manage, `{"action":"publish","topic":"stix2/indicator","message":${bodies.at(-1)}}`)
      }
      const assertSnapshotIsWhole = async () => {
        const { topic } = await request(broker.manage, { action: 'subscribe', topic: 'stix2/indicator', snapshot: 1 })
        const frames = await receive(t, broker.pub, topic).received(bodies.length)
        assert.deepEqual(
          frames.map(frame => frame.replace(/^\w+ /, '')),
          bodies,
        )
      }
      await publish()
      const nowMs = Date.now()
      t.mock.timers.enable({ apis: ['Date'], now: nowMs + days * msPerDay })
      await publish()
      await assertSnapshotIsWhole()
      t.mock.timers.setTime(nowMs)
      await publish()
      await assertSnapshotIsWhole()
      const { msg } = await broker.logged(({ msg }) => msg.includes('the clock of this machine was set'))
      assert.match(msg, days > 0 ? /set ahead by 366 days/ : /set back by 366 days/)
    })
  }
})

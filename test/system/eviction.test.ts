import assert from 'node:assert/strict'
import { test } from 'node:test'
import { subscription } from '../history/subscription-arbitraries.ts'
import { startBrokerHere } from './broker-here.ts'
import type { LogLine } from './log-lines.ts'
import { request } from './wire.ts'

test('thousands that are stale for too long at once are evicted in many turns', async t => {
  let turn = 0
  let next = setImmediate(function count() {
    turn++
    next = setImmediate(count)
  })
  t.after(() => clearImmediate(next))
  const evictedIn: number[] = []
  // All at once, some time after the broker has found them.
  const staleSinceMs = Date.now()
  const left = Array.from({ length: 3000 }, (_, number) => ({
    ...subscription(number),
    exchanges: [],
    staleSinceMs,
  }))
  let end = () => {}
  const ended = new Promise<void>(resolve => {
    end = resolve
  })
  const fails = ({ reason }: LogLine) => {
    if (reason === 'evicted' && evictedIn.push(turn) === left.length) end()
    return false
  }
  await Promise.all([startBrokerHere(t, { settings: { evict_after: 2 }, left, fails }), ended])
  // In one go they would be in one turn; no machine ends 150 in the time of a slice.
  assert.ok(new Set(evictedIn).size > 20, `${new Set(evictedIn).size} turns`)
})

test('who is known never to have joined gives way to others; of what older brokers left nobody knows, and nothing does', async t => {
  const [one, two, three] = [1, 2, 3].map(number => ({ ...subscription(number), exchanges: [] }))
  assert.ok(one && two && three)
  const left = [one, two, { ...three, neverJoined: true, address: '127.0.0.2' } as const]
  const broker = await startBrokerHere(t, { settings: { max_subscribers: 3 }, left })
  for (let times = 0; times < 3; times++)
    assert.equal((await request(broker.manage, { action: 'subscribe', topic: 'stix2' })).status, 'success')
  const replies = left.map(({ topic }) => request(broker.manage, { action: 'heartbeat', topic }))
  assert.deepEqual(
    (await Promise.all(replies)).map(({ status }) => status),
    ['success', 'success', 'error'],
  )
})

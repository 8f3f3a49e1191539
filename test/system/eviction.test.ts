import assert from 'node:assert/strict'
import { test } from 'node:test'
import { subscription } from '../history/subscription-arbitraries.ts'
import { startBrokerHere } from './broker-here.ts'
import type { LogLine } from './log-lines.ts'

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

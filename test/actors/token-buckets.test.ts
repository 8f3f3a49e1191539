import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { TokenBuckets } from '../../src/actors/token-buckets.ts'

const size = fc.record({ capacity: fc.integer({ min: 1, max: 20 }), perSecond: fc.integer({ min: 1, max: 1000 }) })
const key = fc.constantFrom('a', 'b', 'c')
/** Who asks when, in milliseconds after the one before. */
const asked = fc.array(fc.record({ key, afterMs: fc.integer({ min: 0, max: 400 }) }), { maxLength: 200, size: 'max' })

describe('token buckets', () => {
  test('give in any time what they hold and what has come since, and as much to each however much others ask', () => {
    fc.assert(
      fc.property(size, asked, (limits, wishes) => {
        const buckets = new TokenBuckets(limits, 100)
        const levels = new Map<string, { tokens: number; atMs: number }>()
        let nowMs = 0
        for (const { key: who, afterMs } of wishes) {
          nowMs += afterMs
          const { tokens, atMs } = levels.get(who) ?? { tokens: limits.capacity, atMs: nowMs }
          const filled = Math.min(limits.capacity, tokens + ((nowMs - atMs) / 1000) * limits.perSecond)
          const has = buckets.has(who, nowMs)
          // Where the model itself has to round, either is right.
          if (Math.abs(filled - 1) > 1e-3) assert.equal(has, filled >= 1, `${filled} tokens`)
          if (has) buckets.take(who, nowMs)
          levels.set(who, { tokens: has ? filled - 1 : filled, atMs: nowMs })
        }
      }),
    )
  })

  test('are remembered while they are not full, and no more of them than may be', () => {
    fc.assert(
      fc.property(size, fc.integer({ min: 1, max: 3 }), asked, (limits, maxBuckets, wishes) => {
        const buckets = new TokenBuckets(limits, maxBuckets)
        let nowMs = 0
        for (const { key: who, afterMs } of wishes) {
          nowMs += afterMs
          if (buckets.has(who, nowMs)) buckets.take(who, nowMs)
          assert.ok(buckets.size <= maxBuckets)
        }
        buckets.take('last', nowMs + 1e9)
        assert.equal(buckets.size, 1)
      }),
    )
  })
})

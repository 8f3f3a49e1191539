import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { tickWords, timeWords } from '../../src/inspector/story/quantities.ts'

const count = fc.integer({ min: 2, max: 20 })

/** What axes are divided by: 1, 2, 2.5 or 5, and powers of ten. */
const increments = fc
  .record({ digit: fc.constantFrom(1, 2, 2.5, 5), power: fc.integer({ min: -3, max: 9 }) })
  .map(({ digit, power }) => digit * 10 ** power)

describe('no two ticks of an axis say the same', () => {
  test('of counts and rates', () => {
    fc.assert(
      fc.property(increments, fc.nat(1000), count, (increment, first, many) => {
        const words = tickWords(
          Array.from({ length: many }, (_, place) => (first + place) * increment),
          increment,
        )
        assert.equal(new Set(words).size, many, words.join(' '))
        for (const each of words) assert.ok(each.length <= 12, each)
      }),
    )
  })

  test('of times', () => {
    const steps = fc.constantFrom(1, 5, 30, 60, 900, 3600, 21_600, 86_400)
    fc.assert(
      fc.property(steps, fc.integer({ min: 0, max: 2e9 }), count, (step, begin, many) => {
        const aligned = begin - (begin % step)
        const words = timeWords(Array.from({ length: many }, (_, place) => (aligned + place * step) * 1000))
        assert.equal(new Set(words).size, many, words.join(' '))
      }),
    )
  })

  test('as it is written', () => {
    assert.deepEqual(tickWords([0, 0.5, 1], 0.5), ['0', '0.5', '1'])
    assert.deepEqual(tickWords([0, 500, 1000], 500), ['0', '500', '1,000'])
    assert.deepEqual(tickWords([10_000, 10_050, 10_100], 50), ['10k', '10.05k', '10.1k'])
  })
})

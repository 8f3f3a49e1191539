import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { compareTimestamps, isTimestamp } from '../../src/protocol/stix/timestamp.ts'

/** Pads a number with zeros. */
const padded = (digits: number, value: number) => String(value).padStart(digits, '0')

/** The six numbers of a date and a time, also such that no calendar and no clock has. */
const moments = fc.tuple(
  fc.integer({ min: 0, max: 9999 }),
  fc.integer({ min: 0, max: 15 }),
  fc.integer({ min: 0, max: 33 }),
  fc.integer({ min: 0, max: 26 }),
  fc.integer({ min: 0, max: 62 }),
  fc.integer({ min: 0, max: 62 }),
)
type Moment = [number, number, number, number, number, number]

const fractions = fc.oneof(
  fc.constant(''),
  fc.stringMatching(/^\.\d{1,30}$/),
  fc.stringMatching(/^\.0{0,12}[01]0{0,12}$/),
)

function written([year, month, day, hour, minute, second]: Moment, fraction: string): string {
  const date = `${padded(4, year)}-${padded(2, month)}-${padded(2, day)}`
  return `${date}T${padded(2, hour)}:${padded(2, minute)}:${padded(2, second)}${fraction}Z`
}

/** The slow oracle: Date carries what overflows into the next field, so a real moment is one that it leaves alone. */
function isReal([year, month, day, hour, minute, second]: Moment): boolean {
  const date = new Date(0)
  date.setUTCFullYear(year, month - 1, day)
  date.setUTCHours(hour, minute, second)
  return (
    year >= 1 &&
    date.getUTCFullYear() === year &&
    date.getUTCMonth() === month - 1 &&
    date.getUTCDate() === day &&
    date.getUTCHours() === hour &&
    date.getUTCMinutes() === minute &&
    date.getUTCSeconds() === second
  )
}

/** Since 1970, exactly: in units of the last of 30 digits behind the point. */
function instant(timestamp: string): bigint {
  const fraction = /\.(\d+)Z/i.exec(timestamp)?.[1] ?? ''
  const seconds = Date.parse(`${timestamp.slice(0, 10)}T${timestamp.slice(11, 19)}Z`) / 1000
  return BigInt(seconds) * 10n ** 30n + BigInt(fraction.padEnd(30, '0'))
}

const realTimestamps = fc
  .tuple(
    fc.date({ min: new Date('0001-01-01T00:00:00Z'), max: new Date('9999-12-31T23:59:59Z'), noInvalidDate: true }),
    fractions,
    fc.boolean(),
  )
  .map(([date, fraction, lower]) => {
    const text = `${date.toISOString().slice(0, 19)}${fraction}Z`
    return lower ? text.toLowerCase() : text
  })

test('a timestamp is one whose date and time are real, as Date sees it', () => {
  fc.assert(
    fc.property(moments, fractions, (moment, fraction) => {
      assert.equal(isTimestamp(written(moment, fraction)), isReal(moment))
    }),
    { numRuns: 2000 },
  )
})

test('each day of four centuries is as Date sees it', () => {
  for (let year = 1801; year <= 2200; year++) {
    for (let month = 1; month <= 12; month++) {
      for (let day = 28; day <= 31; day++) {
        const moment: Moment = [year, month, day, 0, 0, 0]
        assert.equal(isTimestamp(written(moment, '')), isReal(moment), written(moment, ''))
      }
    }
  }
})

test('T and Z may be in lower case', () => {
  fc.assert(fc.property(realTimestamps, timestamp => isTimestamp(timestamp)))
})

test('a timestamp with a character too many, too few or another one is as the grammar of RFC 3339 sees it', () => {
  const grammar = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z$/i
  const edits = fc.tuple(fc.nat({ max: 30 }), fc.nat({ max: 1 }), fc.string({ maxLength: 1 }))
  fc.assert(
    fc.property(realTimestamps, edits, (timestamp, [at, removed, inserted]) => {
      const edited = timestamp.slice(0, at) + inserted + timestamp.slice(at + removed)
      const [year, month, day, hour, minute, second] = (edited.match(/\d+/g) ?? []).map(Number)
      const moment: Moment = [year ?? 0, month ?? 0, day ?? 0, hour ?? 0, minute ?? 0, second ?? 0]
      assert.equal(isTimestamp(edited), grammar.test(edited) && isReal(moment), edited)
    }),
    { numRuns: 2000 },
  )
})

test('timestamps compare as the moments that they stand for, to the last digit', () => {
  const near = realTimestamps.chain(left =>
    fc.tuple(
      fc.constant(left),
      fc.oneof(
        realTimestamps,
        fractions.map(fraction => `${left.slice(0, 19)}${fraction}Z`),
      ),
    ),
  )
  fc.assert(
    fc.property(near, ([left, right]) => {
      const expected = instant(left) - instant(right)
      assert.equal(Math.sign(compareTimestamps(left, right)), expected > 0n ? 1 : expected < 0n ? -1 : 0)
    }),
    { numRuns: 1000 },
  )
})

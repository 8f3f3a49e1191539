// What VAST reports becomes sightings: CONNECTOR "VAST → Sighting".
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { timestampOf } from '../../src/connector/event-time.ts'
import { type JsonText, readObject, valuesOf, writeObject } from '../../src/connector/json-text.ts'
import { SightingRate } from '../../src/connector/sighting-rate.ts'
import {
  liveSighting as liveSightingOf,
  type MatchSighting,
  type Reported,
  retroSighting as retroSightingOf,
  unknownIndicator,
} from '../../src/connector/sightings.ts'
import { memberText } from '../../src/protocol/json-scanner.ts'
import { checkObject } from '../../src/protocol/stix/check.ts'
import { deepestNesting } from '../../src/protocol/stix/nesting.ts'
import { epochMicroseconds, isTimestamp } from '../../src/protocol/stix/timestamp.ts'
import type { Indicator } from '../../src/protocol/stix/types.ts'
import { anyObject } from './exact-numbers.ts'

const now = new Date('2024-01-26T21:28:21.013Z')
const indicator: Indicator = {
  type: 'indicator',
  spec_version: '2.1',
  id: 'indicator--2dd0c9c2-8b6d-4a0e-9b5f-0d9e6a6a2c11',
  created: '2021-07-18T10:00:00.000Z',
  modified: '2021-07-18T10:00:00.000Z',
  valid_from: '2021-07-18T10:00:00Z',
  pattern: "[domain-name:value='weather4free.com']",
  pattern_type: 'stix',
}
/** A line of wrccdc-2017-alerts.ndjson, shortened. */
const event = {
  timestamp: '2017-03-24T14:01:29.933314-0600',
  event_type: 'alert',
  src_ip: '10.10.8.168',
  http: { hostname: 'www.internetdownloadmanager.com', url: '/data/update623.txt?v=628b1' },
}
const reference = JSON.stringify(`threatbus__${indicator.id}`)

/** An object as others write it. */
function written<Value extends object>(value: Value): JsonText<Value & Readonly<Record<string, unknown>>> {
  return readObject(JSON.stringify(value)) as JsonText<Value & Readonly<Record<string, unknown>>>
}

const retroSighting = (event: object, indicator: Indicator, now: Date) =>
  retroSightingOf(written(event), written(indicator), now)
const liveSighting = (match: object, now: Date) => liveSightingOf(written(match), now)

function sightingFrom(reported: Reported): MatchSighting {
  assert.ok(reported.ok, JSON.stringify(reported))
  const { sighting } = reported
  for (const mode of ['lenient', 'strict'] as const) {
    assert.ok(!('refused' in checkObject(JSON.parse(writeObject(sighting)), mode)))
  }
  assert.match(sighting.id, /^sighting--[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  return sighting
}

/** What both kinds of sightings say of this event. */
const reported = {
  type: 'sighting',
  spec_version: '2.1',
  created: '2024-01-26T21:28:21.013Z',
  modified: '2024-01-26T21:28:21.013Z',
  last_seen: '2017-03-24T20:01:29.933314Z',
  sighting_of_ref: indicator.id,
  x_threatbus_sighting_context: event,
}

test('an event that a query finds becomes a sighting of the indicator', () => {
  const { id, ...sighting } = valuesOf(sightingFrom(retroSighting(event, indicator, now)))
  assert.deepEqual(sighting, {
    ...reported,
    x_threatbus_indicator: indicator,
    x_threatbus_match_type: 'RETRO',
  })
  assert.notEqual(sightingFrom(retroSighting(event, indicator, now)).id, id)
})

test('a live match becomes a sighting of what its reference names', () => {
  const match = { indicator: { value: 'a.test', context: reference }, type: 'suricata.alert', event }
  const { id: _, ...sighting } = valuesOf(sightingFrom(liveSighting(match, now)))
  assert.deepEqual(sighting, {
    ...reported,
    x_threatbus_indicator_value: 'a.test',
    x_threatbus_match_type: 'LIVE',
  })
})

test('the match of a probabilistic matcher refers to the note that stands for an unknown indicator', () => {
  const { sighting_of_ref } = sightingFrom(liveSighting({ indicator: { value: 'a', context: null }, event }, now))
  assert.equal(sighting_of_ref, 'note--00000000-0000-4000-8000-000000000000')
  assert.equal(sighting_of_ref, unknownIndicator)
})

describe('what becomes no sighting is refused by its reason', () => {
  const nested = JSON.parse(`${'{"a":'.repeat(deepestNesting)}1${'}'.repeat(deepestNesting)}`)
  const live = (context: unknown) => liveSighting({ indicator: { value: 'a', context }, event }, now)
  for (const [reason, report] of [
    ['invalid_sighting', () => retroSighting({ ...event, nested }, indicator, now)],
    ['malformed_match', () => liveSighting({ event }, now)],
    ['malformed_match', () => liveSighting({ indicator: { value: 5, context: reference }, event }, now)],
    ['malformed_match', () => liveSighting({ indicator: { value: 'a', context: reference } }, now)],
    ['malformed_reference', () => live(`threatbus__${indicator.id}`)],
    ['malformed_reference', () => live(JSON.stringify(indicator.id))],
    ['malformed_reference', () => live('"threatbus__indicator--x"')],
    ['malformed_reference', () => live(reference.replace('indicator--', 'malware--'))],
    ['malformed_reference', () => live(5)],
  ] as const) {
    test(`${reason} ${String(report).slice(6)}`, () => {
      const reported = report()
      assert.equal(!reported.ok && reported.reason, reason)
    })
  }
})

describe('a match whose time nobody can read is a sighting without last_seen, and says why', () => {
  const { timestamp, ...timeless } = event
  for (const [reason, found] of [
    ['no_time', timeless],
    ['no_time', { ...timeless, ts: null }],
    ['unreadable_time', { ...timeless, ts: 'yesterday' }],
    ['unreadable_time', { ...timeless, ts: {}, timestamp: null }],
    ['unreadable_time', { ...timeless, ts: 'now', timestamp: 'then' }],
  ] as const) {
    test(JSON.stringify(found).slice(0, 40), () => {
      const match = { indicator: { value: 'a', context: reference }, event: found }
      for (const reported of [retroSighting(found, indicator, now), liveSighting(match, now)]) {
        const sighting = sightingFrom(reported)
        assert.ok(!('last_seen' in sighting))
        assert.deepEqual(sighting.x_threatbus_sighting_context.value, found)
        assert.equal(reported.ok && reported.untimed?.reason, reason)
      }
    })
  }

  test('but of two times the one that can be read counts', () => {
    const reported = retroSighting({ ...timeless, ts: 'yesterday', timestamp }, indicator, now)
    assert.equal(sightingFrom(reported).last_seen, '2017-03-24T20:01:29.933314Z')
    assert.ok(reported.ok && reported.untimed === undefined)
  })
})

describe("the times of VAST and its sensors become STIX's", () => {
  for (const [time, expected] of [
    ['2017-03-24T19:31:55.123456789', '2017-03-24T19:31:55.123456Z'],
    ['2017-03-24T19:31:55.123456789Z', '2017-03-24T19:31:55.123456Z'],
    ['2017-03-24T14:01:29.933314-0600', '2017-03-24T20:01:29.933314Z'],
    ['2017-12-31T23:59:59.5-01:30', '2018-01-01T01:29:59.5Z'],
    ['2017-03-24 19:31:55', '2017-03-24T19:31:55Z'],
    ['2017-03-24T19:31+02', '2017-03-24T17:31:00Z'],
    [1490383915.123456, '2017-03-24T19:31:55.123456Z'],
    [1490383915, '2017-03-24T19:31:55.000000Z'],
    [0.9999999, '1970-01-01T00:00:01.000000Z'],
    [-0.5, '1969-12-31T23:59:59.500000Z'],
    [1490383915123, '2017-03-24T19:31:55.123000Z'],
    [1490383915123.25, '2017-03-24T19:31:55.123250Z'],
    [1490383915123456, '2017-03-24T19:31:55.123456Z'],
    [1490383915123456000, '2017-03-24T19:31:55.123456Z'],
    [99_999_999_999, '5138-11-16T09:46:39.000000Z'],
    [100_000_000_000, '1973-03-03T09:46:40.000000Z'],
    [-100_000_000_000, '1966-10-31T14:13:20.000000Z'],
    ['2017-02-30T00:00:00', undefined],
    ['2017-03-24T24:00:00', undefined],
    ['2017-03-24', undefined],
    ['0001-01-01T00:00:00+01', undefined],
    ['', undefined],
    [1e300, undefined],
    [Number.NaN, undefined],
    [true, undefined],
    [null, undefined],
  ] as const) {
    test(`${time} becomes ${expected}`, () => assert.equal(timestampOf(time), expected))
  }

  test('any number of seconds, milli-, micro- or nanoseconds of our time', () => {
    const ours = fc.date({ min: new Date('1974-01-01'), max: new Date('2250-01-01'), noInvalidDate: true })
    fc.assert(
      fc.property(ours, fc.constantFrom(1, 1e3, 1e6, 1e9), (date, unit) => {
        const found = timestampOf((date.getTime() / 1000) * unit)
        assert.ok(found !== undefined && Math.abs(epochMicroseconds(found) - date.getTime() * 1000) <= 1, found)
      }),
    )
  })

  test('any date as Node writes it', () => {
    const dates = fc.date({ min: new Date('0001-01-02'), max: new Date('9999-12-30'), noInvalidDate: true })
    fc.assert(
      fc.property(dates, fc.integer({ min: -12 * 60, max: 14 * 60 }), (date, offset) => {
        const local = new Date(date.getTime() + offset * 60_000).toISOString().slice(0, -1)
        const two = (number: number) => String(Math.floor(Math.abs(number))).padStart(2, '0')
        const zone = `${offset < 0 ? '-' : '+'}${two(offset / 60)}:${two(offset % 60)}`
        assert.equal(timestampOf(local + zone), date.toISOString())
      }),
    )
  })

  test('anything else is a timestamp or none', () => {
    const texts = fc.oneof(fc.string(), fc.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?([+-]\d{4})?Z?$/))
    fc.assert(
      fc.property(fc.oneof(texts, fc.double(), fc.jsonValue()), time => {
        const found = timestampOf(time)
        assert.ok(found === undefined || isTimestamp(found), `${JSON.stringify(time)} ${found}`)
      }),
      { numRuns: 2000 },
    )
  })
})

test('whatever an event holds, it becomes a valid sighting', () => {
  const times = fc.constantFrom(
    '2017-03-24T14:01:29.933314-0600',
    '2017-03-24T19:31:55.123456789',
    1490383915.1,
    'x',
    null,
  )
  const held = fc.dictionary(fc.oneof(fc.string(), fc.constantFrom('__proto__', 'type', 'ts')), fc.jsonValue())
  fc.assert(
    fc.property(held, times, fc.string(), (content, time, value) => {
      const found = { ...content, timestamp: time }
      const match = { indicator: { value, context: reference }, event: found }
      for (const reported of [retroSighting(found, indicator, now), liveSighting(match, now)]) {
        const sighting = sightingFrom(reported)
        assert.equal(sighting.x_threatbus_sighting_context.text, JSON.stringify(found))
        assert.equal('last_seen' in sighting, reported.ok && reported.untimed === undefined)
      }
    }),
  )
})

test('every digit of an event is in its sighting, by itself or in a sum, and so is every digit of the indicator', () => {
  const time = '"timestamp":"2017-03-24T14:01:29.933314-0600"'
  fc.assert(
    fc.property(anyObject, anyObject, (members, more) => {
      const event = `{${time}, "found" : ${members}}`
      const known = JSON.stringify({ ...indicator, x_known: 'KNOWN' }).replace('"KNOWN"', more)
      const match = `{"event":{}, "indicator":{"value":"a","context":null}, "event" :${event} }`
      const [stored, knownText, live] = [event, known, match].map(text => readObject(text))
      assert.ok(stored && knownText && live)
      const rate = new SightingRate({ perMinute: 1, date: () => now })
      for (const reported of [
        retroSightingOf(stored, knownText as JsonText<typeof knownText.value & Indicator>, now),
        liveSightingOf(live, now),
      ]) {
        const sighting = sightingFrom(reported)
        const sums = [...rate.take(sighting), ...rate.take(sighting), ...rate.take(sighting), ...rate.flush()]
        assert.deepEqual(
          sums.map(({ count }) => count),
          [undefined, 2],
        )
        for (const text of sums.map(writeObject)) {
          assert.equal(memberText(text, 'x_threatbus_sighting_context'), event)
          assert.equal(memberText(text, 'x_threatbus_indicator') ?? known, known)
        }
      }
    }),
    { numRuns: 1000 },
  )
})

// How noisy IoCs are summed up: CONNECTOR "Noisy indicators".
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import fc from 'fast-check'
import { pino } from 'pino'
import { Counters } from '../../src/connector/counters.ts'
import { JsonText, valuesOf } from '../../src/connector/json-text.ts'
import { ContextCommands, Reporting } from '../../src/connector/reporting.ts'
import { SightingRate } from '../../src/connector/sighting-rate.ts'
import { liveSighting, type MatchSighting } from '../../src/connector/sightings.ts'
import { ConnectorStory } from '../../src/connector/story.ts'
import { checkObject } from '../../src/protocol/stix/check.ts'

const date = () => new Date('2024-01-26T21:28:21.013Z')

/** The sighting of a value in an event of second `at`, or of one without a time. */
function seen(value: string, at: number | undefined): MatchSighting {
  const event = at === undefined ? {} : { ts: `2017-03-24T19:31:${String(at % 60).padStart(2, '0')}Z`, at }
  const match = { indicator: { value, context: null }, event }
  const reported = liveSighting(new JsonText(JSON.stringify(match), match), date())
  return reported.ok ? reported.sighting : assert.fail(reported.detail)
}

test('what is more than so many a minute goes out as one sighting when the minute is over', () => {
  let time = 0
  const rate = new SightingRate({ perMinute: 2, clock: () => time, date })
  const sightings = [5, 9, 30, 10, 20].map(at => seen('a.test', at))
  const passed = sightings.flatMap(sighting => rate.take(sighting))
  assert.deepEqual(passed, sightings.slice(0, 2))
  assert.deepEqual(rate.take(seen('b.test', 40)).length, 1)
  assert.equal(rate.nextDueMs, 60_000)
  time = 59_999
  assert.equal(rate.nextDueMs, 1)
  assert.deepEqual(rate.due(), [])
  time = 60_000
  const [sum, ...more] = rate.due()
  assert.ok(sum)
  assert.deepEqual(more, [])
  assert.equal(sum.count, 3)
  assert.equal(sum.first_seen, '2017-03-24T19:31:10Z')
  assert.equal(sum.last_seen, '2017-03-24T19:31:30Z')
  assert.deepEqual(sum.x_threatbus_sighting_context.value, { ts: '2017-03-24T19:31:30Z', at: 30 })
  assert.ok(!sightings.some(({ id }) => id === sum.id))
  assert.ok(!('refused' in checkObject(valuesOf(sum), 'strict')))
  assert.equal(rate.nextDueMs, undefined)
})

test('a sum is asked for when its minute is over, and not before', async t => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  let time = 0
  const sent: MatchSighting[] = []
  const rate = new SightingRate({ perMinute: 1, clock: () => time, date })
  const due = t.mock.method(rate, 'due')
  const reporting = new Reporting({
    destination: { wasHeldUp: () => false, take: async sighting => sent.push(sighting) > 0 },
    commands: new ContextCommands(1, { maxLineBytes: 1, killGraceMs: 1, timeoutMs: 1, signal: t.signal }),
    transformation: undefined,
    rate,
    story: new ConnectorStory(pino({ enabled: false }), new Counters()),
  })
  for (const at of [1, 2, 3]) await reporting.report(seen('a.test', at))
  const asked = due.mock.callCount()
  for (time = 0; time < 59_000; time += 1000) {
    t.mock.timers.tick(1000)
    await setImmediate()
  }
  assert.equal(due.mock.callCount(), asked)
  time = 60_000
  t.mock.timers.tick(1000)
  await setImmediate()
  assert.deepEqual(
    sent.map(({ count }) => count),
    [undefined, 2],
  )
})

test('with 0 a minute everything goes out at once', () => {
  const rate = new SightingRate({ perMinute: 0 })
  const sighting = seen('a.test', 1)
  for (let count = 0; count < 100; count++) assert.deepEqual(rate.take(sighting), [sighting])
  assert.equal(rate.nextDueMs, undefined)
})

test('a sighting too many that stays alone goes out as it is', () => {
  const rate = new SightingRate({ perMinute: 1, clock: () => 0, date })
  const [first, second] = [seen('a.test', 1), seen('a.test', 2)]
  assert.deepEqual(rate.take(first), [first])
  assert.deepEqual(rate.take(second), [])
  assert.deepEqual(rate.flush(), [second])
})

test('every sighting is accounted for once, whatever the IoCs, the times and the bound', () => {
  const steps = fc.array(
    fc.record({
      value: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
      at: fc.option(fc.nat(59), { nil: undefined }),
      passes: fc.nat(40_000),
    }),
    { maxLength: 60 },
  )
  const options = fc.record({ perMinute: fc.integer({ min: 1, max: 3 }), mostIocs: fc.integer({ min: 1, max: 6 }) })
  fc.assert(
    fc.property(steps, options, (taken, { perMinute, mostIocs }) => {
      let time = 0
      const rate = new SightingRate({ perMinute, mostIocs, clock: () => time, date })
      const out = taken.flatMap(({ value, at, passes }) => {
        time += passes
        return [...rate.due(), ...rate.take(seen(value, at))]
      })
      out.push(...rate.flush())
      assert.equal(rate.nextDueMs, undefined)
      for (const value of new Set(taken.map(step => step.value))) {
        const mine = out.filter(sighting => sighting.x_threatbus_indicator_value === value)
        const all = taken.filter(step => step.value === value)
        const times = all.flatMap(({ at }) =>
          at === undefined ? [] : [`2017-03-24T19:31:${String(at).padStart(2, '0')}Z`],
        )
        assert.equal(
          mine.reduce((sum, { count = 1 }) => sum + count, 0),
          all.length,
        )
        const last = mine.flatMap(({ last_seen }) => last_seen ?? []).sort()
        const first = mine.flatMap(({ first_seen, last_seen }) => first_seen ?? last_seen ?? []).sort()
        assert.deepEqual([first.at(0), last.at(-1)], [times.toSorted().at(0), times.toSorted().at(-1)])
      }
    }),
    { numRuns: 500 },
  )
})

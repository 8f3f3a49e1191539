// Properties of what is logged, and of how repeating events are summed up.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { SimulatedClock } from 'xstate'
import { configSchema } from '../../src/config/schema.ts'
import { createLog } from '../../src/observe/log.ts'
import { type Fields, overflow, RateLimited } from '../../src/observe/rate-limited.ts'

const { logging } = configSchema.parse({})

/** Any text at all, with what acts on terminals made likely. */
const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc
    .array(
      fc.constantFrom(
        '\n',
        '\r',
        '\x1b',
        '[2J',
        '\x9b',
        '\u2028',
        '\u202e',
        '\ud800',
        '\\',
        '\\n',
        '"',
        'stack',
        '%s',
        'é',
        '🎉',
      ),
    )
    .map(parts => parts.join('')),
)
const field = fc.oneof(
  text,
  fc.double(),
  fc.boolean(),
  fc.constant(null),
  fc.array(text, { maxLength: 3 }),
  fc.dictionary(text, text, { maxKeys: 3 }),
)

test('one event is one line on a terminal, without a control character, whatever it holds', async () => {
  const lines: string[] = []
  const console = { isTTY: true, write: (line: string) => lines.push(line) }
  const { logger } = await createLog(logging, { console, env: { NO_COLOR: '1' } })
  fc.assert(
    fc.property(text, field, (message, detail) => {
      lines.length = 0
      logger.info({ detail }, message)
      assert.match(lines.join(''), /^\[.*\n$/)
      assert(!/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u202a-\u202e]/u.test(lines.join('').slice(0, -1)), JSON.stringify(lines))
    }),
  )
})

test('one event is one line of JSON that parses to what was logged, without a character that acts on a terminal', async () => {
  const lines: string[] = []
  const console = { isTTY: false, write: (line: string) => lines.push(line) }
  const { logger } = await createLog(logging, { console, env: {} })
  fc.assert(
    fc.property(text, field, (message, detail) => {
      lines.length = 0
      // With further arguments pino takes the message for a format; without, it is logged as it is.
      logger.info({ detail }, message)
      const line = lines.join('')
      assert.match(line, /^\{.*\}\n$/)
      assert(!/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u202a-\u202e]/u.test(line.slice(0, -1)), JSON.stringify(line))
      const { msg, detail: logged } = JSON.parse(line)
      assert.equal(msg, message)
      assert.deepEqual(logged, JSON.parse(JSON.stringify(detail)))
    }),
  )
})

/** A rate-limited log on a simulated clock. */
function limited(limits: { interval?: number; maxKeys?: number } = {}) {
  const clock = new SimulatedClock()
  let timers = 0
  const counting = {
    now: () => clock.now(),
    setTimeout: (wake: () => void, milliseconds: number) => {
      timers++
      return clock.setTimeout(() => {
        timers--
        wake()
      }, milliseconds)
    },
    clearTimeout: (timer: unknown) => {
      timers--
      clock.clearTimeout(timer as number)
    },
  }
  const lines: { at: number; sentence: string; fields: Fields }[] = []
  const log = new RateLimited((fields, sentence) => lines.push({ at: clock.now(), sentence, fields }), {
    ...limits,
    clock: counting,
  })
  const said = () => lines.map(({ sentence }) => sentence)
  /** XState's clock can skip a timer that another one set: so step by step. */
  const pass = (milliseconds: number) => {
    for (let step = 0; step < milliseconds; step += 100) clock.increment(Math.min(100, milliseconds - step))
  }
  return { log, lines, said, pass, timers: () => timers }
}

test('the first event of a kind is logged at once, and starts no timer', () => {
  const { log, said, timers } = limited()
  log.log('not_json', 'the body is not JSON')
  log.log('multipart', 'the message has more than one part')
  assert.deepEqual(said(), ['the body is not JSON', 'the message has more than one part'])
  assert.equal(timers(), 0)
})

test('what follows within a minute is one line, with the latest sentence and fields', () => {
  const { log, lines, said, pass, timers } = limited()
  log.log('not_json', 'refused a', { from: 'a' })
  pass(10_000)
  for (let more = 0; more < 1234; more++) log.log('not_json', `refused ${more}`, { from: more })
  log.log('not_json', 'refused z', { from: 'z' })
  assert.equal(timers(), 1)
  pass(49_900)
  assert.equal(lines.length, 1)
  pass(100)
  assert.deepEqual(said(), ['refused a', 'refused z (and 1,234 more in the last 60 s)'])
  assert.deepEqual(lines.at(-1), { at: 60_000, sentence: said()[1], fields: { from: 'z', more: 1234 } })
  assert.equal(timers(), 0)
})

test('a single event that waited is logged as it was', () => {
  const { log, lines, pass } = limited()
  log.log('x', 'one')
  log.log('x', 'two', { n: 2 })
  pass(60_000)
  assert.deepEqual(lines.at(-1), { at: 60_000, sentence: 'two', fields: { n: 2 } })
})

test('an event after a quiet minute is a first one again', () => {
  const { log, said, pass, timers } = limited()
  log.log('x', 'one')
  pass(60_000)
  log.log('x', 'two')
  assert.deepEqual(said(), ['one', 'two'])
  assert.equal(timers(), 0)
})

test('what waits is not forgotten if the timer is late', () => {
  let now = 0
  const wake: (() => void)[] = []
  const clock = { now: () => now, setTimeout: (due: () => void) => wake.push(due), clearTimeout: () => {} }
  const lines: string[] = []
  const log = new RateLimited((_, sentence) => lines.push(sentence), { clock })
  log.log('x', 'one')
  log.log('x', 'two')
  now = 90_000
  log.log('x', 'three')
  assert.equal(wake.length, 1)
  wake[0]?.()
  assert.deepEqual(lines, ['one', 'three (and 1 more in the last 90 s)'])
})

test('closing logs what waits at once and stops all timers', () => {
  const { log, said, pass, timers } = limited()
  for (const key of ['x', 'y', 'z'] as const) log.log(key, `${key} 1`)
  for (const key of ['x', 'x', 'x', 'y'] as const) log.log(key, `${key} again`)
  pass(12_000)
  log.close()
  assert.equal(timers(), 0)
  assert.deepEqual(said().slice(3), ['x again (and 2 more in the last 12 s)', 'y again'])
  pass(120_000)
  assert.equal(said().length, 5)
})

test('kinds beyond the bound share one, until others have had a quiet minute', () => {
  const { log, said, pass } = limited({ maxKeys: 2 })
  for (const key of ['a', 'b', 'c', 'd', 'e']) log.log(key, key)
  assert.deepEqual(said(), ['a', 'b', 'c'], `c was the first of ${overflow}`)
  pass(60_000)
  assert.deepEqual(said().slice(3), ['e (and 1 more in the last 60 s)'])
  log.log('f', 'f')
  assert.equal(said().at(-1), 'f')
})

test('every event is accounted for once, and no kind has two lines within an interval', () => {
  const step = fc.record({ key: fc.constantFrom('a', 'b', 'c', 'd'), wait: fc.nat(40).map(tenths => tenths * 100) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), fc.integer({ min: 1, max: 5 }), (steps, maxKeys) => {
      const { log, lines, pass, timers } = limited({ interval: 2, maxKeys })
      for (const { key, wait } of steps) {
        pass(wait)
        log.log(key, key, { key })
      }
      // All that waits is due after one more interval.
      pass(2000)
      assert.equal(timers(), 0)
      const accounted = lines.reduce((sum, { fields }) => sum + 1 + Number(fields.more ?? 0), 0)
      assert.equal(accounted, steps.length)
      if (maxKeys < 4) return
      for (const key of ['a', 'b', 'c', 'd']) {
        const times = lines.filter(({ fields }) => fields.key === key).map(({ at }) => at)
        for (const [index, at] of times.entries())
          assert(index === 0 || at - (times[index - 1] ?? 0) >= 2000, `${times}`)
      }
    }),
  )
})

test('the process’s own clock keeps no process alive', () => {
  const log = new RateLimited(() => {})
  const timers = () => process.getActiveResourcesInfo().filter(name => name === 'Timeout').length
  const before = timers()
  log.log('x', 'one')
  log.log('x', 'two')
  assert.equal(timers(), before)
  log.close()
})

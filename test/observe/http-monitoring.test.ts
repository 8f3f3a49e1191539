// What monitoring asks for, over real HTTP, of a program that says what it did to find out.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import fc from 'fast-check'
import { SimulatedClock } from 'xstate'
import { type Monitored, monitoringRoutes } from '../../src/observe/http/monitoring.ts'
import { SharedAnswer } from '../../src/observe/http/shared-answer.ts'
import { processClock } from '../../src/observe/rate-limited.ts'
import { inSlices } from '../../src/turns/slices.ts'
import { ask, serve } from './served.ts'

/** A program whose status and metrics are numbered, and take until they are released. */
function numbered() {
  const begun: (() => void)[] = []
  const begin = () => new Promise<number>(resolve => begun.push(() => resolve(begun.length)))
  const monitored: Monitored = {
    reasonsAgainst: () => [],
    status: async () => ({ number: await begin() }),
    openMetrics: async () => ({ contentType: 'text/plain', text: async () => `${await begin()}` }),
  }
  return { monitored, begun }
}

for (const path of ['/status', '/metrics']) {
  test(`${path} is worked out once for all who ask meanwhile, says its age, and keeps nobody from /healthz`, async t => {
    const { monitored, begun } = numbered()
    const { url } = await serve(t, monitoringRoutes(monitored))
    const all = Array.from({ length: 16 }, () => ask(url, path))
    while (begun.length === 0) await setImmediate()
    assert.equal((await ask(url, '/healthz')).text, 'ok\n')
    assert.equal((await ask(url, '/readyz')).text, 'ready\n')
    begun[0]?.()
    const [first, ...others] = (await Promise.all(all)).map(({ status, text, headers }) => [status, text, headers.age])
    for (const other of others) assert.deepEqual(other, first)
    assert.deepEqual([first?.[0], first?.[2]], [200, '0'])
    // Less than a second later it is the same, and who wants it anew gets it anew.
    assert.equal((await ask(url, path)).text, first?.[1])
    assert.equal(begun.length, 1)
    const anew = ask(url, path, { headers: { 'cache-control': 'no-cache' } })
    while (begun.length === 1) await setImmediate()
    begun[1]?.()
    assert.match((await anew).text, /2/)
  })
}

test('work that many ask for is done once a second at most, and who asks anew gets what began later', async () => {
  const step = fc.oneof(fc.constantFrom('ask' as const, 'anew' as const), fc.integer({ min: 1, max: 1500 }))
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async steps => {
      const clock = new SimulatedClock()
      const pass = async (ms: number) => {
        for (let passed = 0; passed < ms; passed += 100) {
          await setImmediate()
          clock.increment(Math.min(100, ms - passed))
        }
        await setImmediate()
      }
      const began: number[] = []
      const shared = new SharedAnswer(
        () => {
          began.push(clock.now())
          return clock.now()
        },
        { ...processClock, now: () => clock.now(), setTimeout: (wake, ms) => clock.setTimeout(wake, ms) },
      )
      const answers: Promise<unknown>[] = []
      for (const next of steps) {
        if (typeof next === 'number') await pass(next)
        else {
          const askedMs = clock.now()
          const answer = next === 'ask' ? shared.ask() : shared.askAnew()
          answers.push(
            answer.then(({ value }) => {
              assert.ok(next === 'ask' ? askedMs - value < 1000 : value >= askedMs)
              // It begins at the latest in a second, by a clock that goes in steps.
              assert.ok(value - askedMs <= 1100)
            }),
          )
        }
      }
      await pass(1000)
      await pass(1000)
      await Promise.all(answers)
      for (const [place, at] of began.entries()) {
        if (place > 0) assert.ok(at - (began[place - 1] ?? 0) >= 1000, `${began}`)
      }
    }),
    { numRuns: 50 },
  )
})

test('work that fails is told to all who asked, and is done again', async () => {
  const impatient = { ...processClock, setTimeout: (wake: () => void) => setTimeout(wake, 0) }
  let times = 0
  const shared = new SharedAnswer(async () => {
    if (times++ === 0) throw new Error('on purpose')
    return 7
  }, impatient)
  const both = await Promise.allSettled([shared.ask(), shared.ask()])
  for (const { status } of both) assert.equal(status, 'rejected')
  assert.equal((await shared.ask()).value, 7)
})

test('many items are worked off in slices, each once', async () => {
  let turns = 0
  let isDone = false
  const others = (async () => {
    while (!isDone) {
      await setImmediate()
      turns++
    }
  })()
  const met: number[] = []
  await inSlices(Array(400).keys(), item => {
    const until = performance.now() + 0.25
    while (performance.now() < until);
    met.push(item)
  })
  isDone = true
  await others
  assert.deepEqual(met, [...Array(400).keys()])
  assert.ok(turns > 5, `others had ${turns} turns`)
})

// What waits in the connector: for room, on disk, and to be written as metrics.
import assert from 'node:assert/strict'
import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { Budget } from '../../src/connector/budget.ts'
import { Counters } from '../../src/connector/counters.ts'
import { metricsLine } from '../../src/connector/metrics-file.ts'
import { type Kept, WaitingFile, type WaitingKind } from '../../src/connector/waiting-file.ts'

describe('a budget', () => {
  test('is never exceeded but by one that is larger, and whoever waits comes in order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 15 }), { maxLength: 30 }), async amounts => {
        const budget = new Budget(10)
        const held: number[] = []
        const came: number[] = []
        const all = amounts.map(async (amount, at) => {
          assert.ok(await budget.take(amount))
          came.push(at)
          held.push(amount)
          const used = held.reduce((sum, each) => sum + each, 0)
          assert.ok(used <= 10 || held.length === 1)
          await Promise.resolve()
          held.splice(held.indexOf(amount), 1)
          budget.give(amount)
        })
        await Promise.all(all)
        assert.deepEqual(
          came,
          amounts.map((_, at) => at),
        )
      }),
    )
  })

  test('is not waited for any longer than one wants to', async () => {
    const budget = new Budget(1)
    assert.ok(budget.take(1))
    const controller = new AbortController()
    const [first, second] = [budget.take(1, controller.signal), budget.take(1)]
    controller.abort()
    assert.equal(await first, false)
    assert.equal(budget.take(1, controller.signal), false)
    budget.give(1)
    assert.equal(await second, true)
  })
})

describe('what waits on disk', () => {
  function path(t: TestContext): string {
    const directory = mkdtempSync(join(tmpdir(), 'waiting-'))
    t.after(() => rmSync(directory, { recursive: true }))
    return join(directory, 'waiting')
  }
  const unexpected = (error: unknown) => assert.fail(`${error}`)

  test('is there again, in its order, without what was dropped, however often it is opened', t => {
    let serial = 0
    const file = path(t)
    const kind = fc.constantFrom<WaitingKind>('indicator', 'sighting', 'ioc')
    const step = fc.oneof(
      fc.record({ keep: kind, text: fc.string({ unit: 'grapheme' }) }),
      fc.record({ drop: fc.nat(10) }),
      fc.constant('reopen' as const),
    )
    fc.assert(
      fc.property(fc.array(step), steps => {
        const each = `${file}-${serial++}`
        let store = new WaitingFile(each, unexpected)
        let waiting: Kept[] = []
        for (const step of steps) {
          if (step === 'reopen') {
            store.close()
            store = new WaitingFile(each, unexpected)
            assert.deepEqual(store.left, waiting)
          } else if ('keep' in step) {
            waiting.push({ key: store.keep(step.keep, step.text), kind: step.keep, text: step.text })
          } else {
            const gone = waiting[step.drop]?.key ?? 1_000_000
            store.drop(gone)
            waiting = waiting.filter(({ key }) => key !== gone)
          }
        }
        store.close()
      }),
      { numRuns: 50 },
    )
  })

  test('is for its owner alone, and survives a line that was cut off', t => {
    const file = path(t)
    const store = new WaitingFile(file, unexpected)
    store.keep('sighting', '{}')
    assert.equal(statSync(file).mode & 0o777, 0o600)
    store.close()
    appendFileSync(file, '{"key":2,"kind":"sigh')
    const next = new WaitingFile(file, unexpected)
    assert.deepEqual(next.left, [{ key: 1, kind: 'sighting', text: '{}' }])
    next.close()
  })

  test('takes no more room than twice what waits, and some', t => {
    const file = path(t)
    const store = new WaitingFile(file, unexpected)
    const text = 'x'.repeat(100_000)
    const first = store.keep('sighting', text)
    for (let times = 0; times < 200; times++) store.drop(store.keep('sighting', text))
    assert.ok(statSync(file).size < 4_800_000)
    store.close()
    assert.deepEqual(
      new WaitingFile(file, unexpected).left.map(({ key }) => key),
      [first],
    )
    assert.ok(readFileSync(file).length < 200_000)
  })
})

describe('metrics', () => {
  test('have what changed, and only that; what is counted begins again, the backlog does not', () => {
    const counters = new Counters()
    assert.deepEqual(counters.takeFields(), [])
    counters.indicatorTaken()
    counters.indicatorTaken()
    counters.backlogIs(2)
    counters.retroMatched(3, 0.5)
    counters.retroMatched(0, 1.5)
    counters.liveMatched()
    assert.deepEqual(counters.takeFields(), [
      'added_iocs=2',
      'retro_match_backlog=2',
      'retro_matches_per_ioc_min=0',
      'retro_matches_per_ioc_max=3',
      'retro_matches_per_ioc_avg=1.5',
      'retro_query_time_per_ioc_min=0.5',
      'retro_query_time_per_ioc_max=1.5',
      'retro_query_time_per_ioc_avg=1',
      'live_matcher_sightings=1',
    ])
    assert.deepEqual(counters.takeFields(), [])
    counters.indicatorRemoved()
    counters.backlogIs(1)
    assert.deepEqual(counters.takeFields(), ['removed_iocs=1', 'retro_match_backlog=1'])
  })

  test('are a line of InfluxDB, whatever the host is called', () => {
    const line = metricsLine('a host,of=mine', ['added_iocs=1', 'removed_iocs=2'], '1')
    assert.equal(line, 'vast-threatbus,host=a\\ host\\,of\\=mine added_iocs=1,removed_iocs=2 1')
  })
})

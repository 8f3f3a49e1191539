// What indicators want → the content of the live matcher → calls of a VAST that is only pretended.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import fc from 'fast-check'
import PQueue from 'p-queue'
import { pino } from 'pino'
import { Counters } from '../../src/connector/counters.ts'
import { MatcherContent } from '../../src/connector/matcher-content.ts'
import { ConnectorStory } from '../../src/connector/story.ts'
import type { CallResult } from '../../src/connector/vast.ts'
import { type Kept, NoStore, type WaitingStore } from '../../src/connector/waiting-file.ts'

const succeeded: CallResult = { outcome: 'succeeded', sentence: 'exited with 0', stderr: '', overlongLines: 0 }
const failed: CallResult = { ...succeeded, outcome: 'failed', sentence: 'exited with 1' }

/** A content, and a VAST that takes calls in its own time; `fails` says which do not succeed. */
function setUp(fails: () => boolean = () => false, store: WaitingStore = new NoStore(), most = 100, failure = failed) {
  const known = new Map<string, string>()
  const running = new Set<string>()
  const calls = new PQueue({ concurrency: 4 })
  const counters = new Counters()
  const call = async (value: string, change: () => void) => {
    assert.ok(!running.has(value), 'one call for a value at a time')
    running.add(value)
    await setImmediate()
    const fail = fails()
    if (!fail) change()
    running.delete(value)
    return fail ? failure : succeeded
  }
  const content = new MatcherContent({
    vast: {
      addIoc: (value, reference) => call(value, () => known.set(value, reference)),
      removeIoc: value => call(value, () => known.delete(value)),
    },
    ...{ calls, store, most },
    story: new ConnectorStory(pino({ level: 'silent' }), counters),
    pauses: { shortestRetryPauseMs: 1, longestRetryPauseMs: 1 },
    attempts: 3,
    killed: new AbortController().signal,
    suspectVast: () => {},
  })
  return { content, known, calls, counters }
}

const ids = fc.constantFrom('one', 'two', 'three')
const values = fc.uniqueArray(fc.constantFrom('a', 'b', 'c'), { maxLength: 3 })
const steps = fc.array(
  fc.oneof(
    fc.record({ what: fc.constant('put' as const), id: ids, values }),
    fc.record({ what: fc.constant('remove' as const), id: ids, values: fc.constant<string[]>([]) }),
    fc.record({ what: fc.constantFrom('fill' as const, 'hold' as const, 'wait' as const), id: ids, values }),
  ),
  { maxLength: 30 },
)

describe('the content of the live matcher', () => {
  test('is in the end what is wanted, whatever changes while calls run', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async all => {
        const { content, known, calls } = setUp()
        const wanted = new Map<string, readonly string[]>()
        for (const { what, id, values } of all) {
          if (what === 'put') {
            content.put(id, values)
            wanted.delete(id)
            wanted.set(id, values)
          } else if (what === 'remove') {
            content.remove(id, values)
            wanted.delete(id)
          } else if (what === 'fill') content.fill()
          else if (what === 'hold') content.hold()
          else await setImmediate()
        }
        content.fill()
        await calls.onIdle()
        const expected = new Map([...wanted].flatMap(([id, each]) => each.map(value => [value, `threatbus__${id}`])))
        assert.deepEqual(new Map([...known].sort()), new Map([...expected].sort() as [string, string][]))
      }),
      { numRuns: 200 },
    )
  })

  test('is told nothing before the matcher is attached', async () => {
    const { content, known, calls } = setUp()
    content.put('one', ['a'])
    await calls.onIdle()
    assert.equal(known.size, 0)
    content.fill()
    await calls.onIdle()
    assert.deepEqual([...known], [['a', 'threatbus__one']])
  })

  test('is told again of what failed, but not for ever', async () => {
    let left = 2
    const { content, known, calls, counters } = setUp(() => left-- > 0)
    content.fill()
    content.put('one', ['a'])
    await calls.onIdle()
    assert.deepEqual([...known.keys()], ['a'])
    left = 3
    content.put('two', ['b'])
    await calls.onIdle()
    assert.deepEqual([...known.keys()], ['a'])
    assert.equal(counters.losses.ioc_refused, 1)
    content.fill()
    await calls.onIdle()
    assert.deepEqual([...known.keys()].sort(), ['a', 'b'])
  })

  test('is not told again of what VAST can not parse, before the matcher is attached anew', async () => {
    let told = 0
    const refuses = () => ++told < 3
    const syntaxError: CallResult = { ...failed, outcome: 'syntax_error' }
    const { content, known, calls, counters } = setUp(refuses, new NoStore(), 100, syntaxError)
    content.fill()
    content.put('one', ['a'])
    await calls.onIdle()
    content.remove('one', [])
    await calls.onIdle()
    assert.deepEqual([told, counters.losses.ioc_syntax_error, content.size], [2, 2, 0])
    content.put('two', ['b'])
    await calls.onIdle()
    assert.deepEqual([...known.keys()], ['b'])
  })

  test('has no more values than it may', async () => {
    const { content, known, calls, counters } = setUp(() => false, new NoStore(), 2)
    content.fill()
    content.put('one', ['a', 'b', 'c'])
    await calls.onIdle()
    assert.deepEqual([...known.keys()].sort(), ['a', 'b'])
    assert.equal(counters.losses.live_matcher_full, 1)
    content.remove('one', [])
    content.put('two', ['c'])
    await calls.onIdle()
    assert.equal(known.size, 0)
  })

  test('forgets what an earlier run told VAST, if nobody wants it any more', async () => {
    const kept: Kept[] = []
    class Store extends NoStore {
      override keep(): number {
        return 1
      }
    }
    const { content, known, calls } = setUp(() => false, new Store())
    for (const [at, value] of ['a', 'b'].entries()) {
      known.set(value, 'threatbus__one')
      kept.push({ key: at, kind: 'ioc', text: value })
    }
    for (const each of kept) content.recall(each)
    assert.ok(content.isRemoved('a'))
    content.put('two', ['b'])
    content.fill()
    await calls.onIdle()
    assert.deepEqual([...known], [['b', 'threatbus__two']])
    assert.ok(!content.isRemoved('b'))
  })

  test('still loses at the end what is removed, and gets nothing any more', async () => {
    const { content, known, calls } = setUp()
    content.fill()
    content.put('one', ['a'])
    await calls.onIdle()
    content.hold()
    content.remove('one', [])
    content.put('two', ['b'])
    content.end()
    await calls.onIdle()
    assert.equal(known.size, 0)
  })
})

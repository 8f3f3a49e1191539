import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import fc from 'fast-check'
import { batchOf } from '../../src/delivery/batch.ts'
import { MessageLog } from '../../src/delivery/message-log.ts'
import type {
  SharedSelection,
  SnapshotCriteria,
  SnapshotRange,
  SnapshotSelection,
} from '../../src/delivery/message-store.ts'
import { Selections } from '../../src/delivery/selections.ts'
import { numbered } from './logs.ts'
import { MemoryStore } from './memory-store.ts'

/** A store whose selections are made when the test says so. */
class HesitantStore extends MemoryStore {
  /** What is being selected: one at a time. */
  making: { readonly criteria: SnapshotCriteria; done(error?: Error): void } | undefined
  /** Times that selections begin with, in order. */
  readonly begun: number[] = []
  readonly cancelled: number[] = []

  override async select(criteria: SnapshotCriteria, signal?: AbortSignal): Promise<SharedSelection> {
    assert.equal(this.making, undefined, 'one at a time')
    this.begun.push(criteria.sinceMs)
    try {
      await new Promise<void>((resolve, reject) => {
        const done = (error?: Error) => (error ? reject(error) : resolve())
        this.making = { criteria, done }
        signal?.addEventListener('abort', () => {
          this.cancelled.push(criteria.sinceMs)
          reject(signal.reason)
        })
      })
      return await super.select(criteria)
    } finally {
      this.making = undefined
    }
  }

  /** What one range has, selected for it alone. */
  async selectedBy(range: SnapshotRange): Promise<SnapshotSelection> {
    const criteria = { sinceMs: range.sinceMs, earliestEnd: range.upTo, latestEnd: range.upTo, maxVersions: 0 }
    return (await super.select(criteria)).within(range, ['indicator'])
  }

  /** Finishes selections until there are none to be made. */
  async finishAll(): Promise<void> {
    for (await nextTurn(); this.making; await nextTurn()) this.making.done()
  }
}

function open(maxSelections = 10, turnMs = 1e6) {
  const store = new HesitantStore()
  const log = new MessageLog(store, { maxRecentMessages: 10, maxRecentBytes: 1e9, durability: 'background' })
  log.append(batchOf(Array.from({ length: 20 }, () => numbered('indicator'))))
  const selections = new Selections(store, { maxSelections, turnMs })
  const answered: string[] = []
  const ask = (topic: string, { address = '', sinceMs = 0, upTo = 20 } = {}) => {
    const controller = new AbortController()
    const answer = selections.of(
      { topic, address },
      { sinceMs, upTo },
      { types: ['indicator'], signal: controller.signal },
    )
    answer.then(selection => selection && answered.push(topic)).catch(() => {})
    return {
      answer,
      /** It unsubscribes: what it waited for is given up. */
      leave: () => {
        controller.abort()
        selections.forget(topic)
      },
    }
  }
  return { store, log, selections, answered, ask }
}

function numbersOf(selection: SnapshotSelection | undefined): readonly number[] {
  const numbers: number[] = []
  for (let next = selection?.nextFrom(0); next !== undefined; next = selection?.nextFrom(next + 1)) numbers.push(next)
  return numbers
}

describe('the selections of snapshots', () => {
  test('are made once for all who ask for the same, however many, and whenever they ask again', async () => {
    const { store, selections, ask } = open(1)
    const answers = Array.from({ length: 500 }, (_, each) => ask(`${each}`).answer)
    await store.finishAll()
    const [first] = await Promise.all(answers)
    for (let again = 0; again < 500; again++) assert.equal((await ask(`${again}`).answer)?.shared, first?.shared)
    assert.equal(store.begun.length, 1)
    assert.equal(selections.waits, 0)
  })

  test('are made once for who ask while messages arrive, and each gets what its own range has', async () => {
    const { store, log, ask } = open()
    const before = ask('before')
    await nextTurn()
    const others = Array.from({ length: 30 }, (_, each) => {
      const upTo = log.next - 1
      if (each % 3 === 0) log.append(batchOf([numbered('indicator')]))
      return { upTo, answer: ask(`${each}`, { upTo }).answer }
    })
    await store.finishAll()
    await before.answer
    // The first was being made, the second is for all who came meanwhile, and takes its place.
    assert.equal(store.begun.length, 2)
    for (const { upTo, answer } of others) {
      const own = await store.selectedBy({ sinceMs: 0, upTo })
      assert.deepEqual(numbersOf(await answer), numbersOf(own))
    }
    assert.equal((await ask('before').answer)?.shared, (await others.at(-1)?.answer)?.shared)
  })

  test('are cancelled when nobody wants them any more, and not before', async () => {
    const { store, answered, ask } = open()
    const [first, second] = [ask('first'), ask('second')]
    const third = ask('third', { sinceMs: 1 })
    await nextTurn()
    first.leave()
    await nextTurn()
    assert.deepEqual(store.cancelled, [])
    second.leave()
    await nextTurn()
    assert.deepEqual([store.cancelled, store.begun], [[0], [0, 1]])
    assert.equal(await first.answer, undefined)
    await store.finishAll()
    await third.answer
    assert.deepEqual(answered, ['third'])
    // Nor is one made for who has left while waiting.
    const waiting = ask('fourth', { sinceMs: 2 })
    ask('fifth', { sinceMs: 3 }).leave()
    await store.finishAll()
    await waiting.answer
    assert.equal(store.begun.length, 3)
  })

  test('are kept as long as somebody uses them', async () => {
    const { store, ask } = open()
    const [one, other] = [ask('one'), ask('other')]
    await store.finishAll()
    one.leave()
    await ask('other').answer
    assert.equal(store.begun.length, 1)
    other.leave()
    ask('one')
    await store.finishAll()
    assert.equal(store.begun.length, 2)
  })

  test('are made in turn by address: who is alone waits for one of each other, and those who leave for none', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(40), fc.integer({ min: 1, max: 5 }), fc.nat(400), async (stay, addresses, leave) => {
        const { store, answered, ask } = open(1000)
        for (let each = 0; each < stay; each++) {
          ask(`${each}`, { address: `${each % addresses}`, sinceMs: each + 1 })
        }
        await nextTurn()
        const leaving = Array.from({ length: leave }, (_, each) => ask(`leaving ${each}`, { sinceMs: 1000 + each }))
        ask('honest', { address: 'honest', sinceMs: 999 })
        for (const { leave } of leaving) leave()
        await store.finishAll()
        const before = answered.indexOf('honest')
        assert.ok(before >= 0 && before <= addresses + 1, `${before} were answered before`)
        assert.equal(answered.length, stay + 1)
        const forNobody = store.begun.filter(since => since >= 1000)
        assert.ok(forNobody.length <= 1)
        assert.deepEqual(store.cancelled, forNobody)
      }),
      { numRuns: 50 },
    )
  })

  test('beyond those that may be kept wait until one is not used any more', async () => {
    const { store, selections, answered, ask } = open(2)
    const first = ask('first', { sinceMs: 1 })
    ask('second', { sinceMs: 2 })
    const third = ask('third', { sinceMs: 3 })
    await store.finishAll()
    assert.deepEqual([answered, store.begun.length, selections.waits], [['first', 'second'], 2, 1])
    // They are read by meanwhile: nothing is made anew.
    for (let turn = 0; turn < 10; turn++)
      await Promise.all([ask('first', { sinceMs: 1 }), ask('second', { sinceMs: 2 })].map(({ answer }) => answer))
    assert.equal(store.begun.length, 2)
    first.leave()
    await store.finishAll()
    await third.answer
    assert.equal(store.begun.length, 3)
  })

  test('that are in use give way when they had their turn, those first that were not used for longest', async () => {
    const { store, ask } = open(2, 0)
    for (const sinceMs of [1, 2]) ask(`${sinceMs}`, { sinceMs })
    await store.finishAll()
    await ask('1', { sinceMs: 1 }).answer
    const third = ask('3', { sinceMs: 3 })
    while (store.making === undefined) await nextTurn()
    await store.finishAll()
    await third.answer
    await ask('1', { sinceMs: 1 }).answer
    assert.equal(store.begun.length, 3)
    const back = ask('2', { sinceMs: 2 })
    while (store.making === undefined) await nextTurn()
    await store.finishAll()
    await back.answer
    assert.equal(store.begun.length, 4)
  })

  test('that could not be made are made again when somebody asks', async () => {
    const { store, ask } = open()
    const failing = [ask('one'), ask('other')]
    const later = ask('later', { sinceMs: 1 })
    await nextTurn()
    const { making } = store
    making?.done(new Error('the disk is gone'))
    for (const { answer } of failing) await assert.rejects(answer, /gone/)
    await store.finishAll()
    await later.answer
    const again = ask('one')
    await store.finishAll()
    assert.ok(await again.answer)
    assert.equal(store.begun.length, 3)
  })
})

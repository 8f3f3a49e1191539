import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import fc from 'fast-check'
import { batchOf } from '../../src/delivery/batch.ts'
import { Cursor } from '../../src/delivery/cursor.ts'
import { Pace } from '../../src/delivery/pace.ts'
import { Pages } from '../../src/delivery/pages.ts'
import { allAt } from '../../src/delivery/positions.ts'
import { Supplies } from '../../src/delivery/supplies.ts'
import { everything } from '../../src/delivery/wanted.ts'
import { messageOf } from '../../src/protocol/message.ts'
import { Application } from './application.ts'
import { framesOf, numbered, openLog } from './logs.ts'
import { MemoryStore } from './memory-store.ts'

/** A store with so many messages, ten a page, each a version of an object of its own. */
function filled(messages: number) {
  const store = new MemoryStore()
  const { log, supplies } = openLog(store)
  const published = Array.from({ length: messages }, (_, each) => {
    const object = { id: `indicator--${each}`, modified: '', removed: false }
    return messageOf('indicator', String(each).padStart(10, '0'), { object })
  })
  for (const message of published) log.append(batchOf([message]))
  return { store, log, supplies, published }
}

/** A store with so many messages, of which each is read for itself. */
function storeOf(messages: number): MemoryStore {
  const store = new MemoryStore(1)
  for (let first = 1; first <= messages; first++)
    store.append({ ...batchOf([numbered('indicator')]), first, acceptedMs: 0 })
  return store
}

const patient = new AbortController().signal

describe('the pages of the store', () => {
  test('are read once for all who hold or await them, and those of them who need what is in their middle', async () => {
    const { store } = filled(100)
    const pages = new Pages(store, { maxHeld: 1, cachedBytes: 0 })
    const hold = async (sequence: number, topic: string) => {
      const page = await pages.hold(sequence, topic, patient)
      assert.ok(page)
      return { page, topic }
    }
    const held = await Promise.all(Array.from({ length: 500 }, (_, each) => hold(1, `${each}`)))
    const later = await Promise.all([1, 5, 10].map(sequence => hold(sequence, `later ${sequence}`)))
    assert.deepEqual([store.reads, pages.waits], [1, 0])
    // Another one waits until all of them have given it back.
    let isThere = false
    const next = hold(11, 'next').then(({ page }) => {
      isThere = true
      return page
    })
    await nextTurn()
    for (const { page, topic } of [...held, ...later]) {
      assert.equal(isThere, false)
      pages.release(page, topic)
    }
    assert.equal((await next).start, 11)
    assert.deepEqual([store.reads, pages.waits], [2, 1])
  })

  test('are held as many as may be, whoever gives them back, whatever fails', async () => {
    const step = fc.record({
      sequence: fc.integer({ min: 1, max: 60 }),
      turns: fc.nat(3),
      topic: fc.nat(9).map(String),
      leaves: fc.boolean(),
    })
    const steps = fc.array(step, { maxLength: 60 })
    await fc.assert(
      fc.asyncProperty(
        steps,
        fc.integer({ min: 1, max: 3 }),
        fc.constantFrom(0, 500),
        async (steps, maxHeld, cachedBytes) => {
          const { store } = filled(60)
          let fails = 0
          let reading = 0
          const read = store.read.bind(store)
          store.read = async sequence => {
            assert.ok(++reading + held.size <= maxHeld, 'no more are read and held than may be')
            const batches = await read(sequence)
            reading--
            if (sequence % 7 === 0 && fails++ % 2 === 0) throw new Error('it can not be read')
            return batches
          }
          const pages = new Pages(store, { maxHeld, cachedBytes })
          const held = new Map<object, number>()
          const holding = new Set<string>()
          await Promise.all(
            steps.map(async ({ sequence, turns, topic, leaves }) => {
              const left = new AbortController()
              for (let turn = 0; turn < turns; turn++) await undefined
              const coming = pages.hold(sequence, topic, left.signal).catch(() => undefined)
              for (let turn = 0; leaves && turn < turns; turn++) await undefined
              if (leaves) left.abort()
              const page = await coming
              if (page === undefined) return
              held.set(page, (held.get(page) ?? 0) + 1)
              assert.ok(!holding.has(topic), 'nobody holds two')
              holding.add(topic)
              assert.ok(page.batches.some(({ first }) => first === sequence))
              for (let turn = 0; turn < turns; turn++) await undefined
              const holders = (held.get(page) ?? 0) - 1
              if (holders === 0) held.delete(page)
              else held.set(page, holders)
              holding.delete(topic)
              pages.release(page, topic)
            }),
          )
          // All of them are free again, and nobody waits for himself.
          for (let each = 0; each < maxHeld; each++) {
            await pages.hold(1 + each * 20, `${each}`, patient).catch(() => {})
          }
        },
      ),
      { numRuns: 100 },
    )
  })
})

describe('the pace of snapshots', () => {
  test('gives each address so many turns a pause, in the order in which they came, and none to who has gone', async () => {
    const pauses: (() => void)[] = []
    const pace = new Pace({ maxPerAddress: 2, betweenPages: () => new Promise(resolve => pauses.push(resolve)) })
    const gone = new AbortController()
    const went: string[] = []
    const turn = (name: string, address: string, signal = new AbortController().signal) =>
      pace.turn(address, signal).then(() => signal.aborted || went.push(name))
    const all = [
      turn('gone', 'a', gone.signal),
      ...['1', '2', '3', '4', '5'].map(name => turn(name, 'a')),
      turn('other', 'b'),
    ]
    gone.abort()
    const ended: string[][] = []
    while (went.length < 6) {
      pauses.shift()?.()
      await new Promise(setImmediate)
      ended.push(went.slice(ended.flat().length))
    }
    await Promise.all(all)
    assert.deepEqual(ended, [['1', '2', 'other'], ['3', '4'], ['5']])
    assert.equal(pace.heldBack, 2)
    assert.equal(pauses.length, 0)
  })
})

describe('those who replay one snapshot', () => {
  test('move together: however many there are, its selection is made and its pages are read once', async () => {
    const { store, log, supplies, published } = filled(200)
    assert.ok(supplies)
    const snapshot = { sinceMs: 0, upTo: log.next - 1 }
    const fresh = { position: 1, confirms: false }
    const readers = Array.from({ length: 50 }, (_, each) => {
      return new Application(log, supplies, { topic: `${each}`, address: `${each % 5}`, fresh, snapshot })
    })
    await Promise.all(readers.map(reader => reader.finish()))
    for (const { received } of readers) assert.deepEqual(received, framesOf(published))
    assert.equal(store.selects, 1)
    assert.ok(store.reads <= 2 * Math.ceil(200 / 10), `${store.reads} reads`)
  })
})

const bounds = { maxHeld: 2, cachedBytes: 0 }

describe('the pages of several connections', () => {
  test('are held by each subscriber in turn, one at a time, on however many connections it wants one', async () => {
    const connections = fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 3, maxLength: 6 })
    await fc.assert(
      fc.asyncProperty(connections, async counts => {
        // Each wants another one: those that are alike are shared.
        const pages = new Pages(storeOf(36), bounds)
        const holding: string[] = []
        const turns: string[] = []
        const ended = new AbortController()
        for (const [subscriber, count] of counts.entries()) {
          for (let connection = 0; connection < count; connection++) {
            const hold = async () => {
              const page = await pages.hold(1 + 6 * subscriber + connection, `${subscriber}`, ended.signal)
              if (page === undefined) return
              turns.push(`${subscriber}`)
              holding.push(`${subscriber}`)
              assert.ok(holding.length <= bounds.maxHeld)
              assert.equal(new Set(holding).size, holding.length, 'nobody holds two')
              await nextTurn()
              holding.splice(holding.indexOf(`${subscriber}`), 1)
              pages.release(page, `${subscriber}`)
              await hold()
            }
            hold()
          }
        }
        while (turns.length < 20 * counts.length) await nextTurn()
        ended.abort()
        while (holding.length > 0) await nextTurn()
        for (const [subscriber] of counts.entries()) {
          const had = turns.filter(each => each === `${subscriber}`).length
          assert.ok(Math.abs(had - turns.length / counts.length) <= bounds.maxHeld, `${had} of ${turns.length} turns`)
        }
      }),
      { numRuns: 30 },
    )
  })

  test('are not waited for, nor read, by those who have given that up', async () => {
    const store = storeOf(10)
    const pages = new Pages(store, { ...bounds, maxHeld: 1 })
    const { signal } = new AbortController()
    const first = await pages.hold(1, 'holds it', signal)
    assert.ok(first)
    const left = new AbortController()
    const given = Array.from({ length: 100 }, (_, at) => pages.hold(1 + (at % 9), `${at % 7}`, left.signal))
    const stays = pages.hold(5, '3', signal)
    left.abort()
    assert.deepEqual(new Set(await Promise.all(given)), new Set([undefined]))
    const before = store.reads
    pages.release(first, 'holds it')
    assert.equal((await stays)?.start, 5)
    assert.equal(store.reads, before + 1)
    assert.equal(await pages.hold(1, '3', AbortSignal.abort()), undefined)
  })

  test('are given back by who finds nothing there for himself: no message may come for long', async () => {
    const store = new MemoryStore()
    const { log } = openLog(store)
    const supplies = new Supplies(store, {
      ...bounds,
      ...{ maxHeld: 1, maxSelections: 1, maxPerAddress: 1, betweenPages: async () => {}, turnMs: 1000 },
    })
    for (let count = 0; count < 50; count++) log.append(batchOf([numbered('indicator')]))
    const edges = { filled() {}, replayed() {}, missed: () => assert.fail() }
    const cursorOf = (topic: string, interest: 'indicator' | 'sighting') =>
      new Cursor(
        log,
        { topic, address: '', interest, snapshot: undefined },
        { positions: allAt(1), frames: 0, wanted: everything },
        edges,
      )
    const { signal } = new AbortController()
    const idle = cursorOf('one', 'sighting')
    await supplies.supply(idle, signal)
    assert.equal(idle.isEmpty, true)
    const busy = cursorOf('other', 'indicator')
    await supplies.supply(busy, signal)
    assert.notEqual(busy.head, undefined)
  })
})

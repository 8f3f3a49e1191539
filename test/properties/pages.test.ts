import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { batchOf } from '../../src/delivery/batch.ts'
import { Pace } from '../../src/delivery/pace.ts'
import { Pages } from '../../src/delivery/pages.ts'
import { messageOf } from '../../src/protocol/message.ts'
import { Application } from './application.ts'
import { framesOf, openLog } from './logs.ts'
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

describe('the pages of the store', () => {
  test('are read once for all who hold or await them, and those of them who need what is in their middle', async () => {
    const { store } = filled(100)
    const pages = new Pages(store, { maxHeld: 1, cachedBytes: 0 })
    const held = await Promise.all(Array.from({ length: 500 }, () => pages.hold(1)))
    const later = await Promise.all([1, 5, 10].map(sequence => pages.hold(sequence)))
    assert.deepEqual([store.reads, pages.waits], [1, 0])
    // Another one waits until all of them have given it back.
    let isThere = false
    const next = pages.hold(11).then(page => {
      isThere = true
      return page
    })
    for (const page of [...held, ...later]) {
      assert.equal(isThere, false)
      pages.release(page)
    }
    assert.equal((await next).start, 11)
    assert.deepEqual([store.reads, pages.waits], [2, 1])
  })

  test('are held as many as may be, whoever gives them back, whatever fails', async () => {
    const steps = fc.array(fc.tuple(fc.integer({ min: 1, max: 60 }), fc.nat(3)), { maxLength: 60 })
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
          await Promise.all(
            steps.map(async ([sequence, turns]) => {
              for (let turn = 0; turn < turns; turn++) await undefined
              const page = await pages.hold(sequence).catch(() => undefined)
              if (page === undefined) return
              held.set(page, (held.get(page) ?? 0) + 1)
              assert.ok(page.batches.some(({ first }) => first === sequence))
              for (let turn = 0; turn < turns; turn++) await undefined
              const holders = (held.get(page) ?? 0) - 1
              if (holders === 0) held.delete(page)
              else held.set(page, holders)
              pages.release(page)
            }),
          )
          // All of them are free again.
          for (let each = 0; each < maxHeld; each++) await pages.hold(1 + each * 20).catch(() => {})
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

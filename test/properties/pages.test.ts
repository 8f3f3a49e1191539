import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import fc from 'fast-check'
import { batchOf } from '../../src/delivery/batch.ts'
import { Cursor } from '../../src/delivery/cursor.ts'
import { Pages } from '../../src/delivery/pages.ts'
import { allAt } from '../../src/delivery/positions.ts'
import { Supplies } from '../../src/delivery/supplies.ts'
import { everything } from '../../src/delivery/wanted.ts'
import { numbered, openLog } from './logs.ts'
import { MemoryStore } from './memory-store.ts'

const bounds = { maxHeld: 2, cachedBytes: 0 }

/** A store with so many messages, of which each is read for itself. */
function storeOf(messages: number): MemoryStore {
  const store = new MemoryStore(1)
  for (let first = 1; first <= messages; first++)
    store.append({ ...batchOf([numbered('indicator')]), first, acceptedMs: 0 })
  return store
}

describe('pages', () => {
  test('are held by each subscriber in turn, one at a time, on however many connections it wants one', async () => {
    const connections = fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 3, maxLength: 6 })
    await fc.assert(
      fc.asyncProperty(connections, async counts => {
        const pages = new Pages(storeOf(10), bounds)
        const holding: string[] = []
        const turns: string[] = []
        const ended = new AbortController()
        for (const [subscriber, count] of counts.entries()) {
          for (let connection = 0; connection < count; connection++) {
            const hold = async () => {
              const page = await pages.hold(1 + connection, `${subscriber}`, ended.signal)
              if (page === undefined) return
              turns.push(`${subscriber}`)
              holding.push(`${subscriber}`)
              assert.ok(holding.length <= bounds.maxHeld)
              assert.equal(new Set(holding).size, holding.length, 'nobody holds two')
              await nextTurn()
              holding.splice(holding.indexOf(`${subscriber}`), 1)
              pages.release(`${subscriber}`)
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
    await pages.hold(1, 'holds it', signal)
    const left = new AbortController()
    const given = Array.from({ length: 100 }, (_, at) => pages.hold(1 + (at % 9), `${at % 7}`, left.signal))
    const stays = pages.hold(5, '3', signal)
    left.abort()
    assert.deepEqual(new Set(await Promise.all(given)), new Set([undefined]))
    const before = store.reads
    pages.release('holds it')
    assert.equal((await stays)?.start, 5)
    assert.equal(store.reads, before + 1)
    assert.equal(await pages.hold(1, '3', AbortSignal.abort()), undefined)
  })

  test('are given back by who finds nothing there for himself: no message may come for long', async () => {
    const store = new MemoryStore()
    const { log } = openLog(store)
    const supplies = new Supplies(store, { ...bounds, maxHeld: 1, maxSelections: 1, betweenPages: async () => {} })
    for (let count = 0; count < 50; count++) log.append(batchOf([numbered('indicator')]))
    const edges = { filled() {}, replayed() {}, missed: () => assert.fail() }
    const cursorOf = (topic: string, interest: 'indicator' | 'sighting') =>
      new Cursor(
        log,
        { topic, interest, snapshot: undefined },
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

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import fc from 'fast-check'
import type { SnapshotRange, SnapshotSelection } from '../../src/delivery/message-store.ts'
import { keyOf } from '../../src/history/log/record.ts'
import { LatestVersions, partOf } from '../../src/history/selection/latest-versions.ts'
import { SequenceSet } from '../../src/history/selection/sequence-set.ts'
import { VersionSet } from '../../src/history/selection/version-set.ts'
import { type Message, messageOf } from '../../src/protocol/message.ts'
import { loggedBatch } from './log-arbitraries.ts'
import { openStore, selectedOf } from './log-directory.ts'
import { inDirectory } from './subscription-arbitraries.ts'

/** Few objects with few versions, so that they come again: a version is a day, and half of the ids have no UUID. */
const messages: fc.Arbitrary<Message> = fc
  .record({
    type: fc.constantFrom('indicator', 'sighting'),
    object: fc.integer({ min: -1, max: 15 }),
    day: fc.integer({ min: 1, max: 9 }),
    removed: fc.nat(4).map(one => one === 0),
    only: fc.nat(9).map(one => one === 0),
  })
  .map(({ type, object, day, removed, only }) =>
    messageOf(type, '{}', {
      audience: only ? { only: 'a' } : undefined,
      object: object < 0 ? undefined : { id: idOf(type, object), modified: modifiedOf(day), removed },
    }),
  )

function idOf(type: string, object: number): string {
  const end = String(object).padStart(12, '0')
  return object % 2 === 0 ? `${type}--5f0ab1f2-6b8a-4d9f-9d6c-${end}` : `${type}--${object}`
}

function modifiedOf(day: number): string {
  // The same time in two spellings.
  return day % 2 === 0 ? `2024-01-0${day}T00:00:00Z` : `2024-01-0${day}T00:00:00.000z`
}

interface Logged {
  readonly message: Message
  readonly sequence: number
  readonly acceptedMs: number
}

/** What shall be selected, by a Map. */
function expectedOf(log: readonly Logged[], range: SnapshotRange, types: readonly string[]) {
  const latest = new Map<string, { sequence: number; message: Message }>()
  for (const { message, sequence, acceptedMs } of log) {
    if (message.audience || !types.includes(message.type) || sequence > range.upTo) continue
    if (acceptedMs < range.sinceMs) continue
    const key = message.object?.id ?? `none ${sequence}`
    const before = latest.get(key)?.message.object?.modified.slice(0, 10) ?? ''
    if ((message.object?.modified.slice(0, 10) ?? '') >= before) latest.set(key, { sequence, message })
  }
  const kept = [...latest.values()].filter(({ message }) => message.object?.removed !== true)
  return kept.sort((one, other) => one.sequence - other.sequence)
}

function numbersOf(selection: SnapshotSelection): readonly number[] {
  const numbers: number[] = []
  for (let next = selection.nextFrom(0); next !== undefined; next = selection.nextFrom(next + 1)) numbers.push(next)
  return numbers
}

describe('the selection of a snapshot', () => {
  test('has what was accepted in the very millisecond that it begins with, in whichever segment', async t => {
    await inDirectory(async directory => {
      const sinceMs = 1_700_000_000_000
      t.mock.timers.enable({ apis: ['Date'], now: sinceMs })
      // Each message fills a segment, and all segments are begun in that millisecond.
      const { store } = await openStore(directory, { segmentBytes: 1 })
      for (let sequence = 1; sequence <= 3; sequence++) {
        store.append(loggedBatch([messageOf('indicator', '{}')], sequence, sinceMs))
        await store.committed()
      }
      const selection = await selectedOf(store, { sinceMs, upTo: 3 })
      assert.deepEqual(numbersOf(selection), [1, 2, 3])
      await store.close()
    })
  })

  test('is the latest version of each object that is not removed, and what is no object', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.array(messages, { minLength: 1, maxLength: 8 }), fc.nat(3)), { maxLength: 20 }),
        fc.record({
          sinceMs: fc.integer({ min: 900, max: 1030 }),
          ends: fc.tuple(fc.nat(120), fc.nat(120)).map(([one, other]) => [Math.min(one, other), Math.max(one, other)]),
          maxVersions: fc.oneof(fc.nat(12), fc.constant(1000)),
        }),
        fc.subarray(['indicator', 'sighting'] as const),
        fc.constantFrom(4, 8, 1000),
        fc.constantFrom(1, 500, 1e9),
        (batches, { sinceMs, ends, maxVersions }, types, maxSelectedAtOnce, segmentBytes) =>
          inDirectory(async directory => {
            const { store, told } = await openStore(directory, { maxSelectedAtOnce, segmentBytes })
            const log: Logged[] = []
            let acceptedMs = 1000
            for (const [batch, laterMs] of batches) {
              acceptedMs += laterMs
              for (const [index, message] of batch.entries()) {
                log.push({ message, sequence: store.next + index, acceptedMs })
              }
              store.append(loggedBatch(batch, store.next, acceptedMs))
              if (laterMs === 0) await store.written()
            }
            const [earliestEnd = 0, latestEnd = 0] = ends.map(end => Math.min(end, store.next - 1))
            const criteria = { sinceMs, earliestEnd, latestEnd, maxVersions }
            const shared = await store.select(criteria, new AbortController().signal)
            const numbers = Array.from({ length: store.next + 2 }, (_, sequence) => sequence)
            for (let upTo = earliestEnd - 1; upTo <= latestEnd + 1; upTo++) {
              for (const since of [sinceMs, 0, sinceMs + 1, 1030]) {
                const range = { sinceMs: since, upTo }
                const covers = shared.covers(range)
                if (since === sinceMs) assert.equal(covers, earliestEnd <= upTo && upTo <= latestEnd)
                if (!covers) continue
                const expected = expectedOf(log, range, types).map(({ sequence }) => sequence)
                const selection = shared.within(range, types)
                assert.deepEqual(
                  numbers.filter(each => selection.has(each)),
                  expected,
                )
                assert.deepEqual(
                  numbers.map(each => selection.nextFrom(each)),
                  numbers.map(each => expected.find(other => other >= each)),
                )
              }
            }
            // What it remembers is selected, for whomever; for who ends last, it is all there is, if there is room.
            const all = ['indicator', 'sighting'] as const
            const last = { sinceMs, upTo: latestEnd }
            const selection = shared.within(last, all)
            const versionOf = ({ message: { object } }: Pick<Logged, 'message'>) =>
              object && `${object.id} ${object.modified}`
            const isKnown = ({ message: { object } }: Pick<Logged, 'message'>) =>
              object !== undefined && selection.hasVersion(object.id, object.modified)
            const latest = expectedOf(log, last, all)
            const selected = new Set(latest.map(versionOf))
            for (let upTo = earliestEnd; upTo <= latestEnd; upTo++) {
              for (const each of expectedOf(log, { sinceMs, upTo }, all)) selected.add(versionOf(each))
            }
            assert.ok(log.filter(isKnown).every(each => selected.has(versionOf(each))))
            assert.ok((shared.versions ?? 0) <= maxVersions)
            if (maxVersions === 1000)
              assert.ok(latest.every(each => each.message.object === undefined || isKnown(each)))
            shared.forgetVersions()
            assert.ok(!log.some(isKnown))
            assert.equal(shared.versions, undefined)
            await store.close()
            assert.deepEqual(told, [])
          }),
      ),
      { numRuns: 40 },
    )
  })

  test('is given up soon when nobody wants it any more, wherever it is, and the next one is made', async () => {
    await inDirectory(async directory => {
      const { store } = await openStore(directory, { segmentBytes: 100_000 })
      const objects = Array.from({ length: 200 }, () => messageOf('indicator', 'x'.repeat(2000)))
      for (let batches = 0; batches < 10; batches++) store.append(loggedBatch(objects, store.next))
      await store.written()
      const upTo = store.next - 1
      const criteria = { sinceMs: 0, earliestEnd: upTo, latestEnd: upTo, maxVersions: 0 }
      for (let turns = 0; turns < 30; turns += 3) {
        const controller = new AbortController()
        const given = [1, 2].map(() => store.select(criteria, controller.signal).catch(String))
        const next = selectedOf(store, { sinceMs: 0, upTo })
        for (let turn = 0; turn < turns; turn++) await nextTurn()
        controller.abort('nobody waits')
        const [first, second] = await Promise.all(given)
        assert.ok(first === 'nobody waits' || typeof first === 'object')
        assert.ok(second === 'nobody waits' || typeof second === 'object')
        assert.equal(numbersOf(await next).length, upTo)
      }
      await store.close()
    })
  })

  test('of many is made one at a time, and each is right', async () => {
    await inDirectory(async directory => {
      const { store } = await openStore(directory, { maxSelectedAtOnce: 10 })
      const objects = Array.from({ length: 100 }, (_, object) =>
        messageOf('indicator', '{}', {
          object: { id: idOf('indicator', object), modified: modifiedOf(1), removed: false },
        }),
      )
      store.append(loggedBatch([...objects, ...objects], 1))
      const selections = await Promise.all([50, 100, 150, 200].map(upTo => selectedOf(store, { sinceMs: 0, upTo })))
      assert.deepEqual(
        selections.map(selection => [numbersOf(selection).length, selection.nextFrom(1)]),
        [
          [50, 1],
          [100, 1],
          [100, 51],
          [100, 101],
        ],
      )
      await store.close()
    })
  })
})

describe('the parts of objects', () => {
  test('are about as large, even if the objects were chosen to be alike', () => {
    const seed = 123
    for (const parts of [4, 16, 64]) {
      const sizes = new Array<number>(parts).fill(0)
      for (let object = 0; object < 10_000; object++) {
        // All of them end alike.
        const start = object.toString(16).padStart(8, '0')
        const part = partOf(keyOf('indicator', `indicator--${start}-6b8a-4d9f-9d6c-0f4d1f8a7c11`), parts, seed)
        sizes[part] = (sizes[part] ?? 0) + 1
      }
      for (const size of sizes) assert.ok(size < (10_000 / parts) * 1.5, `${sizes}`)
    }
  })
})

describe('a set of sequence numbers', () => {
  test('is like a Set', () => {
    const changes = fc.array(fc.tuple(fc.boolean(), fc.nat(200)), { maxLength: 100 })
    fc.assert(
      fc.property(fc.oneof(fc.integer({ min: 1, max: 100 }), fc.constant(2 ** 40)), changes, (from, changes) => {
        const set = SequenceSet.between(from, from + 200)
        const model = new Set<number>()
        for (const [adds, offset] of changes) {
          if (adds) set.add(from + offset)
          else set.delete(from + offset)
          if (adds) model.add(from + offset)
          else model.delete(from + offset)
          assert.equal(set.size, model.size)
        }
        const sorted = [...model].sort((one, other) => one - other)
        for (let sequence = from - 40; sequence < from + 300; sequence++) {
          assert.equal(set.has(sequence), model.has(sequence))
          assert.equal(
            set.nextFrom(sequence),
            sorted.find(each => each >= sequence),
          )
        }
      }),
    )
  })

  test('of an empty range has none', () => {
    const set = SequenceSet.between(5, 4)
    assert.deepEqual([set.size, set.has(5), set.nextFrom(0)], [0, false, undefined])
  })
})

describe('the latest versions, and all of them', () => {
  test('are like those in a Map and a Set, however many there are', () => {
    const notes = fc.array(fc.tuple(fc.nat(3000), fc.nat(3)), { minLength: 1, maxLength: 3000, size: 'max' })
    fc.assert(
      fc.property(notes, fc.nat(2 ** 32 - 2), (notes, seed) => {
        const latest = new LatestVersions(seed, 512)
        const versions = VersionSet.none(seed, notes.length)
        const model = new Map<string, { modified: number; sequence: number }>()
        for (const [index, [object, modified]] of notes.entries()) {
          const key = keyOf(object % 3 === 0 ? 'sighting' : 'indicator', idOf('indicator', object))
          const before = model.get(key)
          const isLatest = before === undefined || modified >= before.modified
          assert.equal(latest.note(key, modified, index + 1), isLatest ? (before?.sequence ?? 0) : -1)
          versions.add(key, modified)
          if (isLatest) model.set(key, { modified, sequence: index + 1 })
          assert.equal(latest.size, model.size)
        }
        const passedOn = new VersionSet(versions.table)
        const noted = new Set(notes.map(([object, modified]) => `${object} ${modified}`))
        assert.equal(passedOn.size, noted.size)
        for (const [object] of notes) {
          const key = keyOf(object % 3 === 0 ? 'sighting' : 'indicator', idOf('indicator', object))
          for (const modified of [0, 1, 2, 3, 4]) {
            assert.equal(passedOn.has(key, modified), noted.has(`${object} ${modified}`))
          }
        }
        assert.equal(passedOn.has(keyOf('indicator', 'another'), 0), false)
      }),
      { numRuns: 30 },
    )
  })
})

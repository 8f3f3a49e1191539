import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, renameSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { SnapshotCriteria, SnapshotSelection } from '../../src/delivery/message-store.ts'
import { Selections } from '../../src/delivery/selections.ts'
import { LatestVersions, partOf } from '../../src/history/latest-versions.ts'
import { keyOf } from '../../src/history/record.ts'
import { SequenceSet } from '../../src/history/sequence-set.ts'
import { type Message, messageOf } from '../../src/protocol/message.ts'
import { loggedBatch } from './log-arbitraries.ts'
import { openStore } from './log-directory.ts'
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

/** What shall be selected, by a Map. */
function expectedOf(
  log: readonly { message: Message; sequence: number; acceptedMs: number }[],
  criteria: SnapshotCriteria,
) {
  const types: readonly string[] = criteria.types
  const latest = new Map<string, { sequence: number; message: Message }>()
  for (const { message, sequence, acceptedMs } of log) {
    if (message.audience || !types.includes(message.type) || sequence > criteria.upTo) continue
    if (acceptedMs < criteria.sinceMs) continue
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
      const selection = await store.select({ types: ['indicator'], sinceMs, upTo: 3, maxVersions: 0 })
      assert.deepEqual(numbersOf(selection), [1, 2, 3])
      await store.close()
    })
  })

  test('is the latest version of each object that is not removed, and what is no object', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.array(messages, { minLength: 1, maxLength: 8 }), fc.nat(3)), { maxLength: 20 }),
        fc.record({
          types: fc.subarray(['indicator', 'sighting'] as const, { minLength: 1 }),
          sinceMs: fc.integer({ min: 900, max: 1030 }),
          upTo: fc.nat(120),
          maxVersions: fc.oneof(fc.nat(12), fc.constant(1000)),
        }),
        fc.constantFrom(4, 8, 1000),
        fc.constantFrom(1, 500, 1e9),
        (batches, criteria, maxSelectedAtOnce, segmentBytes) =>
          inDirectory(async directory => {
            const { store, told } = await openStore(directory, { maxSelectedAtOnce, segmentBytes })
            const log: { message: Message; sequence: number; acceptedMs: number }[] = []
            let acceptedMs = 1000
            for (const [batch, laterMs] of batches) {
              acceptedMs += laterMs
              for (const [index, message] of batch.entries()) {
                log.push({ message, sequence: store.next + index, acceptedMs })
              }
              store.append(loggedBatch(batch, store.next, acceptedMs))
              if (laterMs === 0) await store.written()
            }
            const upTo = Math.min(criteria.upTo, store.next - 1)
            const expected = expectedOf(log, { ...criteria, upTo })
            const selection = await store.select({ ...criteria, upTo })
            const numbers = expected.map(({ sequence }) => sequence)
            assert.deepEqual(numbersOf(selection), numbers)
            const all = Array.from({ length: store.next + 2 }, (_, index) => index)
            assert.deepEqual(
              all.filter(sequence => selection.has(sequence)),
              numbers,
            )
            for (const sequence of all) {
              assert.equal(
                selection.nextFrom(sequence),
                numbers.find(each => each >= sequence),
              )
            }
            const versions = expected.flatMap(({ message }) => (message.object ? [message.object] : []))
            assert.equal(selection.versions, Math.min(criteria.maxVersions, versions.length))
            const known = versions.slice(0, criteria.maxVersions).map(({ id, modified }) => `${id} ${modified}`)
            for (const { message } of log) {
              if (!message.object) continue
              const { id, modified } = message.object
              assert.equal(selection.hasVersion(id, modified), known.includes(`${id} ${modified}`))
            }
            selection.forgetVersions()
            assert.equal(selection.versions, 0)
            await store.close()
            assert.deepEqual(told, [])
          }),
      ),
      { numRuns: 80 },
    )
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
      const selections = await Promise.all(
        [50, 100, 150, 200].map(upTo => store.select({ types: ['indicator'], sinceMs: 0, upTo, maxVersions: 0 })),
      )
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

describe('the selections that are kept', () => {
  const range = { sinceMs: 0, upTo: 1 }

  test('are made once, also if two ask at once', async () => {
    await inDirectory(async directory => {
      const { store } = await openStore(directory)
      const selections = new Selections(store, 1)
      const both = await Promise.all([
        selections.of('a', range, ['indicator']),
        selections.of('a', range, ['indicator']),
      ])
      assert.equal(both[0], both[1])
      selections.forget('a')
      assert.notEqual(await selections.of('a', range, ['indicator']), both[0])
      await store.close()
    })
  })

  test('are made again if they could not be made', async () => {
    await inDirectory(async directory => {
      const { store } = await openStore(directory)
      store.append(loggedBatch([messageOf('indicator', '{}')], 1))
      await store.committed()
      const [segment = ''] = readdirSync(directory)
      const path = join(directory, segment)
      renameSync(path, `${path}.away`)
      mkdirSync(path)
      const selections = new Selections(store, 1)
      await assert.rejects(selections.of('a', range, ['indicator']))
      rmdirSync(path)
      renameSync(`${path}.away`, path)
      assert.deepEqual(numbersOf(await selections.of('a', range, ['indicator'])), [1])
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

describe('the latest versions', () => {
  test('are like those in a Map, however many there are', () => {
    const notes = fc.array(fc.tuple(fc.nat(3000), fc.nat(3)), { minLength: 1, maxLength: 3000, size: 'max' })
    fc.assert(
      fc.property(notes, fc.nat(2 ** 32 - 2), (notes, seed) => {
        const latest = LatestVersions.none(seed)
        const model = new Map<string, { modified: number; sequence: number }>()
        for (const [index, [object, modified]] of notes.entries()) {
          const key = keyOf(object % 3 === 0 ? 'sighting' : 'indicator', idOf('indicator', object))
          const before = model.get(key)
          const isLatest = before === undefined || modified >= before.modified
          assert.equal(latest.note(key, modified, index + 1), isLatest ? (before?.sequence ?? 0) : -1)
          if (isLatest) model.set(key, { modified, sequence: index + 1 })
          assert.equal(latest.size, model.size)
        }
        const passedOn = new LatestVersions(latest.table)
        for (const [key, { modified }] of model) {
          assert.deepEqual([passedOn.has(key, modified), passedOn.has(key, modified + 1)], [true, false])
        }
        assert.equal(passedOn.has(keyOf('indicator', 'another'), 0), false)
      }),
      { numRuns: 30 },
    )
  })
})

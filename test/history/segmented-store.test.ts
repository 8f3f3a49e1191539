import assert from 'node:assert/strict'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { LoggedBatch } from '../../src/delivery/batch.ts'
import { SegmentedStore } from '../../src/history/segmented-store.ts'
import { type Message, messageOf } from '../../src/protocol/message.ts'
import { anyMessages, loggedBatch } from './log-arbitraries.ts'
import { framesFrom, framesOf, openStore, segmentFiles, toldEvents, wideSettings } from './log-directory.ts'
import { inDirectory } from './subscription-arbitraries.ts'

type Step =
  | { readonly append: readonly Message[]; readonly gap: number }
  | { readonly read: number }
  | 'commit'
  | 'reopen'

const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({
        append: fc.array(anyMessages, { minLength: 1, maxLength: 6 }),
        gap: fc.oneof({ weight: 5, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(5) }),
      }),
    },
    { weight: 4, arbitrary: fc.record({ read: fc.nat(1000) }) },
    { weight: 2, arbitrary: fc.constant('commit' as const) },
    { weight: 1, arbitrary: fc.constant('reopen' as const) },
  ),
  { maxLength: 30 },
)

/** Of a batch of the model: what a page has of it, whose batches may be parts of those that were appended. */
function assertPage(page: readonly LoggedBatch[], model: readonly LoggedBatch[], sequence: number): void {
  const expected = new Map(model.flatMap(batch => [...framesOf(batch)]))
  const following = [...expected.keys()].find(at => at >= sequence)
  if (following === undefined) {
    assert.deepEqual(page, [])
    return
  }
  const [first] = page
  assert.ok(first !== undefined && first.first <= following && following < first.first + first.messages.length)
  const numbers = page.flatMap(batch => [...framesOf(batch)])
  // Without holes: all that is in the log between the page's ends.
  const kept = [...expected].filter(([at]) => at >= first.first && at <= (numbers.at(-1)?.[0] ?? 0))
  assert.deepEqual(numbers, kept)
  for (const batch of page) {
    const origin = model.find(each => each.first <= batch.first && batch.first < each.first + each.messages.length)
    assert.equal(batch.acceptedMs, origin?.acceptedMs)
    assert.equal(
      batch.bytes,
      batch.messages.reduce((sum, { frame }) => sum + frame.length, 0),
    )
    for (const [index, { type, audience, frame }] of batch.messages.entries()) {
      const original = origin?.messages[index + batch.first - origin.first]
      assert.deepEqual([type, audience, frame], [original?.type, original?.audience, original?.frame])
    }
  }
}

/** Appends so many batches of one message, each committed, so that each has a write of its own. */
async function appendCommitted(store: SegmentedStore, count: number, bytes = 100): Promise<LoggedBatch[]> {
  const batches: LoggedBatch[] = []
  for (let index = 0; index < count; index++) {
    const batch = loggedBatch([messageOf('indicator', `${store.next} ${'x'.repeat(bytes)}`)], store.next)
    store.append(batch)
    batches.push(batch)
    await store.committed()
  }
  return batches
}

describe('the messages on disk', () => {
  test('are those that were appended, whenever they are read and however often they are opened again', async () => {
    await fc.assert(
      fc.asyncProperty(steps, fc.constantFrom(1, 200, 2000, 1e9), (steps, segmentBytes) =>
        inDirectory(async directory => {
          let { store, told } = await openStore(directory, { segmentBytes })
          const model: LoggedBatch[] = []
          let acceptedMs = 1_700_000_000_000
          for (const step of steps) {
            if (step === 'commit') {
              await store.committed()
              assert.equal(store.unwrittenBytes, 0)
              assert.equal(store.readable, store.next)
            } else if (step === 'reopen') {
              await store.close()
              ;({ store, told } = await openStore(directory, { segmentBytes }))
            } else if ('append' in step) {
              const batch = loggedBatch(step.append, store.next + step.gap, acceptedMs++)
              store.append(batch)
              model.push(batch)
            } else {
              await store.written()
              assertPage(await store.read(step.read % (store.next + 3)), model, step.read % (store.next + 3))
            }
            const last = model.at(-1)
            assert.equal(store.next, last ? last.first + last.messages.length : 1)
            assert.equal(store.oldest, model[0]?.first ?? store.next)
          }
          await store.written()
          assert.deepEqual(await framesFrom(store), new Map(model.flatMap(batch => [...framesOf(batch)])))
          await store.close()
          assert.deepEqual(told, [])
          const names = segmentFiles(directory)
          assert.deepEqual(readdirSync(directory).sort(), names)
          for (const name of names) assert.equal(statSync(join(directory, name)).mode & 0o777, 0o600)
        }),
      ),
      { numRuns: 60 },
    )
  })

  test('have their place before they are written: the oldest is the first that was appended', async () => {
    await inDirectory(async directory => {
      const { store } = await openStore(directory)
      assert.deepEqual([store.oldest, store.next, store.readable], [1, 1, 1])
      store.append(loggedBatch([messageOf('indicator', '{}')], 5))
      assert.deepEqual([store.oldest, store.next, store.readable], [5, 6, 1])
      assert.deepEqual(await store.read(1), [])
      await store.committed()
      assert.deepEqual([store.oldest, store.next, store.readable], [5, 6, 6])
      await store.close()
    })
  })

  test('come in pages of about 256 KiB, and a message of 16 MiB in one', async () => {
    await inDirectory(async directory => {
      const { store } = await openStore(directory)
      const large = messageOf('indicator', 'x'.repeat(16 * 1_048_576))
      const medium = Array.from({ length: 200 }, () => messageOf('indicator', 'y'.repeat(10_000)))
      store.append(loggedBatch([large], 1))
      for (const message of medium) store.append(loggedBatch([message], store.next))
      await store.committed()
      const sizes: number[] = []
      for (let sequence = 1; sequence < store.next; ) {
        const page = await store.read(sequence)
        sizes.push(page.reduce((sum, { bytes }) => sum + bytes, 0))
        sequence = (page.at(-1)?.first ?? store.next) + 1
      }
      assert.equal(sizes[0], large.frame.length)
      for (const size of sizes.slice(1)) assert.ok(size <= 262_144 + 10_100, `${size} bytes`)
      for (const size of sizes.slice(1, -1)) assert.ok(size >= 262_144, `${size} bytes`)
      // Its index finds any place again.
      assert.equal((await store.read(150))[0]?.first, 150)
      await store.close()
    })
  })

  test('of the oldest segments go when there are too many; the last segment stays', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 3000 }),
        fc.integer({ min: 1, max: 1000 }),
        fc.integer({ min: 2, max: 25 }),
        (maxBytes, segmentBytes, count) =>
          inDirectory(async directory => {
            const { store } = await openStore(directory, { maxBytes, segmentBytes })
            const batches = await appendCommitted(store, count)
            const files = segmentFiles(directory)
            const sizes = files.map(name => statSync(join(directory, name)).size)
            const closed = sizes.slice(0, -1).reduce((sum, size) => sum + size, 0)
            assert.ok(closed <= maxBytes, `${closed} bytes of ${maxBytes}`)
            assert.equal(store.oldest, Number(files[0]?.slice(0, 16)))
            const kept = batches.filter(({ first }) => first >= store.oldest)
            assert.ok(kept.length >= 1)
            // No more goes than has to: with the segment before, it would be too much.
            if (store.oldest > 1) assert.ok(closed + segmentBytes + 500 > maxBytes)
            assert.deepEqual(await framesFrom(store), new Map(kept.flatMap(batch => [...framesOf(batch)])))
            await store.close()
            const again = await openStore(directory, { maxBytes: 1, segmentBytes })
            assert.equal(again.store.next, count + 1)
            assert.equal(segmentFiles(directory).length, 1)
            assert.equal((await framesFrom(again.store)).get(count), String(batches.at(-1)?.messages[0]?.frame))
            await again.store.close()
          }),
      ),
      { numRuns: 40 },
    )
  })

  test('that are deleted while someone reads them are read to the end, or passed over', async () => {
    await inDirectory(async directory => {
      const { store, told } = await openStore(directory, { maxBytes: 3000, segmentBytes: 500 })
      let isOver = false
      const readers = Array.from({ length: 4 }, async () => {
        for (let sequence = 1; !isOver || sequence < store.next; ) {
          const page = await store.read(sequence)
          const numbers = page.flatMap(batch => [...framesOf(batch)])
          for (const [at, frame] of numbers) assert.ok(frame.startsWith(`indicator ${at} `))
          const last = numbers.at(-1)?.[0] ?? 0
          assert.ok(page.length === 0 || last >= sequence)
          sequence = Math.max(sequence, last + 1)
          await new Promise(setImmediate)
          // Now and then it begins again with what is not there any more.
          if (sequence % 7 === 0) sequence = isOver ? sequence + 1 : 1
        }
      })
      await appendCommitted(store, 100)
      isOver = true
      await Promise.all(readers)
      assert.ok(store.oldest > 50)
      assert.equal((await store.read(1))[0]?.first, store.oldest)
      await store.close()
      assert.deepEqual(told, [])
    })
  })

  test('are written little by little, however many are appended at once', () =>
    inDirectory(async directory => {
      const readable = [1]
      const written = () => void readable.push(store.readable)
      const store: SegmentedStore = await SegmentedStore.open(directory, wideSettings, { ...toldEvents(), written })
      const batch = loggedBatch(
        Array.from({ length: 5000 }, (_, index) => messageOf('indicator', `${index} ${'x'.repeat(1000)}`)),
        1,
      )
      store.append(batch)
      assert.equal(store.next, 5001)
      await store.committed()
      assert.equal(readable.at(-1), 5001)
      const most = Math.max(...readable.map((end, index) => end - (readable[index - 1] ?? end)))
      assert.ok(most < 1500, `${most} messages of 1 kB in one go`)
      assert.deepEqual(await framesFrom(store), framesOf(batch))
      await store.close()
    }))
})

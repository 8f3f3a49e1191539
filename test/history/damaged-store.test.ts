import assert from 'node:assert/strict'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { HistoryError } from '../../src/history/history-error.ts'
import { encodeRecords } from '../../src/history/log/record.ts'
import { segmentFileName } from '../../src/history/log/segment.ts'
import { segmentHeaderBytes } from '../../src/history/log/segment-header.ts'
import { LogReader } from '../../src/history/reader.ts'
import { messageOf } from '../../src/protocol/message.ts'
import { loggedBatch } from './log-arbitraries.ts'
import { framesFrom, openStore, segmentFiles, selectedOf } from './log-directory.ts'
import { inDirectory } from './subscription-arbitraries.ts'

/** Each record has so many bytes, and a segment so many records. */
const recordBytes = 200
const recordsPerSegment = 5
const segmentBytes = segmentHeaderBytes + recordsPerSegment * recordBytes

function frameOf(sequence: number): string {
  return `indicator ${String(sequence).padEnd(recordBytes - 32 - 31 - 10, '.')}`
}

/** A log of so many messages, each a record. */
async function writeLog(directory: string, count: number): Promise<string[]> {
  const { store } = await openStore(directory, { segmentBytes })
  for (let sequence = 1; sequence <= count; sequence++) {
    store.append(loggedBatch([messageOf('indicator', frameOf(sequence).slice(10))], sequence, Date.now()))
    await store.committed()
  }
  await store.close()
  return segmentFiles(directory)
}

/** The frames with these numbers. */
function framesOf(sequences: readonly number[]): Map<number, string> {
  return new Map(sequences.map(sequence => [sequence, frameOf(sequence)]))
}

function upTo(last: number): number[] {
  return Array.from({ length: last }, (_, index) => index + 1)
}

function flipBit(path: string, at: number, bit: number): void {
  const bytes = readFileSync(path)
  bytes[at] = (bytes[at] as number) ^ (1 << bit)
  writeFileSync(path, bytes)
}

/** The log in this directory can't be opened, and this says why. */
async function assertRefused(directory: string, reason: RegExp, path = directory): Promise<void> {
  await assert.rejects(openStore(directory), (error: Error) => {
    assert.ok(error instanceof HistoryError, String(error))
    assert.match(error.message, reason)
    assert.ok(error.message.includes(path), error.message)
    return true
  })
}

describe('after a crash, the messages on disk', () => {
  test('are there up to the last intact one, and go on behind it', async () => {
    await inDirectory(async directory => {
      const original = join(directory, 'original')
      const names = await writeLog(original, 13)
      const name = names.at(-1) ?? ''
      const size = readFileSync(join(original, name)).length
      assert.deepEqual([names.length, size], [3, segmentHeaderBytes + 3 * recordBytes])
      let run = 0
      const garbages = fc.oneof(
        fc.constant(new Uint8Array()),
        fc.uint8Array({ minLength: 1, maxLength: 500 }),
        fc.nat(5000).map(length => new Uint8Array(length)),
      )
      await fc.assert(
        fc.asyncProperty(fc.oneof(fc.nat(size), fc.nat(40)), garbages, async (end, garbage) => {
          // Sectors are written whole, and what is behind the header only when that is on disk.
          fc.pre(end >= segmentHeaderBytes || garbage.length === 0 || (end === 0 && garbage.every(byte => byte === 0)))
          const copy = join(directory, String(run++))
          cpSync(original, copy, { recursive: true })
          const bytes = readFileSync(join(original, name)).subarray(0, end)
          writeFileSync(join(copy, name), Buffer.concat([bytes, garbage]))
          const intact = end < segmentHeaderBytes ? 10 : 10 + Math.floor((end - segmentHeaderBytes) / recordBytes)
          const { store, told } = await openStore(copy, { segmentBytes })
          assert.equal(store.next, intact + 1)
          assert.equal(store.readable, intact + 1)
          assert.deepEqual(await framesFrom(store), framesOf(upTo(intact)))
          store.append(loggedBatch([messageOf('indicator', frameOf(intact + 1).slice(10))], intact + 1))
          await store.committed()
          assert.deepEqual(await framesFrom(store), framesOf(upTo(intact + 1)))
          await store.close()
          const left = end < segmentHeaderBytes ? 0 : (end - segmentHeaderBytes) % recordBytes
          if (end >= segmentHeaderBytes) assert.equal(told.length, left + garbage.length > 0 ? 1 : 0)
          const kept = readdirSync(copy).filter(file => file.includes('.damaged-'))
          if (left > 0) assert.equal(readFileSync(join(copy, kept[0] ?? '')).length, left + garbage.length)
          const again = await openStore(copy, { segmentBytes })
          assert.deepEqual(again.told, [])
          assert.deepEqual(await framesFrom(again.store), framesOf(upTo(intact + 1)))
          await again.store.close()
        }),
        { numRuns: 60 },
      )
    })
  })

  test('never give a number away twice: a segment without a header tells what came before it', async () => {
    await inDirectory(async directory => {
      mkdirSync(join(directory, 'log'))
      writeFileSync(join(directory, 'log', segmentFileName(5001)), Buffer.alloc(17))
      const { store } = await openStore(join(directory, 'log'))
      assert.equal(store.next, 5001)
      assert.equal(store.oldest, 5001)
      await store.close()
    })
  })

  test('are all there beside a segment that was hardly begun, wherever it is', async () => {
    for (const left of ['', 'TBUSL', '\0'.repeat(segmentHeaderBytes)]) {
      await inDirectory(async directory => {
        const names = await writeLog(directory, 13)
        writeFileSync(join(directory, segmentFileName(4)), left)
        writeFileSync(join(directory, `${segmentFileName(14)}.new`), left)
        const reader = await LogReader.open(directory)
        let read = 0
        for await (const { messages } of reader.batches()) read += messages.length
        assert.equal(read, 13)
        await reader.close()
        const { store, told } = await openStore(directory)
        assert.deepEqual(told, [])
        assert.deepEqual(await framesFrom(store), framesOf(upTo(13)))
        assert.deepEqual(readdirSync(directory).sort(), names)
        await store.close()
      })
    }
  })

  test('leave at most three files of damaged ends', async () => {
    await inDirectory(async directory => {
      const [name = ''] = await writeLog(directory, 2)
      const path = join(directory, name)
      for (let crash = 1; crash <= 6; crash++) {
        const garbage = `garbage ${crash}`
        writeFileSync(path, Buffer.concat([readFileSync(path), Buffer.from(garbage)]))
        // Their names have the time in milliseconds.
        for (const now = Date.now(); Date.now() === now; );
        const { store, told } = await openStore(directory)
        await store.close()
        assert.deepEqual(told, [`damaged: ${name}.damaged`])
        const kept = readdirSync(directory).filter(file => file.includes('.damaged-'))
        assert.equal(kept.length, Math.min(3, crash))
        assert.equal(readFileSync(join(directory, kept.sort().at(-1) ?? ''), 'utf8'), garbage)
      }
    })
  })
})

describe('a bit that is flipped in an older segment', () => {
  test('costs its record, is told once, and is no end of reading', async () => {
    await inDirectory(async directory => {
      const names = await writeLog(directory, 13)
      const path = join(directory, names[1] ?? '')
      const original = readFileSync(path)
      await fc.assert(
        fc.asyncProperty(
          fc.nat(recordsPerSegment - 1),
          fc.nat(recordBytes - 1),
          fc.nat(7),
          async (record, byte, bit) => {
            writeFileSync(path, original)
            flipBit(path, segmentHeaderBytes + record * recordBytes + byte, bit)
            const { store, told } = await openStore(directory)
            const frames = await framesFrom(store)
            const damaged = 6 + record
            const needed = upTo(13).filter(sequence => sequence !== damaged)
            assert.deepEqual(frames, framesOf(needed))
            for (let sequence = 1; sequence <= 14; sequence++) {
              const from = await framesFrom(store, sequence)
              for (const each of needed.slice(needed.findIndex(other => other >= sequence))) {
                if (each >= sequence) assert.equal(from.get(each), frameOf(each), `${each} from ${sequence}`)
              }
            }
            assert.deepEqual(told, [`damaged: ${names[1]}`])
            const selected = await selectedOf(store, { sinceMs: 0, upTo: 13 })
            for (const sequence of needed) assert.ok(selected.has(sequence), `${sequence} of a snapshot`)
            await store.close()
          },
        ),
        { numRuns: 40 },
      )
      writeFileSync(path, original)
    })
  })

  test('does not make other messages disappear: places are not looked for by a damaged number', async () => {
    await inDirectory(async directory => {
      // Large records, so that the index knows each.
      const records = upTo(6).flatMap(sequence =>
        encodeRecords(loggedBatch([messageOf('indicator', `${sequence} ${'x'.repeat(300_000)}`)], sequence * 100)),
      )
      const first = await writeLog(directory, 1)
      const path = join(directory, first[0] ?? '')
      const header = readFileSync(path).subarray(0, segmentHeaderBytes)
      // The fourth says that it is the second hundredth and a half.
      records[3]?.writeDoubleLE(150, 8)
      writeFileSync(path, Buffer.concat([header, ...records]))
      writeFileSync(join(directory, segmentFileName(700)), header)
      const { store } = await openStore(directory)
      assert.deepEqual([...(await framesFrom(store, 160)).keys()], [200, 300, 500, 600])
      await store.close()
    })
  })

  test('or a file that was cut meanwhile is no endless loop', async () => {
    await inDirectory(async directory => {
      const names = await writeLog(directory, 13)
      const { store } = await openStore(directory)
      truncateSync(join(directory, names[1] ?? ''), segmentHeaderBytes + 2 * recordBytes + 50)
      assert.deepEqual(await framesFrom(store), framesOf(upTo(13).filter(sequence => sequence < 8 || sequence > 10)))
      await store.close()
    })
  })
})

/** Something that happens to a file: a bit flips, a stretch becomes zeros, or everything from there on is gone. */
type Mishap = { readonly place: number } & (
  | { readonly bit: number }
  | { readonly zeros: number }
  | { readonly cut: true }
)

const mishaps: fc.Arbitrary<Mishap> = fc.oneof(
  fc.record({ place: fc.nat(), bit: fc.nat(7) }),
  // Headers are small, and shall be hit as often.
  fc.record({ place: fc.nat(segmentHeaderBytes - 1), bit: fc.nat(7) }),
  fc.record({ place: fc.nat(), zeros: fc.integer({ min: 1, max: 300 }) }),
  fc.record({ place: fc.nat(), cut: fc.constant<true>(true) }),
)

/** What is left of these bytes. */
function after(bytes: Buffer, mishap: Mishap): Buffer {
  if (bytes.length === 0) return bytes
  const at = mishap.place % bytes.length
  if ('cut' in mishap) return bytes.subarray(0, at)
  if ('zeros' in mishap) return bytes.fill(0, at, Math.min(bytes.length, at + mishap.zeros))
  bytes[at] = (bytes[at] as number) ^ (1 << mishap.bit)
  return bytes
}

/** The header as versions before the checksum wrote it. */
function withoutChecksum(bytes: Buffer): Buffer {
  bytes.writeUInt32LE(1, 8)
  bytes.writeUInt32LE(0, 12)
  return bytes
}

describe('whatever happens to the files of a log', () => {
  for (const version of [1, 2]) {
    test(`what it did not hit is delivered, in order, and what is gone is told (format ${version})`, async () => {
      await inDirectory(async directory => {
        const original = join(directory, 'original')
        const names = await writeLog(original, 13)
        const files = names.map(name => {
          const bytes = readFileSync(join(original, name))
          return version === 1 ? withoutChecksum(bytes) : bytes
        })
        let run = 0
        await fc.assert(
          fc.asyncProperty(
            fc.array(fc.tuple(fc.nat(names.length - 1), mishaps), { minLength: 1, maxLength: 6 }),
            async hits => {
              const copy = join(directory, String(run++))
              mkdirSync(copy)
              const left = files.map((bytes): Buffer => Buffer.from(bytes))
              for (const [file, mishap] of hits) left[file] = after(left[file] as Buffer, mishap)
              for (const [file, name] of names.entries()) writeFileSync(join(copy, name), left[file] as Buffer)
              const intact = upTo(13).filter(sequence => {
                const file = Math.floor((sequence - 1) / recordsPerSegment)
                const at = segmentHeaderBytes + ((sequence - 1) % recordsPerSegment) * recordBytes
                const [before, now] = [files, left].map(each =>
                  each[file]?.subarray(at, at + recordBytes).toString('hex'),
                )
                return before === now
              })
              const reader = await LogReader.open(copy)
              const read: number[] = []
              for await (const { first } of reader.batches()) read.push(first)
              assert.deepEqual(read, intact)
              await reader.close()
              const { store, told } = await openStore(copy, { segmentBytes })
              assert.deepEqual([...(await framesFrom(store))], [...framesOf(intact)])
              // Of what is gone all bytes are kept, but those of a file without anything but zeros.
              for (const [file, name] of names.entries()) {
                if (existsSync(join(copy, name)) || left[file]?.every(byte => byte === 0)) continue
                assert.ok(
                  told.includes(`set aside: ${name}.unreadable`) || (left[file]?.length ?? 0) < segmentHeaderBytes,
                )
              }
              // A cut between two records leaves no trace.
              const hasTrace = left.some(({ length }) => (length - segmentHeaderBytes) % recordBytes !== 0)
              if (hasTrace && left.every(({ length }) => length > segmentHeaderBytes)) assert.notDeepEqual(told, [])
              // It is written on, under numbers that nobody has.
              const { next } = store
              assert.ok(next > (intact.at(-1) ?? 0))
              store.append(loggedBatch([messageOf('indicator', 'new')], next, Date.now()))
              await store.committed()
              await store.close()
              const again = await openStore(copy, { segmentBytes })
              const expected = [...framesOf(intact), [next, 'indicator new']]
              assert.deepEqual([...(await framesFrom(again.store))], expected)
              assert.ok(!again.told.some(line => line.startsWith('set aside')))
              await again.store.close()
            },
          ),
          { numRuns: 40 },
        )
      })
    })
  }

  test('a flipped bit in a header costs nothing, is told, and is mended', async () => {
    await inDirectory(async directory => {
      const names = await writeLog(directory, 13)
      const path = join(directory, names[0] ?? '')
      const original = readFileSync(path)
      // Of each byte one or two.
      for (let bit = 0; bit < 8 * segmentHeaderBytes; bit += 5) {
        writeFileSync(path, original)
        flipBit(path, bit >> 3, bit & 7)
        const { store, told } = await openStore(directory)
        assert.deepEqual(told, [`damaged: ${names[0]}`])
        assert.deepEqual(await framesFrom(store), framesOf(upTo(13)))
        await store.close()
        assert.deepEqual((await openThenClose(directory)).told, [])
      }
    })
  })

  test('a file in which nothing can be read is set aside whole, and named', async () => {
    await inDirectory(async directory => {
      const names = await writeLog(directory, 13)
      const path = join(directory, names[1] ?? '')
      for (const text of ['x', 'no segment', 'TBUSLAG', 'this is no segment of a history at all']) {
        writeFileSync(path, text)
        const { store, told } = await openStore(directory)
        assert.deepEqual(told, [`set aside: ${names[1]}.unreadable`])
        assert.deepEqual(await framesFrom(store), framesOf(upTo(13).filter(each => each < 6 || each > 10)))
        await store.close()
        const [aside = ''] = readdirSync(directory).filter(name => name.includes('.unreadable-'))
        assert.equal(readFileSync(join(directory, aside), 'utf8'), text)
        rmSync(join(directory, aside))
      }
    })
  })

  test('a header without a checksum says nothing about the age of what was just written', async () => {
    await inDirectory(async directory => {
      const names = await writeLog(directory, 13)
      for (const name of names) {
        const bytes = withoutChecksum(readFileSync(join(directory, name)))
        bytes.writeDoubleLE(1e-300, 24)
        writeFileSync(join(directory, name), bytes)
      }
      const { store } = await openStore(directory, { retentionDays: 1 })
      assert.deepEqual(await framesFrom(store), framesOf(upTo(13)))
      await store.close()
    })
  })
})

async function openThenClose(directory: string) {
  const opened = await openStore(directory)
  await opened.store.close()
  return opened
}

describe('a directory that can not be used', () => {
  test('is refused with its path, and left as it is', async () => {
    await inDirectory(async directory => {
      const [name = ''] = await writeLog(directory, 2)
      const path = join(directory, name)
      const original = readFileSync(path)
      const newer = Buffer.from(original)
      newer.writeUInt32LE(3, 8)
      newer.writeUInt32LE(crc32(Buffer.concat([newer.subarray(0, 12), newer.subarray(16, segmentHeaderBytes)])), 12)
      writeFileSync(path, newer)
      await assertRefused(directory, /newer version of threatbus \(format 3, this one knows 2\)/, path)
      assert.deepEqual(readFileSync(path), newer)
      assert.deepEqual(readdirSync(directory), [name])
      await assertRefused(path, /it is a file, not a directory/)
      await assertRefused(join(path, 'deeper'), /a part of the path is a file, not a directory/)
      mkdirSync(join(directory, 'other', segmentFileName(1)), { recursive: true })
      await assertRefused(join(directory, 'other'), /EISDIR/)
    })
  })
})

import assert from 'node:assert/strict'
import { cpSync, mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { HistoryError } from '../../src/history/history-error.ts'
import { LogReader } from '../../src/history/reader.ts'
import { encodeRecords } from '../../src/history/record.ts'
import { segmentFileName, segmentHeaderBytes } from '../../src/history/segment.ts'
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
    store.append(loggedBatch([messageOf('indicator', frameOf(sequence).slice(10))], sequence))
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
        { numRuns: 150 },
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
  test('costs what can not be told apart any more, is told once, and is no end of reading', async () => {
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
            // Where the length of the record is damaged nobody knows where the next begins.
            const lost = byte < 4 ? upTo(10).slice(damaged - 1) : [damaged]
            const needed = upTo(13).filter(sequence => !lost.includes(sequence))
            for (const sequence of needed) assert.equal(frames.get(sequence), frameOf(sequence))
            assert.ok(!frames.has(damaged))
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
        { numRuns: 200 },
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

describe('a directory that can not be used', () => {
  test('is refused with its path, and left as it is', async () => {
    await inDirectory(async directory => {
      const [name = ''] = await writeLog(directory, 2)
      const path = join(directory, name)
      const original = readFileSync(path)
      const newer = Buffer.from(original)
      newer.writeUInt32LE(2, 8)
      const texts = ['x', 'no segment', 'T', 'this is no segment of a history at all']
      for (const bytes of [newer, ...texts.map(text => Buffer.from(text.replace(/^T$/, 'TBUSLAG')))]) {
        writeFileSync(path, bytes)
        const reason =
          bytes === newer ? /newer version of threatbus \(format 2, this one knows 1\)/ : /is not a segment/
        await assertRefused(directory, reason, path)
        assert.deepEqual(readFileSync(path), bytes)
        assert.deepEqual(readdirSync(directory), [name])
      }
      await assertRefused(path, /it is a file, not a directory/)
      await assertRefused(join(path, 'deeper'), /a part of the path is a file, not a directory/)
      mkdirSync(join(directory, 'other', segmentFileName(1)), { recursive: true })
      await assertRefused(join(directory, 'other'), /EISDIR/)
    })
  })
})

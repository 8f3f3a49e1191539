import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { LoggedBatch } from '../../src/delivery/batch.ts'
import { microsecondsOf, writeObjectKey } from '../../src/history/log/object-key.ts'
import {
  encodeRecords,
  keyOf,
  nextPossibleRecord,
  type RecordHeader,
  readMessages,
  readTable,
  recordAt,
} from '../../src/history/log/record.ts'
import { messageOf } from '../../src/protocol/message.ts'
import { compareTimestamps } from '../../src/protocol/stix/timestamp.ts'
import { anyBatches, loggedBatch, objectIds, timestampsOf } from './log-arbitraries.ts'

/** The header of an intact record. */
function headerOf(record: Buffer, at = 0) {
  const header = recordAt(record, at)
  assert.ok(header !== undefined && !('needed' in header))
  return header
}

/** Is there an intact record in these bytes, at this place? */
function isIntactAt(bytes: Buffer, at: number): boolean {
  const found: RecordHeader | object | undefined = recordAt(bytes, at)
  return found !== undefined && !('needed' in found)
}

/** A batch as it is read back: which object a message brings is in the table alone. */
function asRead({ messages, ...rest }: LoggedBatch): LoggedBatch {
  return { ...rest, messages: messages.map(message => ({ ...message, object: undefined })) }
}

describe('a record', () => {
  test('holds a batch, wherever it lies among other bytes', () => {
    fc.assert(
      fc.property(anyBatches, fc.nat(40), (batch, at) => {
        const [record = Buffer.alloc(0), ...more] = encodeRecords(batch)
        assert.equal(more.length, 0)
        const bytes = Buffer.concat([Buffer.alloc(at, 0xa5), record, Buffer.alloc(at, 0x5a)])
        const header = headerOf(bytes, at)
        assert.equal(header.bytes, record.length)
        assert.equal(header.count, batch.messages.length)
        assert.deepEqual(readMessages(bytes, at, header), asRead(batch))
      }),
      { numRuns: 500 },
    )
  })

  test('tells in its table what a snapshot has to know', () => {
    fc.assert(
      fc.property(anyBatches, batch => {
        const [record = Buffer.alloc(0)] = encodeRecords(batch)
        const expected = batch.messages.map(({ type, frame, audience, object }) => {
          const hasObject = object !== undefined && object.id !== ''
          return {
            type,
            hasObject,
            removed: hasObject && object.removed,
            key: hasObject ? keyOf(type, object.id) : '',
            modified: hasObject ? microsecondsOf(object.modified) : 0,
            frameBytes: frame.length,
            audience,
          }
        })
        const table = [...readTable(record, 0, headerOf(record))].map(entry => ({
          ...entry,
          key: entry.hasObject ? entry.key : '',
        }))
        assert.deepEqual(table, expected)
        for (const { key, hasObject } of table) assert.equal(key.length, hasObject ? 17 : 0)
      }),
      { numRuns: 300 },
    )
  })

  test('of which a bit is flipped is not intact', () => {
    fc.assert(
      fc.property(anyBatches, fc.nat(), fc.nat(7), fc.boolean(), (batch, place, bit, inHeader) => {
        const [record = Buffer.alloc(0)] = encodeRecords(batch)
        const at = place % (inHeader ? 32 : record.length)
        record[at] = (record[at] as number) ^ (1 << bit)
        assert.ok(!isIntactAt(record, 0))
      }),
      { numRuns: 1000 },
    )
  })

  test('that is cut, or followed by what would make it whole again, is not intact', () => {
    fc.assert(
      fc.property(anyBatches, fc.nat(), fc.uint8Array({ maxLength: 64 }), (batch, place, garbage) => {
        const [record = Buffer.alloc(0)] = encodeRecords(batch)
        const end = place % record.length
        const cut = record.subarray(0, end)
        assert.ok(!isIntactAt(cut, 0))
        const torn = Buffer.concat([cut, garbage, Buffer.alloc(record.length)])
        if (torn.subarray(0, record.length).equals(record)) return
        assert.ok(!isIntactAt(torn, 0))
      }),
      { numRuns: 1000 },
    )
  })

  test('is not found in zeros, which a power cut leaves behind', () => {
    const zeros = Buffer.alloc(4096)
    assert.equal(recordAt(zeros, 0), undefined)
    assert.ok(nextPossibleRecord(zeros, 1) > zeros.length - 32)
  })

  test('is found behind whatever bytes, and nothing is read that its header does not have', () => {
    const noise = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.nat(300).map(length => new Uint8Array(length)),
      anyBatches.map(batch => (encodeRecords(batch)[0] ?? Buffer.alloc(0)).subarray(1)),
    )
    fc.assert(
      fc.property(noise, anyBatches, (before, batch) => {
        const [record = Buffer.alloc(0)] = encodeRecords(batch)
        const bytes = Buffer.concat([before, record])
        let at = 0
        while (!isIntactAt(bytes, at)) {
          at = nextPossibleRecord(bytes, at + 1)
          assert.ok(at <= before.length, `${at} is behind ${before.length}`)
        }
        assert.equal(at, before.length)
      }),
      { numRuns: 1000 },
    )
  })

  test('asks for as many bytes as it has, step by step, and for no more however its length is damaged', () => {
    fc.assert(
      fc.property(anyBatches, fc.nat(3), fc.integer({ min: 1, max: 255 }), (batch, byte, difference) => {
        const [record = Buffer.alloc(0)] = encodeRecords(batch)
        let bytes = record.subarray(0, 0)
        for (let steps = 0; bytes.length < record.length; steps++) {
          const found = recordAt(bytes, 0)
          assert.ok(found !== undefined && 'needed' in found && found.needed > bytes.length && steps < 3)
          bytes = record.subarray(0, found.needed)
        }
        assert.ok(isIntactAt(bytes, 0))
        record[byte] = (record[byte] as number) ^ difference
        assert.equal(recordAt(record, 0), undefined)
      }),
      { numRuns: 500 },
    )
  })

  test('holds about 256 KiB of a larger batch; the numbers go on in the next', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1e9 }), fc.array(fc.nat(400_000), { minLength: 1 }), (first, sizes) => {
        const messages = sizes.map(size => messageOf('indicator', 'x'.repeat(size)))
        const batch = loggedBatch(messages, first)
        const read: LoggedBatch['messages'][number][] = []
        const records = encodeRecords(batch)
        for (const [index, record] of records.entries()) {
          const header = headerOf(record)
          assert.equal(header.first, first + read.length)
          const part = readMessages(record, 0, header)
          assert.equal(part.acceptedMs, batch.acceptedMs)
          assert.equal(
            part.bytes,
            part.messages.reduce((sum, { frame }) => sum + frame.length, 0),
          )
          read.push(...part.messages)
          const last = part.messages.at(-1)?.frame.length ?? 0
          assert.ok(record.length - last < 262_144 + 64, `${record.length} bytes`)
          if (index < records.length - 1) assert.ok(record.length >= 262_144, `${record.length} bytes`)
        }
        assert.deepEqual(read, asRead(batch).messages)
      }),
      { numRuns: 30 },
    )
  })

  test('holds a message of 16 MiB alone', () => {
    const small = messageOf('sighting', '{}')
    const large = messageOf('indicator', 'é'.repeat(8 * 1_048_576))
    const [record = Buffer.alloc(0), next = Buffer.alloc(0), ...more] = encodeRecords(
      loggedBatch([large, small, small], 7),
    )
    assert.equal(more.length, 0)
    const header = headerOf(record)
    assert.equal(header.count, 1)
    assert.deepEqual(readMessages(record, 0, header).messages[0]?.frame, large.frame)
    assert.equal(headerOf(next).first, 8)
    assert.equal(headerOf(next).count, 2)
  })
})

describe("an object's key", () => {
  test('is the same for the same id alone', () => {
    const ids = fc.oneof(
      fc.tuple(objectIds, objectIds),
      objectIds.map(id => [id, id] as const),
      objectIds.map(id => [id, id.toUpperCase()] as const),
      objectIds.map(id => [id, ` ${id}`] as const),
      objectIds.map(id => [id, id.replace('--', '---')] as const),
      objectIds.map(id => [id, id.replace(/^[a-z]+/, 'malware')] as const),
    )
    fc.assert(
      fc.property(ids, fc.constantFrom('indicator', 'sighting'), ([one, other], type) => {
        assert.equal(keyOf(type, one) === keyOf(type, other), one === other, `${one} and ${other}`)
        assert.notEqual(keyOf('indicator', one), keyOf('sighting', one))
      }),
      { numRuns: 2000 },
    )
  })

  test('is a plain UUID, or else a hash that is never taken for one', () => {
    const uuid = '5f0ab1f2-6b8a-4d9f-9d6c-0f4d1f8a7c11'
    const target = Buffer.alloc(16)
    assert.equal(writeObjectKey('indicator', `indicator--${uuid}`, target, 0), 'uuid')
    assert.equal(target.toString('hex'), uuid.replaceAll('-', ''))
    const others = [
      `indicator--${uuid.toUpperCase()}`,
      `indicator-${uuid}`,
      `--${uuid}`,
      `indicator--x--${uuid}`,
      `indicator--${uuid} `,
      `indicator--${uuid.replaceAll('-', '0')}`,
      `indicator--${uuid.replace('-', '–')}`,
      uuid,
      '',
    ]
    for (const id of others) assert.equal(writeObjectKey('indicator', id, target, 0), 'hash', id)
  })

  test('of a hash can have the bytes of a UUID and is another one still', () => {
    const target = Buffer.alloc(16)
    writeObjectKey('indicator', 'no uuid', target, 0)
    const hex = target.toString('hex')
    const uuid = hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
    assert.equal(keyOf('indicator', `indicator--${uuid}`).slice(1), keyOf('indicator', 'no uuid').slice(1))
    assert.notEqual(keyOf('indicator', `indicator--${uuid}`), keyOf('indicator', 'no uuid'))
  })
})

describe('microseconds of a timestamp', () => {
  test('are in the order of the timestamps', () => {
    const near = timestampsOf(1700, 2250).chain(text => {
      const seconds = text.slice(0, 19)
      const fractions = fc.stringMatching(/^(\.[0-9]{1,6})?$/)
      return fc.tuple(fractions, fractions).map(([one, other]) => [`${seconds}${one}Z`, `${seconds}${other}Z`] as const)
    })
    fc.assert(
      fc.property(fc.oneof(near, fc.tuple(timestampsOf(1700, 2250), timestampsOf(1700, 2250))), ([one, other]) => {
        const difference = microsecondsOf(one) - microsecondsOf(other)
        assert.equal(Math.sign(difference), Math.sign(compareTimestamps(one, other)), `${one} and ${other}`)
      }),
      { numRuns: 500 },
    )
  })

  test('far from today are in no other order, whatever the year', () => {
    fc.assert(
      fc.property(timestampsOf(1, 9999), timestampsOf(1, 9999), (one, other) => {
        const difference = microsecondsOf(one) - microsecondsOf(other)
        assert.ok(difference === 0 || Math.sign(difference) === Math.sign(compareTimestamps(one, other)))
      }),
    )
  })

  test('drop what is behind the sixth digit', () => {
    const text = '2024-01-01T00:00:00.123456'
    for (const digits of ['0', '9', '789', '9'.repeat(100)]) {
      assert.equal(microsecondsOf(`${text}${digits}Z`), microsecondsOf(`${text}Z`))
    }
  })

  test('are none for what is no timestamp', () => {
    for (const text of ['', 'x', '2024-01-01', '2024-01-01T00:00:00', '2024-13-01T00:00:00Z']) {
      assert.ok(Number.isNaN(microsecondsOf(text)), text)
    }
  })
})

import { crc32 } from 'node:zlib'
import type { LoggedBatch } from '../../delivery/batch.ts'
import { type Audience, type FrameType, framed, type Message } from '../../protocol/message.ts'
import { keyBytes, microsecondsOf, writeObjectKey } from './object-key.ts'

/*
 * A record is a batch, or a part of one, on disk. All numbers are little-endian.
 *
 *   header   u32 bytes of the payload · u32 CRC-32 of all that follows it · f64 sequence number of the first message ·
 *            f64 when it was accepted (ms since the epoch) · u32 messages · u32 bytes of the table
 *   payload  the table, an entry for each message, then the messages' frames, one behind the other
 *   entry    u8 type · u8 flags · 16 bytes key of the object · f64 `modified` (µs) · u32 bytes of the frame ·
 *            u8 length of a p2p topic, and that topic
 */

/** Bytes of a record's header. */
export const headerBytes = 32
const entryBytes = 31

/** Payloads are not larger than this, unless one message is. */
const maxPayloadBytes = 262_144

/** Nor are their tables: the last entry, with the longest topic, may go beyond. */
const maxTableBytes = maxPayloadBytes + entryBytes + 255

const types: readonly FrameType[] = ['indicator', 'sighting', 'snapshotrequest']
const flag = { object: 1, removed: 2, hashedKey: 4, only: 8, except: 16 }

/** What a record's header says. */
export interface RecordHeader {
  /** Bytes of the record, with its header. */
  readonly bytes: number
  readonly first: number
  readonly acceptedMs: number
  readonly count: number
}

/** A message as its entry in a record's table describes it. */
export interface TableEntry {
  readonly type: FrameType
  /** Is it a version of an object, for everyone whose topics cover its type? */
  readonly hasObject: boolean
  readonly removed: boolean
  /** The object's key, type and kind of key included, as 17 characters. */
  readonly key: string
  /** Microseconds since the epoch, or NaN. */
  readonly modified: number
  readonly frameBytes: number
  readonly audience: Audience | undefined
}

/** Where records are written: memory that is used again when they are on disk, as far as there is enough of it. */
export class Arena {
  readonly #memory: Buffer
  #used = 0

  constructor(bytes: number) {
    this.#memory = Buffer.allocUnsafeSlow(bytes)
  }

  /** Memory for a record. */
  take(bytes: number): Buffer {
    if (this.#used + bytes > this.#memory.length) return Buffer.allocUnsafe(bytes)
    this.#used += bytes
    return this.#memory.subarray(this.#used - bytes, this.#used)
  }

  /** Everything that was taken is used up. */
  clear(): void {
    this.#used = 0
  }
}

/** Makes the records of a batch, in the arena's memory if there is one. */
export function encodeRecords(batch: LoggedBatch, arena?: Arena): Buffer[] {
  const records: Buffer[] = []
  let from = 0
  while (from < batch.messages.length) {
    let to = from
    let bytes = 0
    do bytes += tableBytesOf(batch.messages[to] as Message) + (batch.messages[to] as Message).frame.length
    while (++to < batch.messages.length && bytes < maxPayloadBytes)
    records.push(
      encode(batch, from, to, bytes, arena?.take(headerBytes + bytes) ?? Buffer.allocUnsafe(headerBytes + bytes)),
    )
    from = to
  }
  return records
}

function topicOf(audience: Audience | undefined): string {
  if (audience === undefined) return ''
  return 'only' in audience ? audience.only : audience.except
}

function tableBytesOf({ audience }: Message): number {
  return entryBytes + (audience === undefined ? 0 : Buffer.byteLength(topicOf(audience)))
}

function encode(batch: LoggedBatch, from: number, to: number, payloadBytes: number, record: Buffer): Buffer {
  let at = headerBytes
  for (let index = from; index < to; index++) at = writeEntry(record, at, batch.messages[index] as Message)
  record.writeUInt32LE(payloadBytes, 0)
  record.writeDoubleLE(batch.first + from, 8)
  record.writeDoubleLE(batch.acceptedMs, 16)
  record.writeUInt32LE(to - from, 24)
  record.writeUInt32LE(at - headerBytes, 28)
  for (let index = from; index < to; index++) {
    const { frame } = batch.messages[index] as Message
    record.set(frame, at)
    at += frame.length
  }
  record.writeUInt32LE(crc32(record.subarray(8)), 4)
  return record
}

function writeEntry(record: Buffer, at: number, { type, frame, audience, object }: Message): number {
  let flags = 0
  if (object !== undefined && object.id !== '') {
    flags = flag.object + (object.removed ? flag.removed : 0)
    if (writeObjectKey(type, object.id, record, at + 2) === 'hash') flags += flag.hashedKey
    record.writeDoubleLE(microsecondsOf(object.modified), at + 18)
  } else record.fill(0, at + 2, at + 26)
  const topic = topicOf(audience)
  if (audience !== undefined) flags += 'only' in audience ? flag.only : flag.except
  record[at] = types.indexOf(type)
  record[at + 1] = flags
  record.writeUInt32LE(frame.length, at + 26)
  record[at + 30] = topic === '' ? 0 : record.write(topic, at + entryBytes)
  return at + entryBytes + (record[at + 30] as number)
}

/** Is there an intact record at this place, and what does its header say? Or how many bytes from there on would tell? */
export function recordAt(bytes: Buffer, at: number): RecordHeader | { readonly needed: number } | undefined {
  if (at + headerBytes > bytes.length) return { needed: headerBytes }
  if (!looksLikeHeader(bytes, at)) return undefined
  const payloadBytes = bytes.readUInt32LE(at)
  const tableEnd = at + headerBytes + bytes.readUInt32LE(at + 28)
  if (tableEnd > bytes.length) return { needed: tableEnd - at }
  // Before so much is read and summed up: a length that is damaged may say anything.
  if (!addsUp(bytes, at)) return undefined
  const end = at + headerBytes + payloadBytes
  if (end > bytes.length) return { needed: end - at }
  if (bytes.readUInt32LE(at + 4) !== crc32(bytes.subarray(at + 8, end))) return undefined
  return {
    bytes: headerBytes + payloadBytes,
    first: bytes.readDoubleLE(at + 8),
    acceptedMs: bytes.readDoubleLE(at + 16),
    count: bytes.readUInt32LE(at + 24),
  }
}

/**
 * The first place from `at` on where the header of a record may be, or where too few bytes are left to tell. A message that
 * was made for it can't pretend to be a record: its text has no NUL, and a header has some.
 */
export function nextPossibleRecord(bytes: Buffer, at: number): number {
  const end = bytes.length - headerBytes
  for (let place = at; place <= end; place++) {
    // The highest byte of the number of messages, which are never so many.
    if (bytes[place + 27] !== 0) {
      const zero = bytes.indexOf(0, place + 28)
      if (zero < 0) return Math.max(place + 1, end + 1)
      place = zero - 28
    } else if (looksLikeHeader(bytes, place)) return place
  }
  return Math.max(at, end + 1)
}

/** The sequence number of the first message of an intact record. */
export function firstIn(record: Buffer): number {
  return record.readDoubleLE(8)
}

function looksLikeHeader(bytes: Buffer, at: number): boolean {
  const count = bytes.readUInt32LE(at + 24)
  if (count === 0) return false
  const tableBytes = bytes.readUInt32LE(at + 28)
  if (tableBytes < count * entryBytes || tableBytes > maxTableBytes || tableBytes > bytes.readUInt32LE(at)) return false
  return Number.isSafeInteger(bytes.readDoubleLE(at + 8)) && Number.isFinite(bytes.readDoubleLE(at + 16))
}

/** Do table and frames have as many bytes together as the header says? */
function addsUp(bytes: Buffer, at: number): boolean {
  const tableEnd = at + headerBytes + bytes.readUInt32LE(at + 28)
  let entry = at + headerBytes
  let total = tableEnd - entry
  for (let left = bytes.readUInt32LE(at + 24); left > 0; left--) {
    if (entry + entryBytes > tableEnd) return false
    total += bytes.readUInt32LE(entry + 26)
    entry += entryBytes + (bytes[entry + 30] as number)
  }
  return entry === tableEnd && total === bytes.readUInt32LE(at)
}

/** Reads the table of an intact record. */
export function* readTable(bytes: Buffer, at: number, { count }: RecordHeader): Generator<TableEntry, void, undefined> {
  let entry = at + headerBytes
  for (let index = 0; index < count; index++) {
    const flags = bytes[entry + 1] as number
    const topicBytes = bytes[entry + 30] as number
    const topic = topicBytes === 0 ? '' : bytes.toString('utf8', entry + entryBytes, entry + entryBytes + topicBytes)
    const type = types[bytes[entry] as number] as FrameType
    yield {
      type,
      hasObject: (flags & flag.object) !== 0,
      removed: (flags & flag.removed) !== 0,
      key: keyText(bytes, entry, flags),
      modified: bytes.readDoubleLE(entry + 18),
      frameBytes: bytes.readUInt32LE(entry + 26),
      audience: audienceOf(flags, topic),
    }
    entry += entryBytes + topicBytes
  }
}

/** Of the messages of an intact record, what they are and for whom. */
export function* audiencesIn(
  bytes: Buffer,
  at: number,
  { count }: RecordHeader,
): Generator<Pick<TableEntry, 'type' | 'audience'>, void, undefined> {
  let entry = at + headerBytes
  for (let index = 0; index < count; index++) {
    const type = bytes[entry] as number
    const topicBytes = bytes[entry + 30] as number
    const flags = (bytes[entry + 1] as number) & (flag.only + flag.except)
    if (flags === 0) yield forEveryone[type] as Pick<TableEntry, 'type' | 'audience'>
    else {
      const topic = bytes.toString('utf8', entry + entryBytes, entry + entryBytes + topicBytes)
      yield { type: types[type] as FrameType, audience: audienceOf(flags, topic) }
    }
    entry += entryBytes + topicBytes
  }
}

const forEveryone = types.map(type => ({ type, audience: undefined }))

function keyText(bytes: Buffer, entry: number, flags: number): string {
  const kind = String.fromCharCode((bytes[entry] as number) * 2 + (flags & flag.hashedKey ? 1 : 0))
  return kind + bytes.toString('latin1', entry + 2, entry + 2 + keyBytes)
}

function audienceOf(flags: number, topic: string): Audience | undefined {
  if (flags & flag.only) return { only: topic }
  return flags & flag.except ? { except: topic } : undefined
}

/** The key of an object by its id and type, as {@link readTable} gives it. */
export function keyOf(type: FrameType, id: string): string {
  const key = Buffer.alloc(keyBytes)
  const kind = writeObjectKey(type, id, key, 0) === 'hash' ? 1 : 0
  return String.fromCharCode(types.indexOf(type) * 2 + kind) + key.toString('latin1')
}

/** Reads the messages of an intact record. */
export function readMessages(bytes: Buffer, at: number, header: RecordHeader): LoggedBatch {
  const messages: Message[] = []
  let frameAt = at + headerBytes + bytes.readUInt32LE(at + 28)
  let total = 0
  for (const { type, frameBytes, audience } of readTable(bytes, at, header)) {
    // A copy: whoever keeps the message would keep all that was read with it.
    messages.push(framed(type, Buffer.from(bytes.subarray(frameAt, frameAt + frameBytes)), { audience }))
    frameAt += frameBytes
    total += frameBytes
  }
  return { messages, bytes: total, first: header.first, acceptedMs: header.acceptedMs }
}

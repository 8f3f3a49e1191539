import { type FileHandle, open, rename, stat, unlink } from 'node:fs/promises'
import { HistoryError } from '../history-error.ts'
import { firstIn, nextPossibleRecord, type RecordHeader, recordAt } from './record.ts'
import { encodeSegmentHeader, readSegmentHeader, segmentHeaderBytes } from './segment-header.ts'

/*
 * A segment is a file of the log: a header (segment-header.ts), then records (record.ts). The name of its file is the
 * sequence number that it begins with.
 */

/** What follows the name of a segment that has no header yet. */
export const unnamedSuffix = '.new'

/** Bytes that are read from a segment at once. */
const chunkBytes = 262_144

/** Bytes between two places that a segment's index knows. */
const indexSpacingBytes = 262_144

/** Memory to read into, which is used again: as many chunks as there are readers at once. */
const freeChunks: Buffer[] = []

function takeChunk(): Buffer {
  return freeChunks.pop() ?? Buffer.allocUnsafeSlow(chunkBytes)
}

/** Where something damaged begins in a file, and how many bytes it has. */
export type OnDamage = (offset: number, bytes: number) => void

/** An intact record in a segment: `bytes` holds all of it from `at` on, until the next one is asked for. */
export interface FoundRecord {
  readonly header: RecordHeader
  readonly bytes: Buffer
  readonly at: number
  /** Where it begins in the file. */
  readonly offset: number
}

/** The file name of the segment that begins with this sequence number. */
export function segmentFileName(first: number): string {
  return `${String(first).padStart(16, '0')}.log`
}

/** The sequence number in a segment's file name, or undefined if it is not the name of one. */
export function firstInFileName(name: string): number | undefined {
  return /^\d{16}\.log$/.test(name) ? Number(name.slice(0, 16)) : undefined
}

/** The time that a header without a checksum says is believed if the first record came within so long of it. */
const msPerDay = 86_400_000

/** In a file of the log there is nothing that could be read: neither its header nor a record. */
export class UnreadableSegmentError extends HistoryError {
  constructor(path: string) {
    super(`nothing in ${path} can be read as a part of a history`)
  }
}

/** One file of the log, opened. */
export class Segment {
  readonly path: string
  /** Sequence number of the first message that it may have. */
  readonly first: number
  /** When it was begun, in milliseconds since the epoch: everything in the segments before it is older. */
  createdMs: number
  /** Is its header as it was written? */
  hasIntactHeader = true
  /** Bytes up to the end of its last intact record. */
  size: number
  /** Bytes of it that are surely on disk. */
  syncedSize: number
  readonly #file: FileHandle
  #readers = 0
  #retired = false
  #closed: Promise<void> | undefined
  /** Where records begin, every so many bytes, in ascending order. */
  #index: { readonly sequence: number; readonly offset: number }[] = []
  /** Up to where the index is complete. */
  #indexedTo = segmentHeaderBytes

  private constructor(file: FileHandle, path: string, first: number, createdMs: number, size: number) {
    this.#file = file
    this.path = path
    this.first = first
    this.createdMs = createdMs
    this.size = this.syncedSize = size
  }

  /**
   * Begins a segment. It has no name until {@link enter}: on a full disk files can be made that nothing can be written to,
   * and by the next attempt another name may be due.
   *
   * @param createdMs what counts as its beginning, in milliseconds since the epoch
   */
  static async create(path: string, first: number, createdMs = Date.now()): Promise<Segment> {
    const header = encodeSegmentHeader(first, createdMs)
    const unnamed = `${path}${unnamedSuffix}`
    const file = await open(unnamed, 'w+', 0o600)
    try {
      await file.write(header, 0, header.length, 0)
    } catch (error) {
      await file.close()
      await unlink(unnamed).catch(() => {})
      throw error
    }
    return new Segment(file, path, first, createdMs, segmentHeaderBytes)
  }

  /** Gives a segment that was begun its name. If there is a file of this name, it takes its place. */
  async enter(): Promise<void> {
    try {
      await rename(`${this.path}${unnamedSuffix}`, this.path)
    } catch (error) {
      await this.discard()
      throw error
    }
  }

  /** Gives up a segment that was begun and has no name. */
  async discard(): Promise<void> {
    await this.retire()
    await unlink(`${this.path}${unnamedSuffix}`).catch(() => {})
  }

  /**
   * Opens a segment that is there. If its header is damaged, its first record tells when it was begun.
   *
   * @throws UnreadableSegmentError if there is none, either; HistoryError if it was made by a newer version
   */
  static async open(path: string, first: number, mode: 'r' | 'r+'): Promise<Segment> {
    const file = await open(path, mode)
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(segmentHeaderBytes), 0, segmentHeaderBytes, 0)
      const header = readSegmentHeader(buffer.subarray(0, bytesRead), path)
      const segment = new Segment(file, path, first, header?.createdMs ?? Number.NaN, (await file.stat()).size)
      segment.hasIntactHeader = header !== undefined
      if (!header?.isChecked) await segment.#believeFirstRecord()
      if (Number.isNaN(segment.createdMs)) throw new UnreadableSegmentError(path)
      return segment
    } catch (error) {
      await file.close()
      throw error
    }
  }

  async #believeFirstRecord(): Promise<void> {
    for await (const { header } of this.records(segmentHeaderBytes)) {
      if (!(Math.abs(this.createdMs - header.acceptedMs) <= msPerDay)) this.createdMs = header.acceptedMs
      return
    }
  }

  /** Writes its header anew. */
  async mendHeader(): Promise<void> {
    await this.#file.write(encodeSegmentHeader(this.first, this.createdMs), 0, segmentHeaderBytes, 0)
    this.hasIntactHeader = true
  }

  /** Writes records behind the last one. If it fails, what was written of them is no part of the segment. */
  async append(records: readonly Buffer[]): Promise<void> {
    let end = this.size
    for (const record of records) end += record.length
    let at = this.size
    let rest: readonly Buffer[] = records
    while (at < end) {
      const { bytesWritten } = await this.#file.writev(rest, at)
      at += bytesWritten
      rest = at < end ? withoutBytes(rest, bytesWritten) : []
    }
    for (const record of records) {
      this.#note(firstIn(record), this.size, this.size + record.length)
      this.size += record.length
    }
  }

  /** Cuts off everything from `end` on: what a crash or a failed write left behind the last record. */
  async cut(end = this.size): Promise<void> {
    this.size = end
    this.syncedSize = Math.min(this.syncedSize, end)
    this.#index = this.#index.filter(({ offset }) => offset < end)
    this.#indexedTo = Math.min(this.#indexedTo, end)
    await this.#file.truncate(end)
  }

  /** Puts everything that was written on disk. */
  async sync(): Promise<void> {
    await this.#file.datasync()
  }

  /** Is the file still there, under its name? */
  async isInPlace(): Promise<boolean> {
    const [own, named] = await Promise.all([
      this.#file.stat({ bigint: true }),
      stat(this.path, { bigint: true }).catch(() => undefined),
    ])
    return own.ino === named?.ino && own.dev === named.dev
  }

  /** What lies in the file from `offset` on, in pieces that are overwritten by the next. */
  async *bytesFrom(offset: number): AsyncGenerator<Buffer, void, undefined> {
    const piece = Buffer.allocUnsafe(chunkBytes)
    for (let at = offset; ; ) {
      const { bytesRead } = await this.#file.read(piece, 0, piece.length, at)
      if (bytesRead === 0) return
      yield piece.subarray(0, bytesRead)
      at += bytesRead
    }
  }

  /** Reading begins; false if the segment was retired. Ends with {@link release}. */
  acquire(): boolean {
    if (this.#retired) return false
    this.#readers++
    return true
  }

  /** Reading ended. */
  release(): void {
    this.#readers--
    if (this.#retired && this.#readers === 0) this.#close()
  }

  /** Nobody will begin to read it any more. Its file is closed once nobody reads it. */
  async retire(): Promise<void> {
    this.#retired = true
    if (this.#readers === 0) await this.#close()
  }

  /** Never rejects: what was to be on disk was put there before, and nobody could do anything about it. */
  #close(): Promise<void> {
    this.#closed ??= this.#file.close().catch(() => {})
    return this.#closed
  }

  /** The place from which to look for a sequence number: the last place known that is not behind it. */
  async placeOf(sequence: number): Promise<number> {
    if (this.#indexedTo < this.size) for await (const _ of this.records(this.#indexedTo));
    let from = 0
    let to = this.#index.length
    while (from < to) {
      const middle = (from + to) >> 1
      if ((this.#index[middle]?.sequence ?? 0) <= sequence) from = middle + 1
      else to = middle
    }
    return this.#index[from - 1]?.offset ?? segmentHeaderBytes
  }

  /**
   * The intact records from `offset` on, which is where one begins. What is damaged is passed over to the next that is
   * intact: it is told where it begins, and how many bytes it has.
   */
  async *records(offset: number, onDamage?: OnDamage): AsyncGenerator<FoundRecord, void, undefined> {
    const own = takeChunk()
    try {
      yield* this.#recordsBy(own, offset, onDamage)
    } finally {
      freeChunks.push(own)
    }
  }

  async *#recordsBy(own: Buffer, offset: number, onDamage?: OnDamage): AsyncGenerator<FoundRecord, void, undefined> {
    const isIndexing = offset <= this.#indexedTo
    /** Everything before is intact, or was told. */
    let knownTo = offset
    let chunk = own
    while (offset < this.size) {
      const wanted = Math.min(chunk.length, this.size - offset)
      const { bytesRead } = await this.#file.read(chunk, 0, wanted, offset)
      // Not given all of it, the file is shorter than it was.
      if (bytesRead === 0) break
      const end = bytesRead < wanted ? offset + bytesRead : this.size
      const bytes = chunk.subarray(0, bytesRead)
      let at = 0
      let needed = 0
      while (at < bytes.length) {
        const found = recordAt(bytes, at)
        if (found !== undefined && !('needed' in found)) {
          const place = offset + at
          if (knownTo < place) onDamage?.(knownTo, place - knownTo)
          knownTo = place + found.bytes
          if (isIndexing && place >= this.#indexedTo) this.#note(found.first, place, knownTo)
          yield { header: found, bytes, at, offset: place }
          at += found.bytes
        } else if (found !== undefined && offset + at + found.needed <= end) {
          needed = found.needed
          break
        } else at = nextPossibleRecord(bytes, at + 1)
      }
      offset += at
      // A record may be larger than a chunk.
      chunk = needed > own.length ? Buffer.allocUnsafe(needed) : own
    }
    if (knownTo < this.size) onDamage?.(knownTo, this.size - knownTo)
    if (isIndexing) this.#indexedTo = Math.max(this.#indexedTo, this.size)
  }

  /** The index knows of this record, and is complete up to its end. */
  #note(sequence: number, offset: number, end: number): void {
    const last = this.#index.at(-1)
    if (last === undefined || offset - last.offset >= indexSpacingBytes) this.#index.push({ sequence, offset })
    this.#indexedTo = end
  }
}

function withoutBytes(buffers: readonly Buffer[], bytes: number): readonly Buffer[] {
  let rest = bytes
  const whole = buffers.findIndex(buffer => {
    if (rest < buffer.length) return true
    rest -= buffer.length
    return false
  })
  const [first, ...others] = buffers.slice(whole)
  return first === undefined ? [] : [first.subarray(rest), ...others]
}

import { type FileHandle, open, rename, stat, unlink } from 'node:fs/promises'
import { HistoryError } from './history-error.ts'
import { isIntact, type RecordHeader, readHeader } from './record.ts'

/*
 * A segment is a file of the log: a header, then records. The name of its file is the sequence number that it begins with.
 *
 *   header   8 bytes `TBUSLOG\n` · u32 format version · u32 0 · f64 first sequence number · f64 when it was made (ms)
 */

const magic = 'TBUSLOG\n'
const formatVersion = 1

/** What follows the name of a segment that has no header yet. */
export const unnamedSuffix = '.new'

/** Bytes of a segment's header. */
export const segmentHeaderBytes = 32

/** Bytes that are read from a segment at once. */
const chunkBytes = 262_144

/** Bytes between two places that a segment's index knows. */
const indexSpacingBytes = 262_144

/** Memory to read into, which is used again: as many chunks as there are readers at once. */
const freeChunks: Buffer[] = []

function takeChunk(): Buffer {
  return freeChunks.pop() ?? Buffer.allocUnsafeSlow(chunkBytes)
}

/** A record in a segment: `bytes` holds all of it from `at` on, until the next one is asked for. */
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

/** Do these bytes begin like a segment? Of its first eight there may be less. */
export function isSegmentStart(bytes: Buffer): boolean {
  return magic.startsWith(bytes.toString('latin1', 0, magic.length))
}

/** One file of the log, opened. */
export class Segment {
  readonly path: string
  /** Sequence number of the first message that it may have. */
  readonly first: number
  /** When it was begun, in milliseconds since the epoch: everything in the segments before it is older. */
  readonly createdMs: number
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
   */
  static async create(path: string, first: number): Promise<Segment> {
    const createdMs = Date.now()
    const header = Buffer.alloc(segmentHeaderBytes)
    header.write(magic, 'latin1')
    header.writeUInt32LE(formatVersion, 8)
    header.writeDoubleLE(first, 16)
    header.writeDoubleLE(createdMs, 24)
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

  /** Opens a segment that is there. Throws {@link HistoryError} if it is none, or made by a newer version. */
  static async open(path: string, first: number, mode: 'r' | 'r+'): Promise<Segment> {
    const file = await open(path, mode)
    try {
      const header = Buffer.alloc(segmentHeaderBytes)
      const { bytesRead } = await file.read(header, 0, header.length, 0)
      if (bytesRead < header.length || !isSegmentStart(header)) {
        throw new HistoryError(`${path} is not a segment of a history: move it away, or choose another history.path`)
      }
      const version = header.readUInt32LE(8)
      if (version > formatVersion) {
        throw new HistoryError(
          `${path} was made by a newer version of threatbus (format ${version}, this one knows ${formatVersion}): use that version, or choose another history.path`,
        )
      }
      return new Segment(file, path, first, header.readDoubleLE(24), (await file.stat()).size)
    } catch (error) {
      await file.close()
      throw error
    }
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
      const header = readHeader(record, 0)
      if (header) this.#note(header.first, this.size)
      this.size += record.length
    }
    this.#indexedTo = this.size
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

  /** Answers what lies in the file from `offset` on, for whoever wants to keep it. */
  async bytesFrom(offset: number): Promise<Buffer> {
    const { size } = await this.#file.stat()
    const bytes = Buffer.alloc(Math.max(0, size - offset))
    const { bytesRead } = await this.#file.read(bytes, 0, bytes.length, offset)
    return bytes.subarray(0, bytesRead)
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

  #close(): Promise<void> {
    this.#closed ??= this.#file.close()
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
   * The records from `offset` on, which is where one begins. It ends at the first that is not whole, and tells what is not
   * read therefore; whether they are intact is for the reader to find out.
   */
  async *records(offset: number, onRest?: (bytes: number) => void): AsyncGenerator<FoundRecord, void, undefined> {
    const own = takeChunk()
    try {
      yield* this.#recordsBy(own, offset, onRest)
    } finally {
      freeChunks.push(own)
    }
  }

  async *#recordsBy(
    own: Buffer,
    offset: number,
    onRest?: (bytes: number) => void,
  ): AsyncGenerator<FoundRecord, void, undefined> {
    let chunk = own
    while (offset < this.size) {
      const { bytesRead } = await this.#file.read(chunk, 0, Math.min(chunk.length, this.size - offset), offset)
      const bytes = chunk.subarray(0, bytesRead)
      let at = 0
      let header = readHeader(bytes, at)
      for (; header !== undefined && at + header.bytes <= bytes.length; header = readHeader(bytes, at)) {
        if (offset + at >= this.#indexedTo) {
          if (this.#isPlaceAt(offset + at) && isIntact(bytes, at, header)) this.#note(header.first, offset + at)
          this.#indexedTo = offset + at + header.bytes
        }
        yield { header, bytes, at, offset: offset + at }
        at += header.bytes
      }
      // Asked for all of a record and not given it, the file is shorter than it was.
      if (at === 0 && (!header || offset + header.bytes > this.size || header.bytes <= chunk.length)) {
        onRest?.(this.size - offset)
        return
      }
      offset += at
      // A record may be larger than a chunk.
      chunk = at === 0 && header !== undefined ? Buffer.allocUnsafe(header.bytes) : own
    }
  }

  /** Shall the index know this place, if there is an intact record? One that is damaged would lead astray. */
  #isPlaceAt(offset: number): boolean {
    const last = this.#index.at(-1)
    return last === undefined || offset - last.offset >= indexSpacingBytes
  }

  #note(sequence: number, offset: number): void {
    if (this.#isPlaceAt(offset)) this.#index.push({ sequence, offset })
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

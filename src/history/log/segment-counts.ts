import { readFile, rename, writeFile } from 'node:fs/promises'
import { crc32 } from 'node:zlib'
import { type AddressedRun, addressedIn, type CountedPart, typeCodeOf } from '../../delivery/counted.ts'
import { audiencesIn } from './record.ts'
import { type FoundRecord, firstInFileName, type Segment, unnamedSuffix } from './segment.ts'
import { segmentHeaderBytes } from './segment-header.ts'

/*
 * Beside a complete segment there is a file that says which types its messages have, so that it need not be read to know what
 * waits. All numbers are little-endian.
 *
 *   8 bytes `TBUSCNT\n` · u32 format version · u32 CRC-32 of all that follows it · f64 first sequence number · f64 bytes of the
 *   segment · u32 messages · two bits for each message, from the lowest on · the runs of messages that are not for everyone,
 *   as JSON
 *
 * It may be missing, or damaged, or of another version: then the segment is read once more.
 */

const magic = 'TBUSCNT\n'
const formatVersion = 1
const headerBytes = 36

const suffix = '.counts'

/** Sequence numbers of a segment that are counted: more than 1 GiB has of the shortest messages, if none of them is missing. */
export const mostCounted = 16_777_216

/** The file with what is counted of a segment. */
export function countsPath(segmentPath: string): string {
  return segmentPath.replace(/\.log$/, suffix)
}

/** The sequence number in the name of such a file; undefined if it is not the name of one. */
export function firstInCountsName(name: string): number | undefined {
  return name.endsWith(suffix) ? firstInFileName(`${name.slice(0, -suffix.length)}.log`) : undefined
}

/** Counts the messages of records, which come in the order of the log. */
export class RecordCounter {
  readonly #first: number
  #codes = new Uint8Array(4096)
  #count = 0
  readonly #addressed: AddressedRun[] = []

  /** @param first sequence number of the first message that there may be */
  constructor(first: number) {
    this.#first = first
  }

  /** What was counted so far; undefined if numbers are missing of more messages than there can be. */
  get part(): CountedPart | undefined {
    if (this.#count > mostCounted) return undefined
    return { first: this.#first, codes: this.#codes.subarray(0, this.#count), addressed: this.#addressed }
  }

  /** The next record. Behind a write that failed, what it left may be there once more: that counts once. */
  add({ header, bytes, at }: Pick<FoundRecord, 'header' | 'bytes' | 'at'>): void {
    const from = header.first - this.#first
    if (from < this.#count) return
    if (from + header.count > mostCounted) {
      this.#count = Number.POSITIVE_INFINITY
      return
    }
    const audiences = [...audiencesIn(bytes, at, header)]
    this.#count = from + audiences.length
    if (this.#count > this.#codes.length) {
      const codes = new Uint8Array(2 * this.#count)
      codes.set(this.#codes)
      this.#codes = codes
    }
    for (const [index, each] of audiences.entries()) this.#codes[from + index] = typeCodeOf(each)
    this.#addressed.push(...addressedIn(audiences, header.first))
  }
}

/** Reads a segment to count its messages; undefined if they can't be counted, or it is aborted before. */
export async function countSegment(segment: Segment, signal: AbortSignal): Promise<CountedPart | undefined> {
  const counter = new RecordCounter(segment.first)
  for await (const record of segment.records(segmentHeaderBytes)) {
    if (signal.aborted) return undefined
    counter.add(record)
  }
  return counter.part
}

/** What was counted of a segment earlier; undefined if that is not known, or was something else. */
export async function readCounts({ path, first, size }: Segment): Promise<CountedPart | undefined> {
  const file = await readFile(countsPath(path)).catch(() => undefined)
  if (file === undefined || file.length < headerBytes || file.toString('latin1', 0, 8) !== magic) return undefined
  if (file.readUInt32LE(8) !== formatVersion || file.readUInt32LE(12) !== crc32(file.subarray(16))) return undefined
  if (file.readDoubleLE(16) !== first || file.readDoubleLE(24) !== size) return undefined
  const codes = new Uint8Array(file.readUInt32LE(32))
  for (let at = 0; at < codes.length; at++)
    codes[at] = ((file[headerBytes + (at >> 2)] as number) >> ((at & 3) * 2)) & 3
  const addressed = JSON.parse(file.toString('utf8', headerBytes + Math.ceil(codes.length / 4))) as AddressedRun[]
  return { first, codes, addressed }
}

/** Writes down what was counted of a segment that is complete. */
export async function writeCounts({ path, first, size }: Segment, { codes, addressed }: CountedPart): Promise<void> {
  const runs = Buffer.from(JSON.stringify(addressed))
  const file = Buffer.alloc(headerBytes + Math.ceil(codes.length / 4) + runs.length)
  file.write(magic, 'latin1')
  file.writeUInt32LE(formatVersion, 8)
  file.writeDoubleLE(first, 16)
  file.writeDoubleLE(size, 24)
  file.writeUInt32LE(codes.length, 32)
  for (const [at, code] of codes.entries()) {
    const place = headerBytes + (at >> 2)
    file[place] = (file[place] as number) | (code << ((at & 3) * 2))
  }
  runs.copy(file, file.length - runs.length)
  file.writeUInt32LE(crc32(file.subarray(16)), 12)
  const unnamed = `${countsPath(path)}${unnamedSuffix}`
  await writeFile(unnamed, file, { mode: 0o600 })
  await rename(unnamed, countsPath(path))
}

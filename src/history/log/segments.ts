import { mkdir, open, readdir, rename, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { CountedPart } from '../../delivery/counted.ts'
import { HistoryError } from '../history-error.ts'
import { firstInFileName, Segment, segmentFileName, UnreadableSegmentError, unnamedSuffix } from './segment.ts'
import { firstInCountsName, RecordCounter, readCounts } from './segment-counts.ts'
import { isSegmentStart, segmentHeaderBytes } from './segment-header.ts'

/** Files of damaged ends that are kept, for whoever wants to look into them. */
const maxDamagedFiles = 3

/** Bytes of the log that can't be read. After a power cut the end of a file may be anything; bits flip anywhere. */
export interface Damage {
  /** Where they are now: the segment, or a file of its own. */
  readonly path: string
  readonly offset: number
  readonly bytes: number
}

/** The segments of a log, opened. */
export interface OpenedSegments {
  readonly segments: Segment[]
  /** The sequence number that follows the last message. */
  readonly next: number
  /** When the newest message was accepted, or the newest segment begun, in milliseconds since the epoch; -Infinity if there is none. */
  readonly newestMs: number
  /** What is known of the messages of these segments. */
  readonly known: ReadonlyMap<Segment, CountedPart>
  readonly damage: readonly Damage[]
  /** The new names of files in which nothing can be read. */
  readonly setAside: readonly string[]
}

/**
 * Opens the segments in a directory, which is made if it isn't there: it and all files in it are for this user alone. What
 * is damaged costs no more than itself: a header is mended; a file without anything that can be read is set aside; the last
 * segment is read to its end, and what is behind its last intact record is cut off. Throws {@link HistoryError}.
 */
export async function openSegments(directory: string): Promise<OpenedSegments> {
  const segments: Segment[] = []
  const known = new Map<Segment, CountedPart>()
  const damage: Damage[] = []
  const setAside: string[] = []
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 })
    await removeUnnamed(directory)
    const firsts = await firstsIn(directory)
    await removeUnneededCounts(directory, firsts)
    for (const [index, first] of firsts.entries()) {
      const path = join(directory, segmentFileName(first))
      if (await isUnfinished(path, index === firsts.length - 1)) await unlink(path)
      else {
        const segment = await openOrSetAside(path, first)
        if (typeof segment === 'string') setAside.push(segment)
        else segments.push(segment)
      }
    }
    for (const segment of segments) {
      if (segment.hasIntactHeader) continue
      await segment.mendHeader()
      await segment.sync()
      damage.push({ path: segment.path, offset: 0, bytes: segmentHeaderBytes })
    }
    // Even if nothing is left of them, messages had the numbers before the last file's.
    const begun = firsts.at(-1) ?? 1
    const last = segments.at(-1)
    if (last === undefined)
      return { segments, next: begun, newestMs: Number.NEGATIVE_INFINITY, known, damage, setAside }
    for (const segment of segments) {
      const counted = segment === last ? undefined : await readCounts(segment)
      if (counted !== undefined) known.set(segment, counted)
    }
    const { end, next, newestMs, gaps, counted } = await intactEnd(last)
    if (counted !== undefined) known.set(last, counted)
    damage.push(...gaps)
    if (end < last.size) damage.push(await cutOff(last, end))
    // A process that was killed may have left it in the system's memory only: from now on it counts as being on disk.
    await last.sync()
    await syncDirectory(directory)
    return { segments, next: Math.max(next, begun), newestMs, known, damage, setAside }
  } catch (error) {
    for (const segment of segments) await segment.retire()
    throw explained(directory, error)
  }
}

/** Opens a segment. One in which nothing can be read gets another name instead, which is answered. */
async function openOrSetAside(path: string, first: number): Promise<Segment | string> {
  try {
    return await Segment.open(path, first, 'r+')
  } catch (error) {
    if (!(error instanceof UnreadableSegmentError)) throw error
    const aside = `${path}.unreadable-${Date.now()}`
    await rename(path, aside)
    return aside
  }
}

/** The sequence numbers that the segments in a directory begin with, ascending. */
export async function firstsIn(directory: string): Promise<number[]> {
  const firsts = (await readdir(directory)).map(firstInFileName).filter(first => first !== undefined)
  return firsts.sort((one, other) => one - other)
}

/** Puts the names of files that were made or removed on disk. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** The segments that may have this sequence number or a higher one. */
export function segmentsFrom(segments: readonly Segment[], sequence: number): readonly Segment[] {
  const after = segments.findIndex(({ first }) => first > sequence)
  return segments.slice(after < 0 ? -1 : Math.max(0, after - 1))
}

/**
 * The segments that may have messages that were accepted at this time or later, in milliseconds since the epoch. What is
 * before one that was begun earlier is older, unless the clock was set back between the beginnings of the two.
 */
export function segmentsSince(segments: readonly Segment[], sinceMs: number): readonly Segment[] {
  return segments.filter(({ createdMs }, index) => {
    const next = segments[index + 1]
    return next === undefined || next.createdMs >= sinceMs || next.createdMs < createdMs
  })
}

/** Up to when what is in the others of these segments was accepted, in milliseconds since the epoch; -Infinity if there are none. */
export function unvisitedBefore(visited: readonly Segment[], segments: readonly Segment[]): number {
  const isVisited = new Set(visited)
  let latestMs = Number.NEGATIVE_INFINITY
  for (const [index, segment] of segments.entries()) {
    // It was complete when the next one was begun.
    if (!isVisited.has(segment)) latestMs = Math.max(latestMs, segments[index + 1]?.createdMs ?? latestMs)
  }
  return latestMs
}

/** What a crash left of segments that were just being begun. */
async function removeUnnamed(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    if (firstInFileName(name.slice(0, -unnamedSuffix.length)) === undefined || !name.endsWith(unnamedSuffix)) continue
    await unlink(join(directory, name))
  }
}

/** What was counted of segments that are not there any more, or was just being written down. */
async function removeUnneededCounts(directory: string, firsts: readonly number[]): Promise<void> {
  const isNeeded = new Set(firsts)
  for (const name of await readdir(directory)) {
    const first = firstInCountsName(name) ?? firstInCountsName(name.slice(0, -unnamedSuffix.length))
    if (first === undefined || (isNeeded.has(first) && !name.endsWith(unnamedSuffix))) continue
    await unlink(join(directory, name))
  }
}

/**
 * A crash may leave the newest segment without its header, or with a part of it, or with zeros. There is nothing in it yet.
 * So may a disk that failed when an older one was begun; but then nothing is behind its header either.
 */
async function isUnfinished(path: string, isLast: boolean): Promise<boolean> {
  const handle = await open(path, 'r')
  try {
    const { size } = await handle.stat()
    if (!isLast && size > segmentHeaderBytes) return false
    const buffer = Buffer.alloc(65_536)
    for (let offset = 0; offset < size; ) {
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, offset)
      const bytes = buffer.subarray(0, bytesRead)
      if (bytes.some(byte => byte !== 0)) return size < segmentHeaderBytes && isSegmentStart(bytes)
      offset += Math.max(1, bytesRead)
    }
    return true
  } finally {
    await handle.close()
  }
}

/** Where a segment ends. */
interface IntactEnd {
  /** Where its last intact record ends, and the sequence number that follows that. */
  readonly end: number
  readonly next: number
  readonly newestMs: number
  /** What is damaged before. */
  readonly gaps: readonly Damage[]
  readonly counted: CountedPart | undefined
}

/** Finds the last intact record of a segment that may have been torn. */
async function intactEnd(segment: Segment): Promise<IntactEnd> {
  let end = segmentHeaderBytes
  let next = segment.first
  let newestMs = segment.createdMs
  const gaps: Damage[] = []
  const counter = new RecordCounter(segment.first)
  const onDamage = (offset: number, bytes: number) => void gaps.push({ path: segment.path, offset, bytes })
  for await (const record of segment.records(segmentHeaderBytes, onDamage)) {
    const { header, offset } = record
    if (header.first < next) break
    counter.add(record)
    end = offset + header.bytes
    next = header.first + header.count
    newestMs = Math.max(newestMs, header.acceptedMs)
  }
  return { end, next, newestMs, gaps: gaps.filter(({ offset }) => offset < end), counted: counter.part }
}

async function cutOff(segment: Segment, end: number): Promise<Damage> {
  const bytes = segment.size - end
  const path = (await hasAnything(segment, end)) ? await keepFrom(segment, end) : segment.path
  await segment.cut(end)
  return { path, offset: end, bytes }
}

/** Is there anything but zeros in a file from there on? */
async function hasAnything(segment: Segment, from: number): Promise<boolean> {
  for await (const piece of segment.bytesFrom(from)) if (piece.some(byte => byte !== 0)) return true
  return false
}

/** Keeps what a segment has from there on in a file of its own, and answers its name. */
async function keepFrom(segment: Segment, from: number): Promise<string> {
  await removeOldDamage(segment.path)
  const path = `${segment.path}.damaged-${Date.now()}`
  const kept = await open(path, 'w', 0o600)
  try {
    for await (const piece of segment.bytesFrom(from)) await kept.appendFile(piece)
  } finally {
    await kept.close()
  }
  return path
}

async function removeOldDamage(segmentPath: string): Promise<void> {
  const directory = join(segmentPath, '..')
  const damaged = (await readdir(directory)).filter(name => name.includes('.log.damaged-')).sort()
  for (const name of damaged.slice(0, Math.max(0, damaged.length - maxDamagedFiles + 1))) {
    await unlink(join(directory, name))
  }
}

/** An error of the file system in words that say what to do. */
export function explained(directory: string, error: unknown): unknown {
  if (error instanceof HistoryError || !(error instanceof Error) || !('code' in error)) return error
  const advice: Readonly<Record<string, string>> = {
    EACCES: 'give this user the right to read and write it',
    EPERM: 'give this user the right to read and write it',
    EROFS: 'it is on a read-only file system',
    ENOTDIR: 'a part of the path is a file, not a directory',
    EEXIST: 'it is a file, not a directory',
    ENOSPC: 'make room on the disk',
    EDQUOT: 'make room in the quota of this user',
    EMFILE: 'let this process open more files (ulimit -n)',
  }
  const what = advice[String(error.code)] ?? error.message
  return new HistoryError(
    `the history in ${directory} cannot be opened (${error.code}): ${what}; or choose another history.path, or history.enabled: false`,
  )
}

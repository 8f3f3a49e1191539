import { mkdir, open, readdir, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { HistoryError } from './history-error.ts'
import { isIntact } from './record.ts'
import {
  firstInFileName,
  isSegmentStart,
  Segment,
  segmentFileName,
  segmentHeaderBytes,
  unnamedSuffix,
} from './segment.ts'

/** Files of damaged ends that are kept, for whoever wants to look into them. */
const maxDamagedFiles = 3

/** What was cut off the last segment: after a power cut the end of a file may be anything. */
export interface Damage {
  readonly path: string
  readonly bytes: number
}

/** The segments of a log, opened. */
export interface OpenedSegments {
  readonly segments: Segment[]
  /** The sequence number that follows the last message. */
  readonly next: number
  readonly damage: Damage | undefined
}

/**
 * Opens the segments in a directory, which is made if it isn't there: it and all files in it are for this user alone. The
 * last segment is read to its end, and what is not intact there is cut off. Throws {@link HistoryError}.
 */
export async function openSegments(directory: string): Promise<OpenedSegments> {
  const segments: Segment[] = []
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 })
    await removeUnnamed(directory)
    const firsts = await firstsIn(directory)
    for (const [index, first] of firsts.entries()) {
      const isLast = index === firsts.length - 1
      const path = join(directory, segmentFileName(first))
      if (await isUnfinished(path, isLast)) await unlink(path)
      else segments.push(await Segment.open(path, first, 'r+'))
    }
    // Even if nothing is left of them, messages had the numbers before the last file's.
    const begun = firsts.at(-1) ?? 1
    const last = segments.at(-1)
    if (last === undefined) return { segments, next: begun, damage: undefined }
    const { end, next } = await intactEnd(last)
    const damage = end < last.size ? await cutOff(last, end) : undefined
    // A process that was killed may have left it in the system's memory only: from now on it counts as being on disk.
    await last.sync()
    await syncDirectory(directory)
    return { segments, next: Math.max(next, begun), damage }
  } catch (error) {
    for (const segment of segments) await segment.retire()
    throw explained(directory, error)
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

/** The segments that may have messages that were accepted at this time or later, in milliseconds since the epoch. */
export function segmentsSince(segments: readonly Segment[], sinceMs: number): readonly Segment[] {
  const after = segments.findIndex(({ createdMs }) => createdMs >= sinceMs)
  return segments.slice(after < 0 ? -1 : Math.max(0, after - 1))
}

/** Up to when what is in the segments before these was accepted, in milliseconds since the epoch; -Infinity if there are none. */
export function unvisitedBefore(visited: readonly Segment[], segments: readonly Segment[]): number {
  const [first] = visited
  // They were complete when the next one was begun.
  return first === undefined || first === segments[0] ? Number.NEGATIVE_INFINITY : first.createdMs
}

/** What a crash left of segments that were just being begun. */
async function removeUnnamed(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    if (firstInFileName(name.slice(0, -unnamedSuffix.length)) === undefined || !name.endsWith(unnamedSuffix)) continue
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
    if (!isLast && (await handle.stat()).size > segmentHeaderBytes) return false
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(segmentHeaderBytes), 0, segmentHeaderBytes, 0)
    const start = buffer.subarray(0, bytesRead)
    return start.every(byte => byte === 0) || (bytesRead < segmentHeaderBytes && isSegmentStart(start))
  } finally {
    await handle.close()
  }
}

/** Finds the last intact record of a segment that may have been torn, and answers where it ends. */
async function intactEnd(segment: Segment): Promise<{ readonly end: number; readonly next: number }> {
  let end = segmentHeaderBytes
  let next = segment.first
  for await (const { header, bytes, at, offset } of segment.records(segmentHeaderBytes)) {
    if (!isIntact(bytes, at, header) || header.first < next) break
    end = offset + header.bytes
    next = header.first + header.count
  }
  return { end, next }
}

async function cutOff(segment: Segment, end: number): Promise<Damage> {
  const bytes = await segment.bytesFrom(end)
  const path = `${segment.path}.damaged-${Date.now()}`
  const isWorthKeeping = bytes.some(byte => byte !== 0)
  if (isWorthKeeping) {
    await removeOldDamage(segment.path)
    await writeFile(path, bytes, { mode: 0o600 })
  }
  await segment.cut(end)
  return { path: isWorthKeeping ? path : segment.path, bytes: bytes.length }
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

import { randomInt } from 'node:crypto'
import type { SnapshotCriteria } from '../delivery/message-store.ts'
import type { MessageType } from '../protocol/topics.ts'
import { LatestVersions, partOf } from './latest-versions.ts'
import { readTable, type TableEntry } from './record.ts'
import type { Segment } from './segment.ts'
import { segmentHeaderBytes } from './segment-header.ts'
import type { Selected } from './selection.ts'
import { SequenceSet } from './sequence-set.ts'

/** Objects whose latest versions are looked for at once unless something else is said: about 20 MB. */
export const defaultAtOnce = 500_000

/** Parts that objects are divided into at most. */
const mostParts = 65_536

/** There are more objects than can be looked for at once. */
class TooMany extends Error {}

/**
 * Finds out which messages make a snapshot: of each object the latest version, unless that one removes it. Reads only the
 * tables of the records. If there are more objects than `maxAtOnce`, it reads the log once for each part of them.
 */
export async function select(
  segments: readonly Segment[],
  criteria: SnapshotCriteria,
  maxAtOnce: number,
): Promise<Selected> {
  const from = segments[0]?.first ?? criteria.upTo + 1
  const seed = randomInt(2 ** 32 - 1)
  for (let parts = 1; ; parts *= 4) {
    const selected = SequenceSet.between(from, criteria.upTo)
    try {
      for (let part = 0; part < parts; part++) {
        const latest = LatestVersions.none(seed, Math.min(maxAtOnce + 1, Math.max(1, criteria.upTo - from + 1)))
        await selectPart(segments, criteria, { part, parts, maxAtOnce, seed }, latest, selected)
      }
    } catch (error) {
      if (error instanceof TooMany) continue
      throw error
    }
    return { messages: selected.bits, versions: (await versionsOf(segments, criteria, selected, seed)).table }
  }
}

async function selectPart(
  segments: readonly Segment[],
  criteria: SnapshotCriteria,
  { part, parts, maxAtOnce, seed }: Readonly<Record<'part' | 'parts' | 'maxAtOnce' | 'seed', number>>,
  latest: LatestVersions,
  selected: SequenceSet,
): Promise<void> {
  await visitEntries(segments, criteria, (entry, sequence) => {
    if (!entry.hasObject) {
      if (part === 0) selected.add(sequence)
      return
    }
    if (partOf(entry.key, parts, seed) !== part) return
    // A version that does not say when it was modified is as late as it came.
    const before = latest.note(entry.key, Number.isNaN(entry.modified) ? Number.MAX_VALUE : entry.modified, sequence)
    if (before < 0) return
    if (before > 0) selected.delete(before)
    if (!entry.removed) selected.add(sequence)
    if (latest.size > maxAtOnce && parts < mostParts) throw new TooMany()
  })
}

/** As many of the selected versions as shall be remembered. */
async function versionsOf(
  segments: readonly Segment[],
  criteria: SnapshotCriteria,
  selected: SequenceSet,
  seed: number,
): Promise<LatestVersions> {
  const atMost = Math.min(criteria.maxVersions, selected.size)
  const versions = LatestVersions.none(seed, atMost)
  if (atMost === 0) return versions
  await visitEntries(segments, criteria, (entry, sequence) => {
    if (versions.size >= atMost || !entry.hasObject || !selected.has(sequence)) return
    versions.note(entry.key, entry.modified, sequence)
  })
  return versions
}

/** Visits what the log says of messages that may be part of a snapshot, in order. */
async function visitEntries(
  segments: readonly Segment[],
  { types, sinceMs, upTo }: SnapshotCriteria,
  visit: (entry: TableEntry, sequence: number) => void,
): Promise<void> {
  for (const segment of segments) {
    if (segment.first > upTo || !segment.acquire()) continue
    try {
      for await (const { header, bytes, at } of segment.records(segmentHeaderBytes)) {
        if (header.acceptedMs < sinceMs) continue
        if (header.first > upTo) return
        let sequence = header.first
        for (const entry of readTable(bytes, at, header)) {
          const isWanted = entry.audience === undefined && types.includes(entry.type as MessageType)
          if (isWanted && sequence <= upTo) visit(entry, sequence)
          sequence++
        }
      }
    } finally {
      segment.release()
    }
  }
}

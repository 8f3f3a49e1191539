import { randomInt } from 'node:crypto'
import type { SnapshotCriteria } from '../../delivery/message-store.ts'
import type { MessageType } from '../../protocol/topics.ts'
import { type RecordHeader, readTable, type TableEntry } from '../log/record.ts'
import type { Segment } from '../log/segment.ts'
import { segmentHeaderBytes } from '../log/segment-header.ts'
import { LatestVersions, partOf } from './latest-versions.ts'
import { SelectedMessages, SelectingMessages } from './selected-messages.ts'
import type { Selected } from './selection.ts'
import { VersionSet } from './version-set.ts'

/** Objects whose latest versions are looked for at once unless something else is said: about 20 MB. */
export const defaultAtOnce = 500_000

/** Parts that objects are divided into at most. */
const mostParts = 65_536

/** There are more objects than can be looked for at once. */
class TooMany extends Error {}

/** How a log is searched. */
export interface Search {
  /** Objects whose latest versions are looked for at once. */
  readonly maxAtOnce: number
  /** What was accepted up to this time is in segments that are not even looked at; in milliseconds since the epoch. */
  readonly unvisitedMs: number
  readonly signal?: AbortSignal
}

/**
 * Finds out which messages make snapshots: of each object the latest version, unless that one removes it. Reads only the
 * tables of the records. If there are more objects than `maxAtOnce`, it reads the log once for each part of them.
 * Rejects soon when it is aborted.
 */
export async function select(
  segments: readonly Segment[],
  criteria: SnapshotCriteria,
  search: Search,
): Promise<Selected> {
  const from = segments[0]?.first ?? criteria.latestEnd + 1
  const seed = randomInt(2 ** 32 - 1)
  for (let parts = 1; ; parts *= 4) {
    const selecting = {
      indicator: new SelectingMessages(from, criteria),
      sighting: new SelectingMessages(from, criteria),
    }
    const visit = new Visit(segments, criteria, search)
    try {
      for (let part = 0; part < parts; part++) {
        const expected = Math.min(search.maxAtOnce + 1, Math.max(1, criteria.latestEnd - from + 1))
        const latest = new LatestVersions(seed, expected)
        await selectPart(visit, { part, parts, maxAtOnce: search.maxAtOnce, seed }, latest, selecting)
      }
    } catch (error) {
      if (error instanceof TooMany) continue
      throw error
    }
    const messages = { indicator: selecting.indicator.table, sighting: selecting.sighting.table }
    const { passedOverMs, oldestMs } = visit
    return {
      ...{ messages, passedOverMs, oldestMs },
      versions: (await versionsOf(visit, criteria.maxVersions, messages, seed)).table,
    }
  }
}

async function selectPart(
  visit: Visit,
  { part, parts, maxAtOnce, seed }: Readonly<Record<'part' | 'parts' | 'maxAtOnce' | 'seed', number>>,
  latest: LatestVersions,
  selecting: Readonly<Record<MessageType, SelectingMessages>>,
): Promise<void> {
  await visit.entries((entry, type, sequence) => {
    if (!entry.hasObject) {
      if (part === 0) selecting[type].add(sequence)
      return
    }
    if (partOf(entry.key, parts, seed) !== part) return
    // A version that does not say when it was modified is as late as it came.
    const before = latest.note(entry.key, Number.isNaN(entry.modified) ? Number.MAX_VALUE : entry.modified, sequence)
    if (before < 0) return
    if (before > 0) selecting[type].replace(before, sequence)
    if (!entry.removed) selecting[type].add(sequence)
    if (latest.size > maxAtOnce && parts < mostParts) throw new TooMany()
  })
}

/** As many of the selected versions as shall be remembered. */
async function versionsOf(
  visit: Visit,
  maxVersions: number,
  { indicator, sighting }: Selected['messages'],
  seed: number,
): Promise<VersionSet> {
  const selected = { indicator: new SelectedMessages(indicator), sighting: new SelectedMessages(sighting) }
  const atMost = Math.min(maxVersions, selected.indicator.size + selected.sighting.size)
  const versions = VersionSet.none(seed, atMost)
  if (atMost === 0) return versions
  await visit.entries((entry, type, sequence) => {
    if (versions.size >= atMost || !entry.hasObject || !selected[type].hasAnywhere(sequence)) return
    versions.add(entry.key, entry.modified)
  })
  return versions
}

/** Visits what the log says of messages that may be part of snapshots. */
class Visit {
  readonly #segments: readonly Segment[]
  readonly #criteria: SnapshotCriteria
  readonly #signal: AbortSignal | undefined
  /** When the last record was accepted that is too old; and the first that is not. */
  passedOverMs: number
  oldestMs = Number.POSITIVE_INFINITY

  constructor(segments: readonly Segment[], criteria: SnapshotCriteria, { unvisitedMs, signal }: Search) {
    this.#segments = segments
    this.#criteria = criteria
    this.#signal = signal
    this.passedOverMs = unvisitedMs
  }

  /** Visits them in order. */
  async entries(visit: (entry: TableEntry, type: MessageType, sequence: number) => void): Promise<void> {
    const { latestEnd } = this.#criteria
    for (const segment of this.#segments) {
      if (segment.first > latestEnd || !segment.acquire()) continue
      try {
        for await (const { header, bytes, at } of segment.records(segmentHeaderBytes)) {
          this.#signal?.throwIfAborted()
          if (this.#isTooOld(header)) continue
          if (header.first > latestEnd) return
          this.oldestMs = Math.min(this.oldestMs, header.acceptedMs)
          let sequence = header.first
          for (const entry of readTable(bytes, at, header)) {
            const { type, audience } = entry
            if (audience === undefined && type !== 'snapshotrequest' && sequence <= latestEnd)
              visit(entry, type, sequence)
            sequence++
          }
        }
      } finally {
        segment.release()
      }
    }
  }

  #isTooOld({ acceptedMs }: RecordHeader): boolean {
    if (acceptedMs >= this.#criteria.sinceMs) return false
    this.passedOverMs = Math.max(this.passedOverMs, acceptedMs)
    return true
  }
}

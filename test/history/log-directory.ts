import { readdirSync } from 'node:fs'
import type { LoggedBatch } from '../../src/delivery/batch.ts'
import type { SnapshotRange, SnapshotSelection } from '../../src/delivery/message-store.ts'
import { SegmentedStore, type StoreEvents, type StoreSettings } from '../../src/history/segmented-store.ts'
import type { MessageType } from '../../src/protocol/topics.ts'

/** Limits that nothing reaches. */
export const wideSettings: StoreSettings = { retentionDays: 30, maxBytes: 1e12, maxUnwrittenBytes: 1e9 }

/** What a store told its owner, a line each; of damage only in which file. */
export function toldEvents(): StoreEvents & { readonly told: string[] } {
  const told: string[] = []
  return {
    told,
    written() {},
    failing: error => told.push(`failing: ${error instanceof Error ? error.message : error}`),
    recovered: lost => told.push(`recovered: ${lost} lost`),
    damaged: path => told.push(`damaged: ${path.replace(/.*\//, '').replace(/-\d+$/, '')}`),
    ageingHeld: segments => told.push(`held: ${segments}`),
    setAside: path => told.push(`set aside: ${path.replace(/.*\//, '').replace(/-\d+$/, '')}`),
  }
}

/** Opens a store with these settings, wide ones otherwise. */
export async function openStore(directory: string, settings: Partial<StoreSettings> = {}) {
  const events = toldEvents()
  const store = await SegmentedStore.open(directory, { ...wideSettings, ...settings }, events)
  return { store, told: events.told }
}

/** What a store has for one snapshot. */
export async function selectedOf(
  store: SegmentedStore,
  range: SnapshotRange,
  types: readonly MessageType[] = ['indicator'],
): Promise<SnapshotSelection> {
  const criteria = { sinceMs: range.sinceMs, earliestEnd: range.upTo, latestEnd: range.upTo, maxVersions: 0 }
  return (await store.select(criteria, new AbortController().signal)).within(range, types)
}

/** The files of segments in a directory, the oldest first. */
export function segmentFiles(directory: string): string[] {
  return readdirSync(directory)
    .filter(name => name.endsWith('.log'))
    .sort()
}

/** Every frame that a reader who begins at this sequence number gets, by sequence number. */
export async function framesFrom(store: SegmentedStore, from = 1): Promise<Map<number, string>> {
  const frames = new Map<number, string>()
  let sequence = from
  for (let page = await store.read(sequence); page.length > 0; page = await store.read(sequence)) {
    const before = sequence
    for (const batch of page) {
      for (const [at, frame] of framesOf(batch)) if (at >= sequence) frames.set(at, frame)
      sequence = Math.max(sequence, batch.first + batch.messages.length)
    }
    // A page without progress would be read for ever.
    if (sequence === before) throw new Error(`the page of ${before} ends before it`)
  }
  return frames
}

/** The frames of a batch by sequence number. */
export function framesOf({ first, messages }: LoggedBatch): Map<number, string> {
  return new Map(messages.map(({ frame }, index) => [first + index, String(frame)]))
}

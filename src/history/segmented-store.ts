import { unlink } from 'node:fs/promises'
import type { LoggedBatch } from '../delivery/batch.ts'
import type { CountedPart } from '../delivery/counted.ts'
import type { MessageCounts } from '../delivery/message-counts.ts'
import type { MessageStore, SharedSelection, SnapshotCriteria } from '../delivery/message-store.ts'
import { readMessages } from './log/record.ts'
import type { Segment } from './log/segment.ts'
import { countSegment, countsPath, mostCounted, writeCounts } from './log/segment-counts.ts'
import {
  type Damage,
  type OpenedSegments,
  openSegments,
  segmentsFrom,
  segmentsSince,
  unvisitedBefore,
} from './log/segments.ts'
import { Writer, type WriterEvents, type WriterSettings } from './log/writer.ts'
import { defaultAtOnce } from './selection/select.ts'
import { LogSelection } from './selection/selection.ts'
import { SelectionThread } from './selection/selection-thread.ts'

/** How the messages of a log are kept. */
export interface StoreSettings extends WriterSettings {
  /** Objects whose latest versions are looked for at once; for more, the log is read several times. Default 500,000. */
  readonly maxSelectedAtOnce?: number
}

/** What a store tells its owner. */
export interface StoreEvents extends Omit<WriterEvents, 'completed'> {
  /** Bytes of the log can't be read: they are as if they had never been there. */
  damaged(path: string, bytes: number): void
  /** A file of the log in which nothing can be read was given this name, and is no part of the log any more. */
  setAside(path: string): void
}

/** How much a log keeps. */
export interface LogExtent {
  /** Sequence numbers of the oldest message, and of the one that comes next. */
  readonly oldest: number
  readonly next: number
  /** When the oldest file was begun, in milliseconds since the epoch; undefined if there is none. */
  readonly oldestMs: number | undefined
  /** On disk, with what records need. */
  readonly bytes: number
  readonly segments: number
}

/** About so many bytes are read at once. */
const pageBytes = 262_144

/**
 * The messages of the log in files of a directory (see segment.ts). They are read with positional reads and never mapped
 * into memory, so replaying gigabytes costs this process a page; what is too old goes by deleting files.
 */
export class SegmentedStore implements MessageStore {
  /** When the newest message was accepted that was there when it was opened, in milliseconds since the epoch; -Infinity if none was. */
  readonly newestMs: number
  readonly #writer: Writer
  readonly #events: StoreEvents
  readonly #selectedAtOnce: number
  readonly #selectionThread = new SelectionThread()
  readonly #damaged = new Set<string>()
  readonly #verify: StoreSettings['verify']
  /** What is known of the messages of these segments, until it is told. */
  #known: ReadonlyMap<Segment, CountedPart>
  #counts: MessageCounts | undefined
  readonly #closing = new AbortController()
  /** What is counted is being written down. */
  #noting: Promise<void> = Promise.resolve()

  private constructor(
    writer: Writer,
    { known, newestMs }: OpenedSegments,
    settings: StoreSettings,
    events: StoreEvents,
  ) {
    this.#writer = writer
    this.#known = known
    this.newestMs = newestMs
    this.#verify = settings.verify
    this.#events = events
    this.#selectedAtOnce = settings.maxSelectedAtOnce ?? defaultAtOnce
  }

  /** Opens the log in a directory, which is made if it isn't there. Throws `HistoryError` if it can't be used. */
  static async open(directory: string, settings: StoreSettings, events: StoreEvents): Promise<SegmentedStore> {
    const opened = await openSegments(directory)
    const { segments, next, damage, setAside } = opened
    for (const path of setAside) events.setAside(path)
    const completed = (segment: Segment, end: number) => store.#noteDown(segment, end)
    const writer = await Writer.start(directory, segments, next, settings, { ...events, completed })
    const store = new SegmentedStore(writer, opened, settings, events)
    for (const each of damage) store.#reportDamage(each)
    return store
  }

  get oldest(): number {
    return this.#writer.oldest
  }

  get next(): number {
    return this.#writer.next
  }

  get readable(): number {
    return this.#writer.readable
  }

  get unwrittenBytes(): number {
    return this.#writer.unwrittenBytes
  }

  /** Sequence number from which on there may be messages that were accepted at this time or later, in milliseconds since the epoch. */
  firstSince(ms: number): number {
    return segmentsSince(this.#writer.segments, ms)[0]?.first ?? this.oldest
  }

  /** What is kept. */
  get extent(): LogExtent {
    const { segments, oldest, next } = this.#writer
    const bytes = segments.reduce((total, { size }) => total + size, 0)
    return { oldest, next, oldestMs: segments[0]?.createdMs, bytes, segments: segments.length }
  }

  /** Messages that were given up since the start because they could not be written. */
  get lost(): number {
    return this.#writer.lost
  }

  /** Segments that were deleted since the start because the log had as many bytes as it may. */
  get crowdedOut(): number {
    return this.#writer.crowdedOut
  }

  /** Does writing fail at present? */
  get isFailing(): boolean {
    return this.#writer.isFailing
  }

  beCounted(counts: MessageCounts): void {
    const { segments, next } = this.#writer
    const unknown: Segment[] = []
    for (const [index, segment] of segments.entries()) {
      const end = segments[index + 1]?.first ?? next
      const known = this.#known.get(segment)
      if (known !== undefined && known.first + known.codes.length <= end) counts.add(known)
      else {
        counts.addUnknown(segment.first, end)
        unknown.push(segment)
      }
    }
    this.#known = new Map()
    this.#counts = counts
    this.#noting = this.#countAll(unknown.toReversed(), counts)
  }

  append(batch: LoggedBatch): void {
    this.#writer.append(batch)
  }

  committed(): Promise<void> {
    return this.#writer.committed()
  }

  async read(sequence: number): Promise<readonly LoggedBatch[]> {
    const batches: LoggedBatch[] = []
    let bytes = 0
    for (const segment of segmentsFrom(this.#writer.segments, sequence)) {
      for await (const batch of this.#batchesOf(segment, sequence)) {
        batches.push(batch)
        bytes += batch.bytes
        if (bytes >= pageBytes) return batches
      }
      if (batches.length > 0) return batches
    }
    return batches
  }

  async select(criteria: SnapshotCriteria, signal: AbortSignal): Promise<SharedSelection> {
    const selected = await this.#selectionThread.select(async () => {
      await this.#writer.written()
      const segments = segmentsSince(this.#writer.segments, criteria.sinceMs)
      const files = segments.map(({ path, first }) => ({ path, first }))
      const unvisitedMs = unvisitedBefore(segments, this.#writer.segments)
      return { files, criteria, maxAtOnce: this.#selectedAtOnce, unvisitedMs }
    }, signal)
    return new LogSelection(criteria, selected)
  }

  /** Fulfilled when everything that was appended so far can be read, or writing fails. */
  written(): Promise<void> {
    return this.#writer.written()
  }

  /** Fulfilled when everything is counted that was there when it was opened, and what was completed since is noted down. */
  counted(): Promise<void> {
    return this.#noting
  }

  /** Looks whether the file that is written to is still there; if not, it is written anew. */
  verify(): Promise<void> {
    return this.#writer.verify()
  }

  /** Nothing is written any more, because of this. */
  abandon(error: unknown): void {
    this.#writer.abandon(error)
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await this.#selectionThread.close()
    await this.#writer.close()
    await this.#noting
  }

  /** The batches of a segment from a sequence number on. A segment that retention has deleted meanwhile has none. */
  async *#batchesOf(segment: Segment, sequence: number): AsyncGenerator<LoggedBatch, void, undefined> {
    if (!segment.acquire()) return
    try {
      const report = (offset: number, bytes: number) => this.#reportDamage({ path: segment.path, offset, bytes })
      for await (const { header, bytes, at } of segment.records(await segment.placeOf(sequence), report)) {
        if (header.first + header.count > sequence) yield readMessages(bytes, at, header)
      }
    } finally {
      segment.release()
    }
  }

  /** Counts what these segments have, one after the other: what waits is known better by and by. */
  async #countAll(segments: readonly Segment[], counts: MessageCounts): Promise<void> {
    for (const segment of segments) {
      if (!segment.acquire()) continue
      try {
        const part = await countSegment(segment, this.#closing.signal)
        if (this.#closing.signal.aborted) return
        if (part === undefined) continue
        counts.learn(part)
        await this.#write(segment, part)
      } catch {
        // What can't be read is told of when somebody is sent it.
      } finally {
        segment.release()
      }
    }
  }

  /** Writes down what is known of a segment that is complete. */
  #noteDown(segment: Segment, end: number): void {
    const counts = this.#counts
    if (counts === undefined || end - segment.first > mostCounted || !counts.knows(segment.first, end)) return
    const part = counts.part(segment.first, end)
    this.#noting = this.#noting.then(() => this.#write(segment, part))
  }

  /** If it can't be, the segment is read once more when the history is opened next. */
  async #write(segment: Segment, part: CountedPart): Promise<void> {
    try {
      await this.#verify?.()
      await writeCounts(segment, part)
      // Retention may have been faster.
      if (!this.#writer.segments.includes(segment)) await unlink(countsPath(segment.path))
    } catch {}
  }

  #reportDamage({ path, offset, bytes }: Damage): void {
    const place = `${path}:${offset}`
    if (this.#damaged.has(place) || this.#damaged.size >= maxReported) return
    this.#damaged.add(place)
    this.#events.damaged(path, bytes)
  }
}

/** Damaged places that are told of, each once. */
const maxReported = 100

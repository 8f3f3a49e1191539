import type { MessageType } from '../protocol/topics.ts'
import type { LoggedBatch } from './batch.ts'
import type { MessageCounts } from './message-counts.ts'

/** The part of the log that a subscriber gets as a snapshot, before what is live. */
export interface SnapshotRange {
  /** Accepted at this time or later, in milliseconds since the epoch. */
  readonly sinceMs: number
  /** Sequence number of the log's last message when the subscription began. */
  readonly upTo: number
  /** It is every message for the subscriber, and not only the latest version of each object. */
  readonly everything?: true
}

/** The messages of the log that make one snapshot, by their sequence numbers. */
export interface SnapshotSelection {
  has(sequence: number): boolean
  /** The first selected message with this sequence number or a higher one. */
  nextFrom(sequence: number): number | undefined
  /** How many there are with this sequence number or a higher one. */
  countFrom(sequence: number): number
  /** Is this version of an object (its `id` and `modified`) among those that are remembered? */
  hasVersion(id: string, modified: string): boolean
  /** Where it was cut out of. */
  readonly shared: SharedSelection
}

/** What the log has for snapshots, for all whose ranges it covers. */
export interface SharedSelection {
  /** Does it know exactly which messages belong to this range? */
  covers(range: SnapshotRange): boolean
  /** Which of them do, of these types. Only of a range that it {@link covers}. */
  within(range: SnapshotRange, types: readonly MessageType[]): SnapshotSelection
  /** How many versions of objects it remembers; undefined if none were to be, or they are forgotten. */
  readonly versions: number | undefined
  /** Nobody asks for versions any more: the memory they take is free. */
  forgetVersions(): void
}

/**
 * For which snapshots the log is searched (PROTOCOL "Snapshots"): for all that begin at one time, and whose last message is
 * one from the earliest to the latest end.
 */
export interface SnapshotCriteria {
  /** Accepted at this time or later, in milliseconds since the epoch. */
  readonly sinceMs: number
  /** Sequence numbers of the last message that counts. What is replaced in between is remembered, message by message. */
  readonly earliestEnd: number
  readonly latestEnd: number
  /** Versions that shall be remembered, for `hasVersion`. */
  readonly maxVersions: number
}

/**
 * Where the log's messages are kept: on disk. It never holds up who appends, and reads in pages.
 */
export interface MessageStore {
  /** Sequence number of the oldest message that it has; {@link next} if it has none. */
  readonly oldest: number
  /** Sequence number that follows the last message it was given. */
  readonly next: number
  /** Everything before this sequence number that can be read at all can be read now. */
  readonly readable: number
  /** Bytes that were appended and are not written yet. */
  readonly unwrittenBytes: number
  /** Tells what it has, before anything is appended; and what of it is not known yet as soon as that is. */
  beCounted(counts: MessageCounts): void
  /** Takes a batch whose first sequence number is {@link next} or higher. It is written in the background. Never throws. */
  append(batch: LoggedBatch): void
  /**
   * Reads a page: batches in ascending order, of which the first has a message with this sequence number or, if that is
   * not there any more, with the next higher one. Empty if there is none. Rejects if the disk can't be read.
   */
  read(sequence: number): Promise<readonly LoggedBatch[]>
  /** Fulfilled when all that was appended so far is on disk, safe from a power cut; rejects as long as writing fails. */
  committed(): Promise<void>
  /**
   * Finds out which messages make snapshots. Takes its time, in steps. Rejects soon when it is aborted, and if the disk
   * can't be read.
   */
  select(criteria: SnapshotCriteria, signal: AbortSignal): Promise<SharedSelection>
  /** Writes what it holds, if it can, and closes. Never rejects. */
  close(): Promise<void>
}

import type { MessageType } from '../protocol/topics.ts'
import type { LoggedBatch } from './batch.ts'

/** The messages of the log that make a snapshot, by their sequence numbers. */
export interface SnapshotSelection {
  has(sequence: number): boolean
  /** The first selected message with this sequence number or a higher one. */
  nextFrom(sequence: number): number | undefined
  /** How many versions of objects it remembers. */
  readonly versions: number
  /** Is this version of an object (its `id` and `modified`) among the selected? False also if it is not known any more. */
  hasVersion(id: string, modified: string): boolean
  /** Nobody asks for versions any more: the memory they take is free. */
  forgetVersions(): void
}

/** Which messages make a snapshot (PROTOCOL "Snapshots"). */
export interface SnapshotCriteria {
  readonly types: readonly MessageType[]
  /** Accepted at this time or later, in milliseconds since the epoch. */
  readonly sinceMs: number
  /** Sequence number of the last message that counts. */
  readonly upTo: number
  /** Versions that the selection shall remember, for `hasVersion`. */
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
  /** Takes a batch whose first sequence number is {@link next} or higher. It is written in the background. Never throws. */
  append(batch: LoggedBatch): void
  /**
   * Reads a page: batches in ascending order, of which the first has a message with this sequence number or, if that is
   * not there any more, with the next higher one. Empty if there is none. Rejects if the disk can't be read.
   */
  read(sequence: number): Promise<readonly LoggedBatch[]>
  /** Fulfilled when all that was appended so far is on disk, safe from a power cut; rejects as long as writing fails. */
  committed(): Promise<void>
  /** Finds out which messages make a snapshot. Takes its time, in steps. Rejects if the disk can't be read. */
  select(criteria: SnapshotCriteria): Promise<SnapshotSelection>
  /** Writes what it holds, if it can, and closes. Never rejects. */
  close(): Promise<void>
}

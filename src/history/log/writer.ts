import type { LoggedBatch } from '../../delivery/batch.ts'
import { GroupWriter } from '../group-writer.ts'
import { HistoryError } from '../history-error.ts'
import { LogTarget, type LogWritingEvents } from './log-target.ts'
import type { Segment } from './segment.ts'
import { SegmentLog, type SegmentLogEvents, type SegmentLogSettings } from './segment-log.ts'

/** Limits of what is written. */
export interface WriterSettings extends SegmentLogSettings {
  readonly maxUnwrittenBytes: number
  /** How long after a failure writing is tried again. Default 1 second. */
  readonly retryMs?: number
}

/** What the writer tells its owner. */
export interface WriterEvents extends SegmentLogEvents, LogWritingEvents {}

/** While nobody waits for it, what came in so many milliseconds is written at once, and put on disk so much later. */
const calmMs = 20
const calmSyncMs = 1000

/** How often it is looked what is too old. */
const retentionCheckMs = 60_000

/**
 * Writes batches to the last segment, in groups, one write at a time: nobody who appends ever waits for it.
 *
 * While writing fails it keeps what it can and tries again. What it has to give up is a gap in the log.
 */
export class Writer {
  readonly #log: SegmentLog
  readonly #target: LogTarget
  readonly #groups: GroupWriter
  #next: number
  readonly #retention: NodeJS.Timeout

  private constructor(log: SegmentLog, next: number, settings: WriterSettings, events: WriterEvents) {
    this.#log = log
    this.#next = next
    this.#target = new LogTarget(log, next, settings.maxUnwrittenBytes, events)
    const retryMs = settings.retryMs ?? 1000
    const pace = { calmMs, syncMs: calmSyncMs, writesWhileSyncing: false, retryMs, keepsProcess: true }
    this.#groups = new GroupWriter(this.#target, pace, next)
    this.#retention = setInterval(() => log.removeOld(), retentionCheckMs).unref()
  }

  /** Takes over segments, of which the last may be written on. */
  static async start(
    directory: string,
    segments: Segment[],
    next: number,
    settings: WriterSettings,
    events: WriterEvents,
  ): Promise<Writer> {
    const log = new SegmentLog(directory, segments, settings, events)
    await log.removeOld()
    return new Writer(log, next, settings, events)
  }

  get oldest(): number {
    return this.segments[0]?.first ?? this.#target.firstUnwritten ?? this.#next
  }

  get next(): number {
    return this.#next
  }

  get readable(): number {
    return this.#target.readable
  }

  get unwrittenBytes(): number {
    return this.#target.unwrittenBytes
  }

  get isFailing(): boolean {
    return this.#groups.isFailing
  }

  /** The files of the log, the oldest first: what is written, and what may be read of it. */
  get segments(): readonly Segment[] {
    return this.#log.segments
  }

  /** Messages that were given up since the start: they are not in the log. */
  get lost(): number {
    return this.#target.lost
  }

  /** Segments that were deleted since the start because the log had as many bytes as it may. */
  get crowdedOut(): number {
    return this.#log.crowdedOut
  }

  /** Takes a batch. */
  append(batch: LoggedBatch): void {
    this.#next = batch.first + batch.messages.length
    this.#target.add(batch, this.isFailing)
    this.#groups.accept(this.#next)
  }

  /** Fulfilled when everything that was appended is on disk; rejects as long as writing fails. */
  committed(): Promise<void> {
    return this.#groups.synced()
  }

  /** Fulfilled when everything that was appended can be read, or writing fails. */
  written(): Promise<void> {
    return this.#groups.written().catch(() => {})
  }

  /** Looks whether the file that is written to is still there. If not, it is as if writing had failed: all of it is written anew. */
  async verify(): Promise<void> {
    if (this.isFailing || !(await this.#log.isLastLost()) || this.isFailing) return
    this.#target.uproot()
    this.#groups.distrust(new HistoryError('the file that was written to is gone: all of it is written anew'))
  }

  /** Nothing is written any more, because of this. Writing fails from now on. */
  abandon(error: unknown): void {
    clearInterval(this.#retention)
    this.#target.abandon(error)
    this.#groups.distrust(error)
  }

  /** Writes what is pending, if it can be written, and closes. */
  async close(): Promise<void> {
    clearInterval(this.#retention)
    await this.#groups.close()
  }
}

import { unlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { LoggedBatch } from '../../delivery/batch.ts'
import { rescueTail } from './rescue.ts'
import { Segment, segmentFileName } from './segment.ts'
import { countsPath } from './segment-counts.ts'
import { segmentHeaderBytes } from './segment-header.ts'
import { syncDirectory } from './segments.ts'
import { beliefMs, WallClock } from './wall-clock.ts'

/** What may be kept, and how it is divided. */
export interface SegmentLogSettings {
  readonly retentionDays: number
  readonly maxBytes: number
  /** Bytes of a segment. Default a 64th of `maxBytes`, at most 1 GiB. */
  readonly segmentBytes?: number
  /** Segments are begun at the time of the messages in them, which were accepted long ago, and not now. Default false. */
  readonly keepsTimes?: boolean
  /** Default a clock of its own. */
  readonly clock?: WallClock
  /** Rejects if the directory is not this process's any more: then no file is made or deleted there. */
  readonly verify?: () => Promise<unknown>
}

/** What a log tells its owner. */
export interface SegmentLogEvents {
  /**
   * So many segments are too old for this machine's clock, which is so many milliseconds ahead of the newest: they stay for
   * an hour more, in case it is wrong.
   */
  ageingHeld(segments: number, aheadMs: number): void
  /** Nothing is added to this segment any more: the next one begins with the sequence number `end`. */
  completed(segment: Segment, end: number): void
}

const msPerDay = 86_400_000
const msPerHour = 3_600_000

/**
 * The segments of a log, of which the last is written to: when it is full, old or not to be trusted, the next one begins.
 * What writes is called one at a time; {@link removeOld} at any time.
 */
export class SegmentLog {
  readonly #directory: string
  readonly #segments: Segment[]
  readonly #settings: SegmentLogSettings
  readonly #segmentBytes: number
  /** The last segment can't be trusted any more: what comes next begins another one. */
  #abandoned = false
  /** The last segment's name may not be on disk. */
  #isUnlisted = false
  /** Messages that were written since everything was on disk last. */
  #unsynced = 0
  #crowdedOut = 0
  readonly #clock: WallClock
  readonly #events: SegmentLogEvents
  /** Until then, by the clock's {@link WallClock.passedMs}, nothing is deleted for its age. */
  readonly #heldUntilMs: number
  /** How far the clock was ahead of the newest segment when the process began, until that was told. */
  #untoldAheadMs: number | undefined

  /** Takes over segments that are there. */
  constructor(directory: string, segments: Segment[], settings: SegmentLogSettings, events: SegmentLogEvents) {
    this.#directory = directory
    this.#segments = segments
    this.#settings = settings
    this.#clock = settings.clock ?? new WallClock()
    this.#events = events
    // While the process runs, the clock is watched. When it begins, the newest segment is all that is known.
    const aheadMs = this.#clock.earliestMs - (segments.at(-1)?.createdMs ?? Number.POSITIVE_INFINITY)
    this.#untoldAheadMs = aheadMs > this.#lifetimeMs + msPerDay ? aheadMs : undefined
    this.#heldUntilMs = this.#untoldAheadMs === undefined ? 0 : this.#clock.passedMs + beliefMs
    this.#segmentBytes = settings.segmentBytes ?? Math.min(1_073_741_824, Math.ceil(settings.maxBytes / 64))
  }

  /** The oldest first. */
  get segments(): readonly Segment[] {
    return this.#segments
  }

  /** Segments that were deleted since the start because the log had as many bytes as it may. */
  get crowdedOut(): number {
    return this.#crowdedOut
  }

  /** Writes records with so many messages. @param first the first of their batches */
  async append(records: readonly Buffer[], { first, acceptedMs }: LoggedBatch, messages: number): Promise<void> {
    const segment = await this.#segmentFor(first, this.#settings.keepsTimes ? acceptedMs : Date.now())
    await segment.append(records)
    this.#unsynced += messages
  }

  /** Was the file that is written to deleted, or moved away? */
  async isLastLost(): Promise<boolean> {
    const last = this.#segments.at(-1)
    return last !== undefined && !(await last.isInPlace()) && last === this.#segments.at(-1)
  }

  /** Nothing of the last segment is on disk: {@link rescue} writes all of it anew. Answers where it begins. */
  distrustLast(): number | undefined {
    const last = this.#segments.at(-1)
    if (last === undefined) return undefined
    last.syncedSize = segmentHeaderBytes
    this.#abandoned = true
    return last.first
  }

  /** Puts everything that was written on disk. */
  async sync(): Promise<void> {
    const last = this.#segments.at(-1)
    if (last === undefined) return
    const { size } = last
    try {
      await last.sync()
      if (this.#isUnlisted) await syncDirectory(this.#directory)
    } catch (error) {
      // Pages that failed to reach the disk may be gone from the system's memory, too: never write behind them, and never
      // believe a sync that succeeds the next time.
      this.#abandoned = true
      throw error
    }
    last.syncedSize = size
    this.#isUnlisted = false
    this.#unsynced = 0
  }

  /** Cuts off what a write left that failed. */
  async cut(): Promise<void> {
    try {
      await this.#segments.at(-1)?.cut()
    } catch {
      this.#abandoned = true
    }
  }

  /**
   * Puts what was written and may not be on disk there in another segment, if syncing has failed. Answers how many messages
   * could not be rescued, or undefined if there was nothing to do. Rejects if the disk fails still.
   */
  async rescue(): Promise<number | undefined> {
    const abandoned = this.#abandoned ? this.#segments.at(-1) : undefined
    if (abandoned === undefined || abandoned.syncedSize === abandoned.size) return undefined
    await this.#settings.verify?.()
    const rescued = await rescueTail(abandoned, first => this.#pathOf(first))
    if (rescued) {
      await rescued.segment.enter()
      // From here on it is the one that is tried again if the directory can't be synced: it may have taken the other's place.
      if (rescued.segment.first === abandoned.first) this.#segments.pop()
      this.#segments.push(rescued.segment)
      if (rescued.segment.first === abandoned.first) await abandoned.retire()
      await syncDirectory(this.#directory)
      rescued.segment.syncedSize = rescued.segment.size
      this.#abandoned = this.#isUnlisted = false
    } else abandoned.syncedSize = abandoned.size
    const lost = Math.max(0, this.#unsynced - (rescued?.messages ?? 0))
    this.#unsynced = 0
    return lost
  }

  /** Deletes the oldest segments that are too old or too much. The one that is being written stays. */
  async removeOld(): Promise<void> {
    for (let [oldest, second] = this.#segments; oldest && second; [oldest, second] = this.#segments) {
      // Counted anew each time: meanwhile others may be gone, or longer.
      const bytes = this.#segments.reduce((total, { size }) => total + size, 0)
      const tooOld = this.#tooOld()
      if (bytes <= this.#settings.maxBytes && (tooOld === 0 || this.#isHeld(tooOld))) return
      if (bytes > this.#settings.maxBytes) this.#crowdedOut++
      this.#segments.shift()
      for (const path of [oldest.path, countsPath(oldest.path)]) await unlink(path).catch(() => {})
      await oldest.retire()
    }
  }

  /** How many of the oldest segments are too old. */
  #tooOld(): number {
    const { earliestMs, latestMs } = this.#clock
    const oldestMs = earliestMs - this.#settings.retentionDays * msPerDay
    return this.#segments.findIndex((_, index) => endedBy(this.#segments, index, latestMs) >= oldestMs)
  }

  /** Is it too early to believe that so many are too old? */
  #isHeld(tooOld: number): boolean {
    if (this.#clock.passedMs >= this.#heldUntilMs) return false
    if (this.#untoldAheadMs !== undefined) this.#events.ageingHeld(tooOld, this.#untoldAheadMs)
    this.#untoldAheadMs = undefined
    return true
  }

  /** How long a segment is written to. */
  get #lifetimeMs(): number {
    return Math.max(msPerHour, (this.#settings.retentionDays * msPerDay) / 30)
  }

  /** Lets go of the files, as soon as nobody reads them. */
  async close(): Promise<void> {
    for (const segment of this.#segments) await segment.retire()
  }

  /** The segment to write to at this time, in milliseconds since the epoch. */
  async #segmentFor(first: number, nowMs: number): Promise<Segment> {
    const last = this.#segments.at(-1)
    const ageMs = nowMs - (last?.createdMs ?? 0)
    // One that was begun later than now was begun by a clock that was wrong.
    const isFull = last && (last.size >= this.#segmentBytes || ageMs > this.#lifetimeMs || ageMs < -msPerHour)
    if (last && !isFull && !this.#abandoned) return last
    if (!this.#abandoned) await this.sync()
    // One of this name can only be an abandoned one without a message.
    if (last?.first === first) await this.#segments.pop()?.retire()
    await this.#settings.verify?.()
    const segment = await Segment.create(this.#pathOf(first), first, nowMs)
    await segment.enter()
    const completed = this.#segments.at(-1)
    this.#segments.push(segment)
    if (completed !== undefined) this.#events.completed(completed, first)
    this.#abandoned = false
    this.#isUnlisted = true
    await this.removeOld()
    return segment
  }

  #pathOf(first: number): string {
    return join(this.#directory, segmentFileName(first))
  }
}

/**
 * When the last message of a segment had come, as far as the times can be believed at which segments were begun: a time that
 * is still to come, or before one of an earlier segment, was read from a clock that was wrong. If no later one is to be
 * believed, that is never: it may come still.
 */
function endedBy(segments: readonly Segment[], index: number, nowMs: number): number {
  let reachedMs = Number.NEGATIVE_INFINITY
  for (const [place, { createdMs }] of segments.entries()) {
    if (createdMs > nowMs || createdMs < reachedMs) continue
    if (place > index) return createdMs
    reachedMs = createdMs
  }
  return Number.POSITIVE_INFINITY
}

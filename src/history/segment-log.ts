import { unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { rescueTail } from './rescue.ts'
import { Segment, segmentFileName, segmentHeaderBytes } from './segment.ts'
import { syncDirectory } from './segments.ts'

/** What may be kept, and how it is divided. */
export interface SegmentLogSettings {
  readonly retentionDays: number
  readonly maxBytes: number
  /** Bytes of a segment. Default a 64th of `maxBytes`, at most 1 GiB. */
  readonly segmentBytes?: number
  /** Rejects if the directory is not this process's any more: then no file is made or deleted there. */
  readonly verify?: () => Promise<unknown>
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

  /** Takes over segments that are there. */
  constructor(directory: string, segments: Segment[], settings: SegmentLogSettings) {
    this.#directory = directory
    this.#segments = segments
    this.#settings = settings
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

  /** Writes records with so many messages, of which the first has this sequence number. */
  async append(records: readonly Buffer[], first: number, messages: number): Promise<void> {
    const segment = await this.#segmentFor(first)
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
    const oldestMs = Date.now() - this.#settings.retentionDays * msPerDay
    for (let [oldest, second] = this.#segments; oldest && second; [oldest, second] = this.#segments) {
      // Counted anew each time: meanwhile others may be gone, or longer.
      const bytes = this.#segments.reduce((total, { size }) => total + size, 0)
      if (bytes <= this.#settings.maxBytes && second.createdMs >= oldestMs) return
      if (bytes > this.#settings.maxBytes) this.#crowdedOut++
      this.#segments.shift()
      await unlink(oldest.path).catch(() => {})
      await oldest.retire()
    }
  }

  /** Lets go of the files, as soon as nobody reads them. */
  async close(): Promise<void> {
    for (const segment of this.#segments) await segment.retire()
  }

  /** The segment to write to. */
  async #segmentFor(first: number): Promise<Segment> {
    const last = this.#segments.at(-1)
    const lifetimeMs = Math.max(msPerHour, (this.#settings.retentionDays * msPerDay) / 30)
    const isFull = last && (last.size >= this.#segmentBytes || Date.now() - last.createdMs > lifetimeMs)
    if (last && !isFull && !this.#abandoned) return last
    if (!this.#abandoned) await this.sync()
    // One of this name can only be an abandoned one without a message.
    if (last?.first === first) await this.#segments.pop()?.retire()
    await this.#settings.verify?.()
    const segment = await Segment.create(this.#pathOf(first), first)
    await segment.enter()
    this.#segments.push(segment)
    this.#abandoned = false
    this.#isUnlisted = true
    await this.removeOld()
    return segment
  }

  #pathOf(first: number): string {
    return join(this.#directory, segmentFileName(first))
  }
}

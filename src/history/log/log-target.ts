import type { LoggedBatch } from '../../delivery/batch.ts'
import type { GroupTarget } from '../group-writer.ts'
import { endOf, maxWriteBytes, messagesIn, PendingBatches } from './pending-batches.ts'
import { Arena, encodeRecords } from './record.ts'
import type { SegmentLog } from './segment-log.ts'

/** What is told of writing the log. */
export interface LogWritingEvents {
  /** Something was written, or given up: `readable` has moved on. */
  written(): void
  /** Writing fails. Said once, until it works again. */
  failing(error: unknown): void
  /** Writing works again; so many messages were given up meanwhile. */
  recovered(lost: number): void
}

/** From so many bytes on what waits is written at once. */
const urgentBytes = 262_144

/** Where batches are written: the last segment. Places are sequence numbers. */
export class LogTarget implements GroupTarget {
  readonly #log: SegmentLog
  readonly #maxUnwrittenBytes: number
  readonly #events: LogWritingEvents
  /** One write at a time: the memory of the one before is free. */
  readonly #arena = new Arena(2 * maxWriteBytes)
  readonly #pending = new PendingBatches()
  #readable: number
  /** Messages given up since writing began to fail. */
  #lost = 0
  #lostBefore = 0
  /** Nothing that is pending before is there any more, but what is being written. */
  #givenUpTo = 0
  /** What it writes to is gone. */
  #isUprooted = false
  /** Why nothing may be written any more. */
  #end: unknown

  /** @param next the sequence number that follows what is in the log */
  constructor(log: SegmentLog, next: number, maxUnwrittenBytes: number, events: LogWritingEvents) {
    this.#log = log
    this.#readable = next
    this.#maxUnwrittenBytes = maxUnwrittenBytes
    this.#events = events
  }

  /** Everything before this sequence number can be read, or was given up. */
  get readable(): number {
    return this.#readable
  }

  get unwrittenBytes(): number {
    return this.#pending.bytes
  }

  /** The first message that waits to be written. */
  get firstUnwritten(): number | undefined {
    return this.#pending.first?.first
  }

  /** Messages that were given up. */
  get lost(): number {
    return this.#lostBefore + this.#lost
  }

  get isUrgent(): boolean {
    return this.#pending.bytes >= urgentBytes
  }

  /** Takes a batch to write. @param isFailing does writing fail, so that it is given up what is too much? */
  add(batch: LoggedBatch, isFailing: boolean): void {
    this.#pending.add(batch)
    if (isFailing) this.#giveUpOldest()
  }

  /** The file that is written to is gone: all of it is written anew. */
  uproot(): void {
    this.#isUprooted = true
  }

  /** Nothing is written any more, because of this. */
  abandon(error: unknown): void {
    this.#end = error
  }

  async write(): Promise<number> {
    if (this.#end !== undefined) throw this.#end
    if (this.#isUprooted) this.#log.distrustLast()
    this.#isUprooted = false
    this.#lost += (await this.#log.rescue()) ?? 0
    await this.#writeGroup()
    return this.#readable
  }

  sync(): Promise<void> {
    return this.#log.sync()
  }

  failing(error: unknown): void {
    this.#events.failing(error)
  }

  async failed(): Promise<void> {
    if (this.#end === undefined) await this.#log.cut()
    this.#giveUpOldest()
  }

  recovered(): void {
    const lost = this.#lost
    this.#lost = 0
    this.#lostBefore += lost
    this.#events.recovered(lost)
  }

  close(): Promise<void> {
    return this.#log.close()
  }

  async #writeGroup(): Promise<void> {
    const batches = this.#pending.beginWriting()
    const [first] = batches
    if (first === undefined) return
    this.#arena.clear()
    const records = batches.flatMap(batch => encodeRecords(batch, this.#arena))
    try {
      await this.#log.append(records, first, messagesIn(batches))
      this.#pending.written()
    } finally {
      this.#pending.endWriting()
    }
    this.#readable = Math.max(endOf(batches), this.#givenUpTo)
    this.#events.written()
  }

  #giveUpOldest(): void {
    const givenUp = this.#pending.giveUp(this.#maxUnwrittenBytes)
    if (givenUp.length === 0) return
    this.#lost += messagesIn(givenUp)
    this.#givenUpTo = endOf(givenUp)
    if (this.#pending.isWriting) return
    this.#readable = this.#givenUpTo
    this.#events.written()
  }
}

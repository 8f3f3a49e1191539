import { setImmediate as yieldToEventLoop } from 'node:timers/promises'
import type { LoggedBatch } from '../../delivery/batch.ts'
import type { Message } from '../../protocol/message.ts'
import { HistoryError } from '../history-error.ts'
import { Arena, encodeRecords } from './record.ts'
import type { Segment } from './segment.ts'
import { SegmentLog, type SegmentLogEvents, type SegmentLogSettings } from './segment-log.ts'

/** Limits of what is written. */
export interface WriterSettings extends SegmentLogSettings {
  readonly maxUnwrittenBytes: number
  /** How long after a failure writing is tried again. Default 1 second. */
  readonly retryMs?: number
}

/** What the writer tells its owner. */
export interface WriterEvents extends SegmentLogEvents {
  /** Something was written, or given up: `readable` has moved on. */
  written(): void
  /** Writing fails. Said once, until it works again. */
  failing(error: unknown): void
  /** Writing works again; so many messages were given up meanwhile. */
  recovered(lost: number): void
}

/** While nobody waits for the disk, so much is written at once, or whatever came in so many milliseconds. */
const calmBytes = 262_144
const calmMs = 20

/** Bytes that are written at once: encoding them is what holds up everything else, so not more. */
const maxWriteBytes = 1_048_576

/** While nobody waits for it, what was written is put on disk this much later. */
const calmSyncMs = 1000

/** How often it is looked what is too old. */
const retentionCheckMs = 60_000

/** Someone who waits until everything before a sequence number is on disk. */
interface Waiter {
  readonly before: number
  resolve(): void
  reject(error: unknown): void
}

/**
 * Writes batches to the last segment, in groups, one write at a time: nobody who appends ever waits for it.
 *
 * While writing fails it keeps what it can and tries again. What it has to give up is a gap in the log.
 */
export class Writer {
  readonly #log: SegmentLog
  readonly #settings: WriterSettings
  readonly #events: WriterEvents
  /** One write at a time: the memory of the one before is free. */
  readonly #arena = new Arena(2 * maxWriteBytes)
  #pending: LoggedBatch[] = []
  /** How many of the pending ones, the oldest, are being written. */
  #writing = 0
  #pendingBytes = 0
  #waiters: Waiter[] = []
  #next: number
  #readable: number
  /** Everything before is on disk. */
  #synced: number
  /** Messages given up since writing began to fail. */
  #lost = 0
  #lostBefore = 0
  /** Nothing that is pending before is there any more, but what is being written. */
  #givenUpTo = 0
  #failure: unknown
  /** What it writes to is gone. */
  #isUprooted = false
  /** Why nothing may be written any more. */
  #end: unknown
  #running: Promise<void> | undefined
  #wakeUp: (() => void) | undefined
  #closing = false
  /** The write that is under way, or was last. */
  #step: Promise<void> = Promise.resolve()
  #syncDueMs = Number.POSITIVE_INFINITY
  /** While there is more to write, it is not synced before. */
  #syncAgainMs = 0
  readonly #retention: NodeJS.Timeout

  private constructor(log: SegmentLog, next: number, settings: WriterSettings, events: WriterEvents) {
    this.#log = log
    this.#settings = settings
    this.#events = events
    this.#next = this.#readable = this.#synced = next
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
    return this.segments[0]?.first ?? this.#pending[0]?.first ?? this.#next
  }

  get next(): number {
    return this.#next
  }

  get readable(): number {
    return this.#readable
  }

  get unwrittenBytes(): number {
    return this.#pendingBytes
  }

  get isFailing(): boolean {
    return this.#failure !== undefined
  }

  /** The files of the log, the oldest first: what is written, and what may be read of it. */
  get segments(): readonly Segment[] {
    return this.#log.segments
  }

  /** Messages that were given up since the start: they are not in the log. */
  get lost(): number {
    return this.#lostBefore + this.#lost
  }

  /** Segments that were deleted since the start because the log had as many bytes as it may. */
  get crowdedOut(): number {
    return this.#log.crowdedOut
  }

  /** Takes a batch. */
  append(batch: LoggedBatch): void {
    // It may be many times what is written at once.
    if (batch.bytes > maxWriteBytes) this.#pending.push(...partsOf(batch))
    else this.#pending.push(batch)
    this.#pendingBytes += batch.bytes
    this.#next = batch.first + batch.messages.length
    if (this.isFailing) this.#giveUpOldest()
    this.#run()
    if (this.#pendingBytes >= calmBytes && !this.isFailing) this.#wakeUp?.()
  }

  /** Fulfilled when everything that was appended is on disk; rejects as long as writing fails. */
  committed(): Promise<void> {
    if (this.isFailing) return Promise.reject(this.#failure)
    if (this.#synced >= this.#next) return Promise.resolve()
    return new Promise((resolve, reject) => {
      this.#waiters.push({ before: this.#next, resolve, reject })
      this.#run()
      this.#wakeUp?.()
    })
  }

  /** Fulfilled when everything that was appended can be read, or writing fails. */
  async written(): Promise<void> {
    const before = this.#next
    while (this.#readable < before && !this.isFailing) {
      this.#wakeUp?.()
      await this.#step
      await yieldToEventLoop()
    }
  }

  /** Looks whether the file that is written to is still there. If not, it is as if writing had failed: all of it is written anew. */
  async verify(): Promise<void> {
    if (this.isFailing || !(await this.#log.isLastLost()) || this.isFailing) return
    this.#isUprooted = true
    this.#run()
    this.#wakeUp?.()
  }

  /** Nothing is written any more, because of this. Writing fails from now on. */
  abandon(error: unknown): void {
    clearInterval(this.#retention)
    this.#end = error
    this.#fail(error)
  }

  /** Writes what is pending, if it can be written, and closes. */
  async close(): Promise<void> {
    clearInterval(this.#retention)
    this.#closing = true
    this.#wakeUp?.()
    await this.#running
    await this.#log.close()
  }

  #run(): void {
    this.#running ??= this.#work()
  }

  async #work(): Promise<void> {
    // Whoever appends several batches at once has them written at once.
    await undefined
    while (this.#pending.length > 0 || this.#synced < this.#readable || this.#isUprooted || this.isFailing) {
      if (!this.#isUrgent) await this.#pause(this.#calmPauseMs())
      const isLastAttempt = this.#closing
      this.#step = this.#writeAndSync()
      await this.#step
      if (this.isFailing) {
        if (isLastAttempt) return
        // Closing that began meanwhile could not wake anything up: it has its own attempt.
        if (!this.#closing) await this.#pause(this.#settings.retryMs ?? 1000)
      }
    }
    // At once, and not when this promise is settled: what is appended in between would not be written.
    this.#running = undefined
  }

  get #isUrgent(): boolean {
    return this.#closing || this.#isUprooted || this.#waiters.length > 0 || this.#pendingBytes >= calmBytes
  }

  get #isUrgentToSync(): boolean {
    // That writing works again is known when what was written is on disk.
    if (this.#closing || this.isFailing || performance.now() >= this.#syncDueMs) return true
    // The longer it takes, the more goes to disk at once: as long as the last time took, what waits is written before.
    return this.#waiters.length > 0 && (this.#pending.length === 0 || performance.now() >= this.#syncAgainMs)
  }

  #calmPauseMs(): number {
    return this.#pending.length > 0 ? calmMs : Math.max(0, this.#syncDueMs - performance.now())
  }

  /** Waits, unless something wakes it up. */
  #pause(ms: number): Promise<void> {
    return new Promise(resolve => {
      const end = () => {
        clearTimeout(timer)
        this.#wakeUp = undefined
        resolve()
      }
      const timer = setTimeout(end, ms)
      this.#wakeUp = end
    })
  }

  async #writeAndSync(): Promise<void> {
    try {
      if (this.#end !== undefined) throw this.#end
      if (this.#isUprooted) this.#startOver()
      await this.#rescue()
      await this.#write()
      if (this.#isUrgentToSync) await this.#sync()
      this.#recover()
    } catch (error) {
      await this.#fail(error)
    }
  }

  async #write(): Promise<void> {
    if (this.#pending.length === 0) return
    let count = 0
    let bytes = 0
    let messages = 0
    const records: Buffer[] = []
    this.#arena.clear()
    while (count < this.#pending.length && bytes < maxWriteBytes) {
      const batch = this.#pending[count++] as LoggedBatch
      bytes += batch.bytes
      messages += batch.messages.length
      records.push(...encodeRecords(batch, this.#arena))
    }
    this.#writing = count
    try {
      await this.#log.append(records, this.#pending[0] as LoggedBatch, messages)
    } finally {
      this.#writing = 0
    }
    const written = this.#pending.splice(0, count)
    this.#pendingBytes -= bytes
    this.#readable = Math.max(endOf(written), this.#givenUpTo)
    if (this.#syncDueMs === Number.POSITIVE_INFINITY) this.#syncDueMs = performance.now() + calmSyncMs
    this.#events.written()
  }

  async #sync(): Promise<void> {
    const readable = this.#readable
    const beganMs = performance.now()
    await this.#log.sync()
    this.#syncAgainMs = 2 * performance.now() - beganMs
    this.#syncDueMs = Number.POSITIVE_INFINITY
    this.#synced = readable
    const waiters = this.#waiters
    this.#waiters = waiters.filter(({ before }) => before > readable)
    for (const { before, resolve } of waiters) if (before <= readable) resolve()
  }

  #startOver(): void {
    this.#isUprooted = false
    this.#synced = Math.min(this.#synced, this.#log.distrustLast() ?? this.#synced)
    throw new HistoryError('the file that was written to is gone: all of it is written anew')
  }

  async #rescue(): Promise<void> {
    const lost = await this.#log.rescue()
    if (lost === undefined) return
    this.#lost += lost
    this.#synced = this.#readable
  }

  async #fail(error: unknown): Promise<void> {
    const isNew = this.#failure === undefined
    this.#failure = error ?? new Error('writing failed')
    const waiters = this.#waiters
    this.#waiters = []
    for (const { reject } of waiters) reject(this.#failure)
    if (isNew) this.#events.failing(this.#failure)
    if (this.#end === undefined) await this.#log.cut()
    this.#giveUpOldest()
  }

  #recover(): void {
    if (!this.isFailing || this.#end !== undefined) return
    this.#failure = undefined
    const lost = this.#lost
    this.#lost = 0
    this.#lostBefore += lost
    this.#events.recovered(lost)
  }

  /** Gives up the oldest that are not being written. The newest stays, however large: what else would show that writing works? */
  #giveUpOldest(): void {
    let to = this.#writing
    while (this.#pendingBytes > this.#settings.maxUnwrittenBytes && to < this.#pending.length - 1) {
      const { bytes, messages } = this.#pending[to++] as LoggedBatch
      this.#pendingBytes -= bytes
      this.#lost += messages.length
    }
    const givenUp = this.#pending.splice(this.#writing, to - this.#writing)
    if (givenUp.length === 0) return
    this.#givenUpTo = endOf(givenUp)
    if (this.#writing > 0) return
    this.#readable = this.#givenUpTo
    this.#events.written()
  }
}

/** A batch in parts of a quarter of what is written at once, or of one message that is longer. */
function partsOf({ messages, first, acceptedMs }: LoggedBatch): LoggedBatch[] {
  const parts: LoggedBatch[] = []
  for (let from = 0; from < messages.length; ) {
    let to = from
    let bytes = 0
    do bytes += (messages[to++] as Message).frame.length
    while (to < messages.length && bytes < maxWriteBytes / 4)
    parts.push({ messages: messages.slice(from, to), bytes, first: first + from, acceptedMs })
    from = to
  }
  return parts
}

/** The sequence number that follows these batches. */
function endOf(batches: readonly LoggedBatch[]): number {
  const last = batches.at(-1)
  return last === undefined ? 0 : last.first + last.messages.length
}

import { HistoryError } from './history-error.ts'

/** Where a group writer writes what was accepted. One {@link write} at a time. */
export interface GroupTarget {
  /** Is so much accepted and not written that it is to be written at once, though nobody waits for it? */
  readonly isUrgent: boolean
  /**
   * Writes what was accepted, or a part of it, and answers up to which place all of it is written now. After a failure, and
   * the first time, what was written before is not to be trusted.
   */
  write(isTrusted: boolean): Promise<number>
  /** Fulfilled once all that was written before is safe from a power cut. */
  sync(): Promise<void>
  /** Writing failed; said once, until it works again. */
  failing(error: unknown): void
  /** An attempt has failed, and none is under way. Never rejects. */
  failed(): Promise<void>
  /** Everything is safe from a power cut, after writing had failed. */
  recovered(): void
  close(): Promise<void>
}

/** When a group writer writes. */
export interface GroupPace {
  /** While nobody waits for it, and it is not urgent, what was accepted in so long is written at once. */
  readonly calmMs: number
  /** While nobody waits for it, what was written is made safe from a power cut after so long; `Infinity`: by the system. */
  readonly syncMs: number
  /** Does it go on writing while the disk makes safe what it has? */
  readonly writesWhileSyncing: boolean
  /** After a failure it is tried again every so often. */
  readonly retryMs: number
  /** Is a process kept alive for that? */
  readonly keepsProcess: boolean
}

/** Someone who waits until everything before a place is written, or is safe from a power cut. */
interface Waiter {
  readonly place: number
  readonly isSafe: boolean
  resolve(): void
  reject(error: unknown): void
}

/**
 * Writes what is accepted in the background, in groups: all that came while one was being written is the next one. It counts
 * places; what is at them the target knows.
 */
export class GroupWriter {
  readonly #target: GroupTarget
  readonly #pace: GroupPace
  #accepted: number
  #written: number
  #safe: number
  #waiters: Waiter[] = []
  #isTrusted = false
  /** What went wrong last, while writing fails. */
  #failure: unknown
  /** How often something went wrong: what was under way then does not count. */
  #failures = 0
  #running: Promise<void> | undefined
  #syncing: Promise<void> | undefined
  #wakeUp: (() => void) | undefined
  #closing: Promise<void> | undefined
  /** Why nothing is written any more. */
  #end: HistoryError | undefined
  #syncDueMs = Number.POSITIVE_INFINITY
  /** While there is more to write, it is not synced before. */
  #syncAgainMs = 0

  /** @param place up to where everything is written and safe */
  constructor(target: GroupTarget, pace: GroupPace, place = 0) {
    this.#target = target
    this.#pace = pace
    this.#accepted = this.#written = this.#safe = place
  }

  /** The place up to which there is something to write. */
  get accepted(): number {
    return this.#accepted
  }

  /** Does writing fail at present, or has something come after {@link close}? */
  get isFailing(): boolean {
    return this.#failure !== undefined || (this.#end !== undefined && this.#written < this.#accepted)
  }

  /** There is something to write up to this place. */
  accept(place: number): void {
    this.#accepted = place
    this.#run()
    if (this.#target.isUrgent) this.#hurry()
  }

  /** Fulfilled once all that was accepted is with the operating system. Rejects while writing fails, and for what came after {@link close}. */
  written(): Promise<void> {
    return this.#reached(false)
  }

  /** As {@link written}, and a power cut can't undo it. */
  synced(): Promise<void> {
    return this.#reached(true)
  }

  /** What was written is not to be trusted, because of this: it is as if writing had failed. */
  distrust(error: unknown): void {
    this.#fail(error)
    this.#run()
  }

  /** Writes what is left, even if it failed before, and closes the target. */
  close(): Promise<void> {
    this.#closing ??= this.#finish()
    return this.#closing
  }

  #reached(isSafe: boolean): Promise<void> {
    if (this.isFailing) return Promise.reject(this.#failure ?? this.#end)
    const place = this.#accepted
    if ((isSafe ? this.#safe : this.#written) >= place) return Promise.resolve()
    return new Promise((resolve, reject) => {
      this.#waiters.push({ place, isSafe, resolve, reject })
      this.#run()
      this.#hurry()
    })
  }

  async #finish(): Promise<void> {
    this.#wakeUp?.()
    await (this.#running ?? this.#work())
    // It was not waited for, and may have failed.
    if (this.#syncing !== undefined) {
      await this.#syncing
      await this.#work()
    }
    await this.#target.close()
    this.#end = new HistoryError('it was closed before this was written')
    this.#refuse(this.#end)
  }

  #run(): void {
    if (this.#closing === undefined) this.#running ??= this.#work()
  }

  #hurry(): void {
    if (!this.isFailing) this.#wakeUp?.()
  }

  async #work(): Promise<void> {
    // What is accepted in one go is written in one go.
    await undefined
    while (this.#hasWork) {
      if (!this.#isUrgent) await this.#pause(this.isFailing ? this.#pace.retryMs : this.#calmPauseMs())
      const isLastAttempt = this.#closing !== undefined
      await this.#step()
      if (!this.isFailing) continue
      await this.#target.failed()
      if (isLastAttempt) return
    }
    // At once, and not when this promise is settled: what is accepted in between would not be written.
    this.#running = undefined
  }

  get #hasWork(): boolean {
    if (this.#written < this.#accepted || this.isFailing) return true
    if (this.#safe >= this.#written || this.#syncing !== undefined) return false
    return this.#syncDueMs < Number.POSITIVE_INFINITY || this.#isSyncWanted
  }

  get #isUrgent(): boolean {
    if (this.#closing !== undefined) return true
    return !this.isFailing && (this.#waiters.length > 0 || (this.#written < this.#accepted && this.#target.isUrgent))
  }

  get #isSyncWanted(): boolean {
    if (this.#safe >= this.#written) return false
    return this.#closing !== undefined || this.#waiters.some(({ isSafe, place }) => isSafe && place <= this.#written)
  }

  get #isSyncDue(): boolean {
    if (performance.now() >= this.#syncDueMs) return true
    if (!this.#isSyncWanted) return false
    // The longer it takes, the more goes to disk at once: as long as the last time took, what waits is written before.
    return this.#pace.writesWhileSyncing || this.#written >= this.#accepted || performance.now() >= this.#syncAgainMs
  }

  #calmPauseMs(): number {
    if (this.#written < this.#accepted) return this.#pace.calmMs
    return Math.max(0, this.#syncDueMs - performance.now())
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
      if (this.isFailing && !this.#pace.keepsProcess) timer.unref()
      this.#wakeUp = end
    })
  }

  async #step(): Promise<void> {
    const failures = this.#failures
    const wasFailing = this.isFailing
    try {
      if (this.#written < this.#accepted || wasFailing) {
        const written = await this.#target.write(this.#isTrusted)
        if (failures !== this.#failures) return
        this.#isTrusted = true
        this.#written = written
        if (this.#syncDueMs === Number.POSITIVE_INFINITY) this.#syncDueMs = performance.now() + this.#pace.syncMs
        this.#settle()
      }
      // That writing works again is known when what was written is on disk.
      if (wasFailing || this.#closing !== undefined) await this.#sync()
      else if (this.#isSyncDue) await this.#syncInTurn()
      if (wasFailing && failures === this.#failures) this.#recover()
    } catch (error) {
      this.#fail(error)
    }
  }

  /** One at a time; what is written meanwhile is not held up, if that may be. */
  #syncInTurn(): Promise<void> | undefined {
    if (!this.#pace.writesWhileSyncing) return this.#sync()
    this.#syncing ??= this.#sync()
      .catch(error => this.#fail(error))
      .finally(() => {
        this.#syncing = undefined
        this.#run()
      })
    return undefined
  }

  async #sync(): Promise<void> {
    const failures = this.#failures
    const written = this.#written
    this.#syncDueMs = Number.POSITIVE_INFINITY
    if (this.#safe >= written && !this.isFailing) return
    const beganMs = performance.now()
    await this.#target.sync()
    this.#syncAgainMs = 2 * performance.now() - beganMs
    if (failures !== this.#failures) return
    this.#safe = Math.max(this.#safe, written)
    if (!this.isFailing) this.#settle()
  }

  #settle(): void {
    const waiters = this.#waiters
    this.#waiters = []
    for (const waiter of waiters) {
      if (waiter.place <= (waiter.isSafe ? this.#safe : this.#written)) waiter.resolve()
      else this.#waiters.push(waiter)
    }
  }

  #recover(): void {
    this.#failure = undefined
    this.#target.recovered()
  }

  #fail(error: unknown): void {
    const isNew = !this.isFailing
    this.#failures++
    this.#failure = error ?? new Error('writing failed')
    this.#isTrusted = false
    this.#refuse(this.#failure)
    if (isNew) this.#target.failing(this.#failure)
  }

  #refuse(error: unknown): void {
    const waiters = this.#waiters
    this.#waiters = []
    for (const { reject } of waiters) reject(error)
  }
}

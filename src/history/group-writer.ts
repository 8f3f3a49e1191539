import { setImmediate as nextTurn } from 'node:timers/promises'
import { HistoryError } from './history-error.ts'
import { reasonOf } from './reason.ts'

/** What a group writer tells its owner: edges only. */
export interface WritingEvents {
  /** Writing failed; it is tried again until {@link onRecovered}. What is not written is kept in memory. */
  onFailing(error: unknown): void
  /** Everything is written, after it had failed. */
  onRecovered(): void
}

/** Where a group writer writes. One call of each kind at a time. */
export interface GroupTarget {
  /**
   * Writes what has changed since the last call, or, after one that failed and at first, everything: that is safe from a
   * power cut then.
   */
  write(scope: 'changes' | 'everything'): Promise<void>
  /** Fulfilled once all that was written before is safe from a power cut. Others may write meanwhile. */
  sync(): Promise<void>
  /** Never rejects. */
  close(): Promise<void>
}

interface Waiter {
  /** The change that it waits for, by number. */
  readonly change: number
  readonly durable: boolean
  resolve(): void
  reject(error: unknown): void
}

/**
 * Writes changes in the background, in groups: all that came while the last group was being written is the next one. A disk
 * that takes its time to be safe holds no group up. It counts changes; what they are the target knows.
 */
export class GroupWriter {
  readonly #target: GroupTarget
  readonly #events: WritingEvents
  readonly #retryMs: number
  #state: 'fresh' | 'steady' | 'failing' | 'closed' = 'fresh'
  #changes = 0
  #written = 0
  #durable = 0
  #waiters: Waiter[] = []
  /** What went wrong last, while failing. */
  #error: unknown
  #run: Promise<void> | undefined
  #syncing: Promise<void> | undefined
  #retry: NodeJS.Timeout | undefined
  #closing: Promise<void> | undefined

  /** @param retryMs after a failure it is tried again every so many milliseconds */
  constructor(target: GroupTarget, events: WritingEvents, retryMs: number) {
    this.#target = target
    this.#events = events
    this.#retryMs = retryMs
  }

  /** Does writing fail at present? */
  get isFailing(): boolean {
    return this.#state === 'failing'
  }

  /** Something has changed, which is written soon. */
  changed(): void {
    this.#changes++
    this.#start()
  }

  /**
   * Fulfilled once all changes so far are with the operating system, or, if `durable`, on disk too. Rejects with a
   * HistoryError while writing fails, and for what was not written before {@link close}.
   */
  written(durable: boolean): Promise<void> {
    const change = this.#changes
    if (this.#state === 'failing') return Promise.reject(this.#failure())
    if ((durable ? this.#durable : this.#written) >= change) return Promise.resolve()
    if (this.#state === 'closed') return Promise.reject(closed())
    return new Promise((resolve, reject) => {
      this.#waiters.push({ change, durable, resolve, reject })
      if (change > this.#written) this.#start()
      else this.#sync()
    })
  }

  /** What was written is not to be trusted, because of this: it is as if writing had failed. */
  distrust(error: unknown): void {
    if (this.#state === 'steady') this.#fail(error)
  }

  /** Writes what is left, even if it failed before, and closes the target. Never rejects. */
  close(): Promise<void> {
    this.#closing ??= this.#finish()
    return this.#closing
  }

  /** The group is written a turn later, so that all changes of this turn are in it. */
  #start(): void {
    // While it fails, the timer starts it; and in the end, what is left is written by closing.
    if (this.#state === 'failing' || this.#closing !== undefined) return
    this.#run ??= nextTurn().then(() => this.#writeGroups())
  }

  async #finish(): Promise<void> {
    clearTimeout(this.#retry)
    await this.#run
    await this.#syncing
    if (this.#written < this.#changes || this.#state === 'failing') await this.#writeGroups()
    if (this.#durable < this.#changes && this.#state !== 'failing') await this.#syncGroup()
    await this.#target.close()
    this.#state = 'closed'
    this.#refuse(closed())
  }

  async #writeGroups(): Promise<void> {
    do {
      const change = this.#changes
      const scope = this.#state === 'steady' ? 'changes' : 'everything'
      try {
        await this.#target.write(scope)
      } catch (error) {
        this.#fail(error)
        break
      }
      // Syncing failed meanwhile: what was written is not to be trusted, and everything is written at once.
      if (scope === 'changes' && this.#state === 'failing') continue
      this.#succeed(change, scope === 'everything')
    } while (this.#written < this.#changes)
    this.#run = undefined
  }

  #succeed(change: number, durable: boolean): void {
    this.#written = change
    if (durable) this.#durable = change
    const recovered = this.#state === 'failing'
    this.#state = 'steady'
    this.#settle()
    if (recovered) this.#events.onRecovered()
    this.#sync()
  }

  /** Syncs as long as there is somebody who waits for it. */
  #sync(): void {
    const isWanted = () => this.#waiters.some(({ durable, change }) => durable && change <= this.#written)
    if (this.#closing !== undefined || !isWanted()) return
    this.#syncing ??= this.#syncGroup().finally(() => {
      this.#syncing = undefined
      if (this.#state === 'steady') this.#sync()
    })
  }

  async #syncGroup(): Promise<void> {
    const change = this.#written
    try {
      await this.#target.sync()
    } catch (error) {
      this.#fail(error)
    }
    if (this.#state !== 'steady') return
    this.#durable = Math.max(this.#durable, change)
    this.#settle()
  }

  #settle(): void {
    const waiters = this.#waiters
    this.#waiters = []
    for (const waiter of waiters) {
      const done = waiter.durable ? this.#durable : this.#written
      if (waiter.change <= done) waiter.resolve()
      else this.#waiters.push(waiter)
    }
  }

  #fail(error: unknown): void {
    const failing = this.#state === 'failing'
    this.#state = 'failing'
    this.#error = error
    this.#refuse(this.#failure())
    if (this.#closing === undefined) {
      const again = () => {
        this.#run ??= this.#writeGroups()
      }
      this.#retry = setTimeout(again, this.#retryMs).unref()
    }
    if (!failing) this.#events.onFailing(error)
  }

  #failure(): HistoryError {
    return new HistoryError(`writing fails: ${reasonOf(this.#error)}`, { cause: this.#error })
  }

  #refuse(error: HistoryError): void {
    const waiters = this.#waiters
    this.#waiters = []
    for (const { reject } of waiters) reject(error)
  }
}

function closed(): HistoryError {
  return new HistoryError('the journal was closed before this was written')
}

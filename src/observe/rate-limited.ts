/** What tells the time and wakes up, in milliseconds; XState's simulated clock is one. */
export interface Clock {
  now(): number
  setTimeout(wake: () => void, milliseconds: number): unknown
  clearTimeout(timer: unknown): void
}

/** The process's own time. Its timers don't keep the process alive. */
export const processClock: Clock = {
  now: () => performance.now(),
  setTimeout: (wake, milliseconds) => setTimeout(wake, milliseconds).unref(),
  clearTimeout: timer => clearTimeout(timer as NodeJS.Timeout),
}

/** What a log line carries besides its sentence. */
export type Fields = Readonly<Record<string, unknown>>

/** How repeating events are limited. */
export interface RateLimits {
  /** Seconds in which one key has one line at most. Default 60. */
  readonly interval?: number
  /** Keys that are kept apart at once. Beyond, new ones share the {@link overflow} key. Default 100. */
  readonly maxKeys?: number
  readonly clock?: Clock
}

/** The key that events share once there are more keys than are kept apart. */
export const overflow = 'other'

/** One key's present interval. */
interface Interval {
  /** When it began, by the clock: with the key's latest line. */
  readonly began: number
  /** Events since that line. */
  waiting: number
  /** The latest of them. */
  sentence: string
  fields: Fields
  /** Runs while events wait, and only then. */
  timer: unknown
}

/**
 * Logs events that may repeat without end, such as refused messages. The first of a key is logged at once; what follows
 * is summed up, one line an interval: the latest sentence with `(and 1,234 more in the last 60 s)` and a field `more`.
 * Every event is accounted for once, either by a line or in one's `more`. With nothing waiting no timer runs.
 *
 * Keys are meant to be members of a closed union (the reasons of refusal.ts); their number is bounded all the same.
 */
export class RateLimited<Key extends string = string> {
  readonly #write: (fields: Fields, sentence: string) => void
  /** In milliseconds. */
  readonly #interval: number
  readonly #maxKeys: number
  readonly #clock: Clock
  readonly #intervals = new Map<string, Interval>()
  #heldBack = 0

  /** @param write logs a line: `(fields, sentence) => logger.warn(fields, sentence)` */
  constructor(write: (fields: Fields, sentence: string) => void, limits: RateLimits = {}) {
    this.#write = write
    this.#interval = (limits.interval ?? 60) * 1000
    this.#maxKeys = limits.maxKeys ?? 100
    this.#clock = limits.clock ?? processClock
  }

  /** Events that had no line of their own. */
  get heldBack(): number {
    return this.#heldBack
  }

  /** Logs an event, now or summed up later. */
  log(key: Key, sentence: string, fields: Fields = {}): void {
    const shared = this.#keyFor(key)
    const interval = this.#intervals.get(shared)
    const now = this.#clock.now()
    if (interval === undefined || (interval.waiting === 0 && now - interval.began >= this.#interval)) {
      this.#begin(shared, now)
      this.#write(fields, sentence)
      return
    }
    this.#heldBack++
    interval.waiting++
    interval.sentence = sentence
    interval.fields = fields
    const left = interval.began + this.#interval - now
    interval.timer ??= this.#clock.setTimeout(() => this.#sumUp(shared), Math.max(0, left))
  }

  /** Logs what waits, and forgets everything. To be called at the end; the next event would be a first one again. */
  close(): void {
    for (const [key, { timer }] of this.#intervals) {
      if (timer !== undefined) this.#clock.clearTimeout(timer)
      this.#sumUp(key)
    }
    this.#intervals.clear()
  }

  #begin(key: string, began: number): void {
    this.#intervals.set(key, { began, waiting: 0, sentence: '', fields: {}, timer: undefined })
  }

  #sumUp(key: string): void {
    const interval = this.#intervals.get(key)
    if (interval === undefined || interval.waiting === 0) return
    const now = this.#clock.now()
    const { sentence, fields } = interval
    const more = interval.waiting - 1
    const passed = Math.max(1, Math.round((now - interval.began) / 1000))
    this.#begin(key, now)
    if (more === 0) this.#write(fields, sentence)
    else {
      const summary = `${sentence} (and ${more.toLocaleString('en-US')} more in the last ${passed} s)`
      this.#write({ ...fields, more }, summary)
    }
  }

  /** The key itself if it is kept apart or can be; else the shared one. */
  #keyFor(key: string): string {
    if (this.#intervals.has(key) || this.#intervals.size < this.#maxKeys) return key
    const now = this.#clock.now()
    for (const [other, { began, waiting }] of this.#intervals) {
      if (waiting === 0 && now - began >= this.#interval) this.#intervals.delete(other)
    }
    return this.#intervals.size < this.#maxKeys ? key : overflow
  }
}

import { type Clock, processClock } from '../rate-limited.ts'

/** From the beginning of one work to that of the next. */
const intervalMs = 1000

/** What was worked out, and when. */
export interface Worked<Value> {
  readonly value: Value
  /** How long ago it was, in milliseconds. */
  readonly ageMs: number
}

/**
 * Something that takes work and that many may ask for: it is worked out when somebody asks, once a second at most, and all
 * who ask meanwhile share it.
 */
export class SharedAnswer<Value> {
  readonly #work: () => Promise<Value> | Value
  readonly #clock: Clock
  #last: { readonly value: Value; readonly atMs: number } | undefined
  #current: Promise<Value> | undefined
  /** Begins when the second is over. */
  #next: Promise<Value> | undefined
  #beganMs = Number.NEGATIVE_INFINITY

  constructor(work: () => Promise<Value> | Value, clock: Clock = processClock) {
    this.#work = work
    this.#clock = clock
  }

  /** What was worked out last, if that is less than a second ago. Rejects as the work did. */
  async ask(): Promise<Worked<Value>> {
    if (this.#last !== undefined) {
      const ageMs = this.#clock.now() - this.#last.atMs
      if (ageMs < intervalMs) return { value: this.#last.value, ageMs }
    }
    return this.#current === undefined ? this.askAnew() : { value: await this.#current, ageMs: 0 }
  }

  /** What is worked out from now on, which may be in a second only. Rejects as the work did. */
  async askAnew(): Promise<Worked<Value>> {
    this.#next ??= this.#begin()
    return { value: await this.#next, ageMs: 0 }
  }

  async #begin(): Promise<Value> {
    await this.#current?.catch(() => {})
    const waitMs = this.#beganMs + intervalMs - this.#clock.now()
    if (waitMs > 0) await new Promise<void>(resolve => this.#clock.setTimeout(resolve, waitMs))
    const working = this.#do()
    this.#current = working
    this.#next = undefined
    try {
      return await working
    } finally {
      this.#current = undefined
    }
  }

  async #do(): Promise<Value> {
    this.#beganMs = this.#clock.now()
    const value = await this.#work()
    this.#last = { value, atMs: this.#clock.now() }
    return value
  }
}

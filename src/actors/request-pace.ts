import { FairQueue } from '../turns/fair-queue.ts'

/** An exchange whose requests are to go out. */
export interface Requests {
  /** Frames that they make, as many as there are subscribers to be asked. */
  frames(): number
  /** Sends them. */
  admit(): void
}

/**
 * How fast requests for snapshots go out. One small request of a stranger becomes as many frames as there are subscribers,
 * so it is frames that are counted: so many a second, in all. Beyond, requests wait, and addresses take turns.
 */
export class RequestPace {
  readonly #framesPerSecond: number
  readonly #waiting = new FairQueue<Requests>()
  /** Frames that may go out now: a second's worth at most. Below 0, the last requests went beyond. */
  #budget: number
  #countedMs = performance.now()
  #timer: NodeJS.Timeout | undefined
  #heldBack = 0

  constructor(framesPerSecond: number) {
    this.#framesPerSecond = framesPerSecond
    this.#budget = framesPerSecond
  }

  /** How many had to wait. */
  get heldBack(): number {
    return this.#heldBack
  }

  /** Admits these requests, now or when it is their turn. */
  queue(address: string, requests: Requests): void {
    this.#waiting.add(address, requests)
    this.#admitWaiting()
    if (this.#waiting.has(address, requests)) this.#heldBack++
  }

  /** Nobody waits for these requests any more. */
  cancel(address: string, requests: Requests): void {
    this.#waiting.delete(address, requests)
  }

  #admitWaiting(): void {
    const nowMs = performance.now()
    const earned = ((nowMs - this.#countedMs) / 1000) * this.#framesPerSecond
    this.#budget = Math.min(this.#framesPerSecond, this.#budget + earned)
    this.#countedMs = nowMs
    while (this.#budget > 0) {
      const requests = this.#waiting.take()
      if (requests === undefined) return
      this.#budget -= requests.frames()
      requests.admit()
    }
    if (this.#waiting.size === 0 || this.#timer !== undefined) return
    const pauseMs = ((1 - this.#budget) / this.#framesPerSecond) * 1000
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.#admitWaiting()
    }, pauseMs).unref()
  }
}

import { sliceMs } from '../turns/slices.ts'
import { inNextTurn } from '../turns/turn.ts'

/** A timer of the clock. */
interface Timer {
  readonly run: () => void
  readonly handle: NodeJS.Timeout
}

/**
 * The clock of many actors. Node runs all timers that are down in one go, and thousands may be at once: those of subscribers
 * that went together, or that were stale too long when the broker started. By this clock they are run in slices, in the order
 * in which they were down, and everything else has its turn between.
 */
export class SlicedClock {
  readonly #down = new Set<Timer>()
  /** The next slice. */
  #isAwaitingTurn = false

  /** Runs something after so many milliseconds. */
  setTimeout(run: () => void, ms: number): Timer {
    const timer: Timer = { run, handle: setTimeout(() => this.#isDown(timer), ms) }
    return timer
  }

  /** Nothing is run, also if the timer is down and waits for its turn. */
  clearTimeout(timer: Timer): void {
    clearTimeout(timer.handle)
    this.#down.delete(timer)
  }

  #isDown(timer: Timer): void {
    this.#down.add(timer)
    this.#awaitTurn()
  }

  #runSlice(): void {
    const endsMs = performance.now() + sliceMs
    try {
      for (const timer of this.#down) {
        this.#down.delete(timer)
        timer.run()
        if (performance.now() >= endsMs) break
      }
    } finally {
      this.#isAwaitingTurn = false
      if (this.#down.size > 0) this.#awaitTurn()
    }
  }

  #awaitTurn(): void {
    if (this.#isAwaitingTurn) return
    this.#isAwaitingTurn = true
    inNextTurn(() => this.#runSlice())
  }
}

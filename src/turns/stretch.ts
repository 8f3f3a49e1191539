/** How long it takes at least, in milliseconds, and at most. */
const minMs = 2
const maxMs = 10

/** And in between: such a part of the time for which everything else had its turn. */
const share = 0.2

/**
 * What is done in one go, before everything else that there is to do has its turn. The longer that takes, the longer is the next
 * stretch: whoever keeps the broker busy elsewhere takes no more from this than its share.
 */
export class Stretch {
  #endsMs = 0

  /** The first one begins, after there was nothing to do. */
  begin(): void {
    this.#endsMs = performance.now() + minMs
  }

  /** Is it time for something else, at this time of `performance.now`? */
  isOver(nowMs = performance.now()): boolean {
    return nowMs >= this.#endsMs
  }

  /** Everything else has its turn, until `others` is fulfilled; then the next one begins. */
  async pause(others: () => Promise<void>): Promise<void> {
    const pausedMs = performance.now()
    await others()
    const nowMs = performance.now()
    this.#endsMs = nowMs + Math.min(Math.max((nowMs - pausedMs) * share, minMs), maxMs)
  }
}

/** How fast snapshots are sent. */
export interface PaceBounds {
  /** Subscribers of one address that have a page between two pauses; the others wait for the next. */
  readonly maxPerAddress: number
  /**
   * Awaited before the next page of each snapshot. What is live has the right of way: a snapshot is large, and whoever wants
   * one does not mind whether it takes a second more.
   */
  betweenPages(): Promise<void>
}

/** The pace of snapshots: who needs a page waits for the end of a pause, and then goes on together with others. */
export class Pace {
  readonly #bounds: PaceBounds
  /** Those who wait, by their addresses, in the order in which they came. */
  readonly #lanes = new Map<string, Set<() => void>>()
  #isBeating = false
  #heldBack = 0

  constructor(bounds: PaceBounds) {
    this.#bounds = bounds
  }

  /** How often an address had to wait because as many of its subscribers were sent a page as may be. */
  get heldBack(): number {
    return this.#heldBack
  }

  /** Fulfilled when this address may have one more page, or when it is aborted. */
  turn(address: string, signal: AbortSignal): Promise<void> {
    return new Promise(resolve => {
      if (signal.aborted) return resolve()
      const lane = this.#lanes.get(address) ?? new Set()
      this.#lanes.set(address, lane)
      const go = () => {
        signal.removeEventListener('abort', go)
        lane.delete(go)
        if (lane.size === 0) this.#lanes.delete(address)
        resolve()
      }
      lane.add(go)
      signal.addEventListener('abort', go)
      if (!this.#isBeating) this.#beat()
    })
  }

  async #beat(): Promise<void> {
    this.#isBeating = true
    while (this.#lanes.size > 0) {
      await this.#bounds.betweenPages()
      for (const lane of this.#lanes.values()) this.#release(lane)
    }
    this.#isBeating = false
  }

  #release(lane: ReadonlySet<() => void>): void {
    let left = this.#bounds.maxPerAddress
    for (const go of lane) {
      if (left-- > 0) go()
      else {
        this.#heldBack++
        break
      }
    }
  }
}

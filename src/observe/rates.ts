/** What is counted: totals since the start. */
export interface Totals {
  readonly accepted: number
  readonly delivered: number
}

/** Samples that are kept; one a second makes it a minute. */
const maxSamples = 60

/** How fast totals grew lately. */
export class Rates {
  readonly #totals: () => Totals
  readonly #samples: (Totals & { readonly atMs: number })[] = []

  constructor(totals: () => Totals) {
    this.#totals = totals
  }

  /** To be called about once a second. */
  sample(): void {
    this.#samples.push({ ...this.#totals(), atMs: performance.now() })
    if (this.#samples.length > maxSamples) this.#samples.shift()
  }

  /** Growth a second since the oldest sample, and how many seconds that was ago. */
  get perSecond(): Totals & { readonly seconds: number } {
    const { accepted, delivered } = this.#totals()
    const [oldest] = this.#samples
    const seconds = oldest === undefined ? 0 : (performance.now() - oldest.atMs) / 1000
    if (oldest === undefined || seconds === 0) return { accepted: 0, delivered: 0, seconds: 0 }
    return {
      accepted: (accepted - oldest.accepted) / seconds,
      delivered: (delivered - oldest.delivered) / seconds,
      seconds,
    }
  }
}

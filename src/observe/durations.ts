/** Upper bounds of the buckets that durations are counted in, in seconds: from what a page takes to the longest wait. */
export const durationBounds: readonly number[] = [0.01, 0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 7200]

/** Counts durations by how long they were, in fixed memory. */
export class Durations {
  /** One more than there are bounds: the last one counts what is longer. */
  readonly #buckets = new Array<number>(durationBounds.length + 1).fill(0)
  #seconds = 0

  /** Sum of all durations, in seconds. */
  get seconds(): number {
    return this.#seconds
  }

  /** Durations up to each of {@link durationBounds}, and in all. */
  get cumulative(): readonly number[] {
    let count = 0
    return this.#buckets.map(bucket => {
      count += bucket
      return count
    })
  }

  add(seconds: number): void {
    const bucket = durationBounds.findIndex(bound => seconds <= bound)
    const at = bucket < 0 ? durationBounds.length : bucket
    this.#buckets[at] = (this.#buckets[at] ?? 0) + 1
    this.#seconds += seconds
  }
}

/** What a token bucket holds, and how fast it fills. */
export interface BucketSize {
  readonly capacity: number
  readonly perSecond: number
}

/** Sums of fractions go astray by so much of a token at most. */
const rounding = 1e-6

/**
 * Token buckets by key, each of which is full at first. Of a bucket it is known when it will be full again, and no more: one
 * that is full is not remembered. When there are as many as may be, the one that was taken from longest ago is forgotten.
 */
export class TokenBuckets {
  readonly #tokenMs: number
  readonly #spanMs: number
  readonly #maxBuckets: number
  /** When each is full again, by the clock of the caller; the one that was taken from last comes last. */
  readonly #fullAtMs = new Map<string, number>()

  constructor({ capacity, perSecond }: BucketSize, maxBuckets: number) {
    this.#tokenMs = 1000 / perSecond
    this.#spanMs = capacity * this.#tokenMs
    this.#maxBuckets = maxBuckets
  }

  /** How many are remembered. */
  get size(): number {
    return this.#fullAtMs.size
  }

  /** Is there a token in this bucket? The clock must not go backwards. */
  has(key: string, nowMs: number): boolean {
    return this.#next(key, nowMs) - nowMs <= this.#spanMs + this.#tokenMs * rounding
  }

  /** Takes a token out of this bucket, which has one. */
  take(key: string, nowMs: number): void {
    const next = this.#next(key, nowMs)
    this.#fullAtMs.delete(key)
    this.#fullAtMs.set(key, next)
    for (const [oldest, fullAtMs] of this.#fullAtMs) {
      if (fullAtMs > nowMs && this.#fullAtMs.size <= this.#maxBuckets) break
      this.#fullAtMs.delete(oldest)
    }
  }

  /** When it is full again if a token is taken now. */
  #next(key: string, nowMs: number): number {
    return Math.max(nowMs, this.#fullAtMs.get(key) ?? nowMs) + this.#tokenMs
  }
}

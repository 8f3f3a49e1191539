/** How much of something may be held at once. Whoever wants more waits, in order. */
export class Budget {
  readonly #limit: number
  #used = 0
  #waits = 0
  readonly #waiting: { readonly amount: number; grant(): void }[] = []

  constructor(limit: number) {
    this.#limit = limit
  }

  /** How much is held. */
  get used(): number {
    return this.#used
  }

  /** How often somebody had to wait. */
  get waits(): number {
    return this.#waits
  }

  /**
   * Takes so much, once there is room; what is larger than everything goes when nothing else is held. Says whether it was
   * taken: it is not if the signal is aborted first.
   */
  take(amount: number, signal?: AbortSignal): Promise<boolean> | boolean {
    if (signal?.aborted) return false
    if (this.#waiting.length === 0 && this.#fits(amount)) {
      this.#used += amount
      return true
    }
    this.#waits++
    return new Promise(resolve => {
      const waiting = {
        amount,
        grant: () => {
          signal?.removeEventListener('abort', abort)
          this.#used += amount
          resolve(true)
        },
      }
      const abort = () => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1)
        resolve(false)
        this.#grant()
      }
      this.#waiting.push(waiting)
      signal?.addEventListener('abort', abort, { once: true })
    })
  }

  /** Takes so much, whether there is room or not: what is held already. */
  hold(amount: number): void {
    this.#used += amount
  }

  /** Gives so much back. */
  give(amount: number): void {
    this.#used -= amount
    this.#grant()
  }

  #fits(amount: number): boolean {
    return this.#used === 0 || this.#used + amount <= this.#limit
  }

  #grant(): void {
    for (let next = this.#waiting[0]; next !== undefined && this.#fits(next.amount); next = this.#waiting[0]) {
      this.#waiting.shift()
      next.grant()
    }
  }
}

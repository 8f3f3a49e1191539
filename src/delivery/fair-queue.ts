/**
 * Those who wait for something that only one can have at a time. Addresses take turns, and those of one address go in the
 * order in which they came: however many wait elsewhere, whoever is alone at an address is next but for one of each other.
 */
export class FairQueue<Item extends object> {
  /** The address whose turn it is first. */
  readonly #lanes = new Map<string, Set<Item>>()
  #size = 0

  /** How many wait. */
  get size(): number {
    return this.#size
  }

  /** All that wait. */
  *[Symbol.iterator](): Generator<Item, void, undefined> {
    for (const lane of this.#lanes.values()) yield* lane
  }

  /** Does it wait? */
  has(address: string, item: Item): boolean {
    return this.#lanes.get(address)?.has(item) ?? false
  }

  /** Waits from now on. */
  add(address: string, item: Item): void {
    const lane = this.#lanes.get(address) ?? new Set()
    this.#lanes.set(address, lane.add(item))
    this.#size++
  }

  /** Waits no more, if it did. */
  delete(address: string, item: Item): void {
    const lane = this.#lanes.get(address)
    if (!lane?.delete(item)) return
    this.#size--
    if (lane.size === 0) this.#lanes.delete(address)
  }

  /** Whose turn it is, if anybody waits: it still does, and then it is another address's turn. */
  next(): Item | undefined {
    for (const [address, lane] of this.#lanes) {
      this.#lanes.delete(address)
      this.#lanes.set(address, lane)
      const [item] = lane
      return item
    }
    return undefined
  }

  /** The same, but it waits no more. */
  take(): Item | undefined {
    const [address] = this.#lanes.keys()
    const item = this.next()
    if (address !== undefined && item !== undefined) this.delete(address, item)
    return item
  }
}

/**
 * Those who wait for something that only one can have at a time. Addresses take turns, and those of one address go in the
 * order in which they came: however many wait elsewhere, whoever is alone at an address is next but for one of each other.
 */
export class FairQueue<Item extends object> {
  /** The address whose turn it is first. */
  readonly #lanes = new Map<string, Set<Item>>()
  /** How often an address whose turn it would be is passed over. */
  readonly #passedOver = new Map<string, number>()
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
    if (lane.size > 0) return
    this.#lanes.delete(address)
    this.#passedOver.delete(address)
  }

  /** So often the others go before what waits at this address: it has had as much already. */
  passOver(address: string, times: number): void {
    if (times > 0 && this.#lanes.has(address)) this.#passedOver.set(address, times)
  }

  /** Whose turn it is, if anybody waits: it still does, and then it is another address's turn. */
  next(): Item | undefined {
    const [item] = this.#lanes.get(this.#nextAddress() ?? '') ?? []
    return item
  }

  /** The same, but it waits no more. */
  take(): Item | undefined {
    const address = this.#nextAddress()
    if (address === undefined) return undefined
    const [item] = this.#lanes.get(address) ?? []
    if (item !== undefined) this.delete(address, item)
    return item
  }

  /** The address whose turn it is, which then is the last. */
  #nextAddress(): string | undefined {
    // Whoever is passed over comes again, and has one time less to go.
    for (const [address, lane] of this.#lanes) {
      this.#lanes.delete(address)
      this.#lanes.set(address, lane)
      const times = this.#passedOver.get(address) ?? 0
      if (times === 0) return address
      if (times > 1) this.#passedOver.set(address, times - 1)
      else this.#passedOver.delete(address)
    }
    return undefined
  }
}

/** What one address holds. */
interface Share {
  /** Subscriptions. */
  held: number
  /** The p2p topics of those that never joined; the one that has waited longest is the first. */
  readonly waiting: Set<string>
}

/**
 * Who holds how many subscriptions, by address, and whose turn it is to give way: of the address with most subscriptions
 * that never joined, the one that has waited longest. So nobody crowds out another by subscribing more often. Every call
 * takes the same time, however many there are.
 */
export class Shares {
  readonly #shares = new Map<string, Share>()
  /** The addresses that have so many that never joined; the one that has had as many for longest is the first. */
  readonly #levels: Set<string>[] = []

  /** Subscriptions of an address. */
  held(address: string): number {
    return this.#shares.get(address)?.held ?? 0
  }

  /** Subscriptions of the address that has most of them. It looks at each address. */
  get most(): number {
    let most = 0
    for (const { held } of this.#shares.values()) most = Math.max(most, held)
    return most
  }

  /** The p2p topic that gives way when room is needed, or when it is in the share of an address; undefined: all have joined. */
  longestWaiting(address = this.#levels.at(-1)?.values().next().value): string | undefined {
    return address === undefined ? undefined : this.#shares.get(address)?.waiting.values().next().value
  }

  /** A subscription was opened, or restored. */
  opened(address: string, topic: string, hasJoined: boolean): void {
    const share = this.#shares.get(address) ?? { held: 0, waiting: new Set() }
    this.#shares.set(address, share)
    share.held++
    if (hasJoined) return
    share.waiting.add(topic)
    this.#rise(address, share.waiting.size)
  }

  /** A subscription has joined; for what has done so before, or is not known, nothing changes. */
  joined(address: string, topic: string): void {
    const waiting = this.#shares.get(address)?.waiting
    if (waiting?.delete(topic)) this.#sink(address, waiting.size)
  }

  /** A subscription that was opened has ended. */
  ended(address: string, topic: string): void {
    this.joined(address, topic)
    const share = this.#shares.get(address)
    if (share !== undefined && --share.held === 0) this.#shares.delete(address)
  }

  #rise(address: string, level: number): void {
    this.#levels[level - 2]?.delete(address)
    this.#levels[level - 1] ??= new Set()
    this.#levels[level - 1]?.add(address)
  }

  #sink(address: string, level: number): void {
    this.#levels[level]?.delete(address)
    if (level > 0) this.#levels[level - 1]?.add(address)
    while (this.#levels.at(-1)?.size === 0) this.#levels.pop()
  }
}

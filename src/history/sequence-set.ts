/** Sequence numbers of a range, a bit each. */
export class SequenceSet {
  readonly #from: number
  readonly #words: Uint32Array
  #size = 0

  /** An empty set of numbers from `from` up to `upTo`, both included. */
  constructor(from: number, upTo: number) {
    this.#from = from
    this.#words = new Uint32Array(Math.max(0, Math.ceil((upTo - from + 1) / 32)))
  }

  /** How many there are. */
  get size(): number {
    return this.#size
  }

  /** Is this number in the set? */
  has(sequence: number): boolean {
    const bit = sequence - this.#from
    return ((this.#words[Math.floor(bit / 32)] ?? 0) & (1 << (bit & 31))) !== 0
  }

  /** Adds a number of the range. */
  add(sequence: number): void {
    if (this.has(sequence)) return
    const bit = sequence - this.#from
    this.#words[bit >>> 5] = (this.#words[bit >>> 5] as number) | (1 << (bit & 31))
    this.#size++
  }

  /** Removes a number. */
  delete(sequence: number): void {
    if (!this.has(sequence)) return
    const bit = sequence - this.#from
    this.#words[bit >>> 5] = (this.#words[bit >>> 5] as number) & ~(1 << (bit & 31))
    this.#size--
  }

  /** The first number of the set that is this one or higher. */
  nextFrom(sequence: number): number | undefined {
    const bit = Math.max(0, sequence - this.#from)
    let word = Math.floor(bit / 32)
    let bits = (this.#words[word] ?? 0) & (-1 << (bit & 31))
    while (bits === 0) {
      word++
      if (word >= this.#words.length) return undefined
      bits = this.#words[word] as number
    }
    return this.#from + word * 32 + (31 - Math.clz32(bits & -bits))
  }
}

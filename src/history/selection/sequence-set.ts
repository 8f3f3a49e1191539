import { onesIn } from '../../delivery/bits.ts'

/** What a {@link SequenceSet} is made of, in a form that can be given to another thread. */
export interface SequenceBits {
  /** The number of the first bit. */
  readonly from: number
  readonly words: Uint32Array<ArrayBuffer>
  /** How many bits are set. */
  readonly size: number
}

/** Words of which it is known how many bits are set before them, once that was asked for. */
const strideWords = 64

/** Sequence numbers of a range, a bit each. */
export class SequenceSet {
  readonly #from: number
  readonly #words: Uint32Array<ArrayBuffer>
  #size: number
  /** How many are set before each stride of words; undefined: that was not counted since the last change. */
  #before: Uint32Array | undefined

  /** The set of these bits, which it takes over. */
  constructor({ from, words, size }: SequenceBits) {
    this.#from = from
    this.#words = words
    this.#size = size
  }

  /** An empty set for numbers from `from` up to `upTo`, both included. */
  static between(from: number, upTo: number): SequenceSet {
    return new SequenceSet({ from, words: new Uint32Array(Math.max(0, Math.ceil((upTo - from + 1) / 32))), size: 0 })
  }

  /** What it is made of: from now on it belongs to whoever asked. */
  get bits(): SequenceBits {
    return { from: this.#from, words: this.#words, size: this.#size }
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
    this.#before = undefined
  }

  /** Removes a number. */
  delete(sequence: number): void {
    if (!this.has(sequence)) return
    const bit = sequence - this.#from
    this.#words[bit >>> 5] = (this.#words[bit >>> 5] as number) & ~(1 << (bit & 31))
    this.#size--
    this.#before = undefined
  }

  /** How many numbers of the set are this one or higher. */
  countFrom(sequence: number): number {
    const bit = Math.max(0, sequence - this.#from)
    const word = Math.floor(bit / 32)
    if (word >= this.#words.length) return 0
    this.#before ??= this.#countStrides()
    const stride = Math.floor(word / strideWords)
    let lower = this.#before[stride] as number
    for (let at = stride * strideWords; at < word; at++) lower += onesIn(this.#words[at] as number)
    return this.#size - lower - onesIn((this.#words[word] as number) & ~(-1 << (bit & 31)))
  }

  #countStrides(): Uint32Array {
    const before = new Uint32Array(Math.ceil(this.#words.length / strideWords))
    let count = 0
    for (const [at, word] of this.#words.entries()) {
      if (at % strideWords === 0) before[at / strideWords] = count
      count += onesIn(word)
    }
    return before
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

import { keyWords, mixed, readKey } from './latest-versions.ts'

/** What a {@link VersionSet} is made of, in a form that can be given to another thread. */
export interface VersionTable {
  readonly seed: number
  readonly size: number
  /** Seven words a slot: key, and time of modification. All of them are 0 where a slot is free. */
  readonly words: Uint32Array<ArrayBuffer>
}

const slotWords = keyWords + 2

/** Versions of objects, each an object's key and when it was modified: a hash table in a typed array. */
export class VersionSet {
  readonly #seed: number
  readonly #table: VersionTable['words']
  #size: number
  readonly #words = new Uint32Array(slotWords)
  readonly #modified = new Float64Array(1)
  readonly #modifiedWords = new Uint32Array(this.#modified.buffer)

  /** The set of what is in this table, which it takes over. */
  constructor({ seed, size, words }: VersionTable) {
    this.#seed = seed
    this.#size = size
    this.#table = words
  }

  /** None yet, with room for so many. @param seed makes it unpredictable which versions are looked for in one place */
  static none(seed: number, atMost: number): VersionSet {
    const words = new Uint32Array(2 ** Math.ceil(Math.log2(2 * atMost + 2)) * slotWords)
    return new VersionSet({ seed, size: 0, words })
  }

  /** What it is made of: from now on it belongs to whoever asked. */
  get table(): VersionTable {
    return { seed: this.#seed, size: this.#size, words: this.#table }
  }

  /** How many versions there are. */
  get size(): number {
    return this.#size
  }

  /** Adds a version. There must be room for it. @param modified in microseconds, or NaN */
  add(key: string, modified: number): void {
    const slot = this.#slotOf(key, modified)
    if (this.#isAt(slot)) return
    this.#table.set(this.#words, slot * slotWords)
    this.#size++
  }

  /** Is this version in the set? */
  has(key: string, modified: number): boolean {
    return this.#isAt(this.#slotOf(key, modified))
  }

  /** The slot of a version, or the free one where it belongs. */
  #slotOf(key: string, modified: number): number {
    readKey(key, this.#words)
    // NaN has many spellings.
    this.#modified[0] = Number.isNaN(modified) ? Number.MAX_VALUE : modified
    this.#words.set(this.#modifiedWords, keyWords)
    const capacity = this.#table.length / slotWords
    let slot = mixed(this.#words, this.#seed) % capacity
    while (!this.#isFree(slot) && !this.#isAt(slot)) slot = (slot + 1) % capacity
    return slot
  }

  #isFree(slot: number): boolean {
    return this.#table[slot * slotWords + keyWords - 1] === 0
  }

  #isAt(slot: number): boolean {
    const at = slot * slotWords
    for (let word = 0; word < slotWords; word++) if (this.#table[at + word] !== this.#words[word]) return false
    return true
  }
}

/** Words of a key. */
export const keyWords = 5

/**
 * The latest version of each object, by its key: a hash table in typed arrays, which holds a million objects in the memory
 * that a Map needs for a tenth of that.
 *
 * A key is 17 characters of one byte (see record.ts). Its last bytes are random in a UUID, or come from a hash: they are
 * where a key is looked for. Keys that an attacker makes alike there cost time, so they are looked for by a mix of all.
 */
export class LatestVersions {
  #size = 0
  #keys: Uint32Array
  #modified: Float64Array
  /** 0 where a slot is free. */
  #sequences: Float64Array
  readonly #words = new Uint32Array(keyWords)
  readonly #seed: number

  /**
   * None yet.
   *
   * @param seed makes it unpredictable which keys are alike
   * @param expected how many objects there may be: for so many there is room from the start, because to make more takes
   *   time. Memory that is not needed is not touched, and costs nothing.
   */
  constructor(seed: number, expected: number) {
    this.#seed = seed
    const slots = emptySlots(2 ** Math.ceil(Math.log2(2 * expected + 2)))
    ;[this.#keys, this.#modified, this.#sequences] = slots
  }

  /** How many objects there are. */
  get size(): number {
    return this.#size
  }

  /**
   * Notes a version: of two versions the one modified later is the latest, of those modified at once the one that came
   * later. Answers the sequence number of the version that it replaces, 0 if there was none, or -1 if it is not the latest.
   */
  note(key: string, modified: number, sequence: number): number {
    if (this.#size * 2 >= this.#sequences.length) this.#grow()
    readKey(key, this.#words)
    const slot = this.#slotOf(this.#words)
    const before = this.#sequences[slot] as number
    if (before === 0) {
      this.#keys.set(this.#words, slot * keyWords)
      this.#size++
    } else if (modified < (this.#modified[slot] as number)) return -1
    this.#modified[slot] = modified
    this.#sequences[slot] = sequence
    return before
  }

  /** The slot of a key, or the free one where it belongs. */
  #slotOf(words: Uint32Array): number {
    const capacity = this.#sequences.length
    let slot = mixed(words, this.#seed) % capacity
    while ((this.#sequences[slot] as number) !== 0 && !this.#isAt(slot, words)) slot = (slot + 1) % capacity
    return slot
  }

  #isAt(slot: number, words: Uint32Array): boolean {
    const at = slot * keyWords
    for (let word = 0; word < keyWords; word++) if (this.#keys[at + word] !== words[word]) return false
    return true
  }

  #grow(): void {
    const [keys, modified, sequences] = [this.#keys, this.#modified, this.#sequences]
    ;[this.#keys, this.#modified, this.#sequences] = emptySlots(sequences.length * 2)
    for (let slot = 0; slot < sequences.length; slot++) {
      if (sequences[slot] === 0) continue
      const words = keys.subarray(slot * keyWords, slot * keyWords + keyWords)
      const to = this.#slotOf(words)
      this.#keys.set(words, to * keyWords)
      this.#modified[to] = modified[slot] as number
      this.#sequences[to] = sequences[slot] as number
    }
  }
}

function emptySlots(capacity: number): [keys: Uint32Array, modified: Float64Array, sequences: Float64Array] {
  return [new Uint32Array(capacity * keyWords), new Float64Array(capacity), new Float64Array(capacity)]
}

/** Writes a key's words into `words`. The last of them is never 0. */
export function readKey(key: string, words: Uint32Array): void {
  for (let word = 0; word < keyWords - 1; word++) {
    const at = 1 + word * 4
    words[word] =
      key.charCodeAt(at) |
      (key.charCodeAt(at + 1) << 8) |
      (key.charCodeAt(at + 2) << 16) |
      (key.charCodeAt(at + 3) << 24)
  }
  words[keyWords - 1] = key.charCodeAt(0) + 1
}

/** Which of so many parts a key belongs to. The seed makes it unpredictable: nobody can put all objects into one. */
export function partOf(key: string, parts: number, seed: number): number {
  if (parts === 1) return 0
  let hash = seed
  for (let at = 0; at < key.length; at++) hash = Math.imul(hash ^ key.charCodeAt(at), 0x85ebca6b) ^ (hash >>> 15)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return ((hash ^ (hash >>> 16)) >>> 0) % parts
}

/** A mix of all words (the finish of MurmurHash3, word by word). */
export function mixed(words: Uint32Array, seed: number): number {
  let hash = seed
  for (let word = 0; word < words.length; word++) {
    hash = Math.imul(hash ^ (words[word] as number), 0x85ebca6b)
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
    hash ^= hash >>> 16
  }
  return hash >>> 0
}

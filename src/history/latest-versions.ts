/** What {@link LatestVersions} are made of, in a form that can be given to another thread. */
export interface VersionTable {
  readonly seed: number
  readonly size: number
  /** Five words a slot. */
  readonly keys: Uint32Array<ArrayBuffer>
  readonly modified: Float64Array<ArrayBuffer>
  /** 0 where a slot is free. */
  readonly sequences: Float64Array<ArrayBuffer>
}

/**
 * The latest version of each object, by its key: a hash table in typed arrays, which holds a million objects in the memory
 * that a Map needs for a tenth of that.
 *
 * A key is 17 characters of one byte (see record.ts). Its last bytes are random in a UUID, or come from a hash: they are
 * where a key is looked for. Keys that an attacker makes alike there cost time, so they are looked for by a mix of all.
 */
export class LatestVersions {
  #size: number
  #keys: VersionTable['keys']
  #modified: VersionTable['modified']
  #sequences: VersionTable['sequences']
  readonly #words = new Uint32Array(5)
  readonly #seed: number

  /** What this table has, which is taken over. */
  constructor({ seed, size, keys, modified, sequences }: VersionTable) {
    this.#seed = seed
    this.#size = size
    this.#keys = keys
    this.#modified = modified
    this.#sequences = sequences
  }

  /**
   * None yet.
   *
   * @param seed makes it unpredictable which keys are alike
   * @param expected how many objects there may be: for so many there is room from the start, because to make more takes
   *   time. Memory that is not needed is not touched, and costs nothing.
   */
  static none(seed: number, expected = 512): LatestVersions {
    return new LatestVersions(emptyTable(seed, 2 ** Math.ceil(Math.log2(2 * expected + 2))))
  }

  /** What they are made of: from now on it belongs to whoever asked. */
  get table(): VersionTable {
    const [seed, size] = [this.#seed, this.#size]
    return { seed, size, keys: this.#keys, modified: this.#modified, sequences: this.#sequences }
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
    const slot = this.#slotOf(this.#read(key))
    const before = this.#sequences[slot] as number
    if (before === 0) {
      this.#keys.set(this.#words, slot * 5)
      this.#size++
    } else if (modified < (this.#modified[slot] as number)) return -1
    this.#modified[slot] = modified
    this.#sequences[slot] = sequence
    return before
  }

  /** Is this the latest version of this object? */
  has(key: string, modified: number): boolean {
    const slot = this.#slotOf(this.#read(key))
    return this.#sequences[slot] !== 0 && Object.is(this.#modified[slot], modified)
  }

  #read(key: string): Uint32Array {
    const words = this.#words
    for (let word = 0; word < 4; word++) {
      const at = 1 + word * 4
      words[word] =
        key.charCodeAt(at) |
        (key.charCodeAt(at + 1) << 8) |
        (key.charCodeAt(at + 2) << 16) |
        (key.charCodeAt(at + 3) << 24)
    }
    words[4] = key.charCodeAt(0)
    return words
  }

  /** The slot of a key, or the free one where it belongs. */
  #slotOf(words: Uint32Array): number {
    const capacity = this.#sequences.length
    let slot = mixed(words, this.#seed) % capacity
    while ((this.#sequences[slot] as number) !== 0 && !this.#isAt(slot, words)) slot = (slot + 1) % capacity
    return slot
  }

  #isAt(slot: number, words: Uint32Array): boolean {
    const at = slot * 5
    for (let word = 0; word < 5; word++) if (this.#keys[at + word] !== words[word]) return false
    return true
  }

  #grow(): void {
    const [keys, modified, sequences] = [this.#keys, this.#modified, this.#sequences]
    const grown = emptyTable(this.#seed, sequences.length * 2)
    ;[this.#keys, this.#modified, this.#sequences] = [grown.keys, grown.modified, grown.sequences]
    for (let slot = 0; slot < sequences.length; slot++) {
      if (sequences[slot] === 0) continue
      const words = keys.subarray(slot * 5, slot * 5 + 5)
      const to = this.#slotOf(words)
      this.#keys.set(words, to * 5)
      this.#modified[to] = modified[slot] as number
      this.#sequences[to] = sequences[slot] as number
    }
  }
}

function emptyTable(seed: number, capacity: number): VersionTable {
  const [modified, sequences] = [new Float64Array(capacity), new Float64Array(capacity)]
  return { seed, size: 0, keys: new Uint32Array(capacity * 5), modified, sequences }
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
function mixed(words: Uint32Array, seed: number): number {
  let hash = seed
  for (let word = 0; word < 5; word++) {
    hash = Math.imul(hash ^ (words[word] as number), 0x85ebca6b)
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
    hash ^= hash >>> 16
  }
  return hash >>> 0
}

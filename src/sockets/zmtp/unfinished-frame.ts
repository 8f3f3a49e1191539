/** Memory for a frame that comes in pieces grows with what has come, from so many bytes on: announcing is free, sending is not. */
const firstPieceBytes = 1024

/** And from there on by blocks of so many bytes. */
const blockBytes = 65_536

/**
 * Blocks that nobody needs at present, of all connections: 8 MiB at most. A long frame fills hundreds, and memory of that size
 * that is made anew each time makes the collector of garbage run all the time.
 */
const freeBlocks: Buffer[] = []
const maxFreeBlocks = 128

/** What a frame that has not come whole counts beside its bytes, so that an empty one is not free; and a part of a message. */
export const frameBytes = 64

/** A frame of which only a part has come. */
export class UnfinishedFrame {
  readonly flags: number
  readonly #keptBytes: number
  /** In order. All but the last are full. */
  readonly #blocks: Buffer[] = []
  #heldBytes = 0
  #filledBytes = 0
  /** What has not come yet. */
  #missingBytes: number

  /** @param keptBytes of a longer frame only its beginning is kept */
  constructor(flags: number, length: number, keptBytes: number) {
    this.flags = flags
    this.#missingBytes = length
    this.#keptBytes = Math.min(length, keptBytes)
  }

  /** Memory that it holds. */
  get heldBytes(): number {
    return frameBytes + this.#heldBytes
  }

  get isComplete(): boolean {
    return this.#missingBytes === 0
  }

  /** Takes what belongs to it, and answers how many bytes that were. */
  take(chunk: Buffer): number {
    const taken = Math.min(chunk.length, this.#missingBytes)
    const kept = Math.min(taken, this.#keptBytes - this.#filledBytes)
    for (let at = 0; at < kept; ) {
      const room = this.#room(kept - at)
      const copied = Math.min(room.length, kept - at)
      chunk.copy(room, 0, at, at + copied)
      at += copied
      this.#filledBytes += copied
    }
    this.#missingBytes -= taken
    return taken
  }

  /** What is kept of it, in memory of its own. It is not held here any more. */
  takeBody(): Buffer {
    const [first] = this.#blocks
    const body =
      this.#keptBytes <= blockBytes && first !== undefined ? first : Buffer.concat(this.#blocks, this.#keptBytes)
    this.discard()
    return body
  }

  /** Nobody needs it any more. */
  discard(): void {
    if (this.#keptBytes > blockBytes) {
      for (const block of this.#blocks) {
        if (block.length === blockBytes && freeBlocks.length < maxFreeBlocks) freeBlocks.push(block)
      }
    }
    this.#blocks.length = 0
    this.#heldBytes = 0
  }

  /** Where the next bytes go, of which there are so many: there is room for one at least. */
  #room(needed: number): Buffer {
    const free = this.#heldBytes - this.#filledBytes
    const last = this.#blocks.at(-1)
    if (free > 0 && last !== undefined) return last.subarray(last.length - free)
    // A block that is whole stays as it is; a smaller one can only be the first.
    if (last === undefined || last.length === blockBytes) return this.#addBlock(needed)
    this.#blocks.pop()
    this.#heldBytes -= last.length
    const larger = this.#addBlock(last.length + Math.max(needed, last.length))
    last.copy(larger)
    return larger.subarray(last.length)
  }

  #addBlock(bytes: number): Buffer {
    // A first block begins small. Others follow whole ones.
    const wanted = this.#blocks.length > 0 ? blockBytes : Math.max(bytes, firstPieceBytes)
    const length = Math.min(wanted, blockBytes, this.#keptBytes)
    const block = (length === blockBytes ? freeBlocks.pop() : undefined) ?? Buffer.allocUnsafeSlow(length)
    this.#blocks.push(block)
    this.#heldBytes += block.length
    return block
  }
}

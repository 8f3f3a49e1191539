const lineFeed = 0x0a

/** Bytes that there is room for in the beginning. */
const firstCapacity = 262_144

/**
 * What arrives of an input, in one piece: from what is kept to what came last. It holds no more than twice that and a chunk, and
 * takes time in proportion to what comes, however it is cut.
 */
export class ArrivingBytes {
  readonly #chunks: AsyncIterator<Buffer>
  #buffer: Buffer = Buffer.allocUnsafe(firstCapacity)
  /** Line feeds are counted up to here. */
  #counted = 0
  #line = 1
  /** Where reading stands, in `buffer`; moves when more comes. */
  at = 0
  /** The first byte that is still needed: it moves to the front of `buffer` when more comes, and with it `at`. */
  kept = 0
  /** The index after what has arrived. */
  end = 0

  constructor(chunks: AsyncIterable<Buffer>) {
    this.#chunks = chunks[Symbol.asyncIterator]()
  }

  /** Holds what has arrived, up to `end`. */
  get buffer(): Buffer {
    return this.#buffer
  }

  /** Waits for more, and says whether more came. All indices are others then. */
  async more(): Promise<boolean> {
    const { done, value } = await this.#chunks.next()
    if (done) return false
    this.#append(value)
    return true
  }

  /** The number of the line that this byte is in. To be asked in order, from the first byte to the last. */
  lineAt(index: number): number {
    const buffer = this.#buffer
    for (; this.#counted < index; this.#counted++) if (buffer[this.#counted] === lineFeed) this.#line++
    return this.#line
  }

  /** What is kept, up to where reading stands. */
  get held(): Buffer {
    return this.#buffer.subarray(this.kept, this.at)
  }

  /** Nothing more is wanted. */
  async close(): Promise<void> {
    await this.#chunks.return?.()
  }

  #append(chunk: Buffer): void {
    if (this.end + chunk.length > this.#buffer.length) this.#makeRoom(chunk.length)
    chunk.copy(this.#buffer, this.end)
    this.end += chunk.length
  }

  /** Gives up what is not needed. At least half of the buffer is free then, so that this is seldom done. */
  #makeRoom(bytes: number): void {
    const { kept } = this
    this.lineAt(kept)
    const needed = 2 * (this.end - kept + bytes)
    const target = needed > this.#buffer.length ? Buffer.allocUnsafe(needed) : this.#buffer
    this.#buffer.copy(target, 0, kept, this.end)
    this.#buffer = target
    this.#counted -= kept
    this.end -= kept
    this.at -= kept
    this.kept = 0
  }
}

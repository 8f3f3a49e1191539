/** A connection that is read. */
export interface Reader {
  /** It is read on. */
  readOn(): void
}

/**
 * So much is read of one connection, and of all together, before everything else has its turn. The system would hand over 2 MiB
 * of each in one go, which takes as long as it takes: with many that send much, everybody else would wait for that.
 */
const maxBytesOfOne = 131_072
const maxBytes = 524_288

/** What was read of a connection in a turn. */
export class ReadShare {
  /** For {@link ReadTurns}. */
  turn = 0
  bytes = 0
}

/** Divides what is read into turns of the event loop, over all endpoints. */
export class ReadTurns {
  readonly #waiting = new Set<Reader>()
  #turn = 0
  #bytes = 0
  #next: NodeJS.Immediate | undefined

  /** So much was read. Answers whether that is enough: then the reader reads no more until it is told to. */
  took(reader: Reader, share: ReadShare, bytes: number): boolean {
    this.#next ??= setImmediate(() => this.#begin())
    if (share.turn !== this.#turn) {
      share.turn = this.#turn
      share.bytes = 0
    }
    share.bytes += bytes
    this.#bytes += bytes
    if (share.bytes < maxBytesOfOne && this.#bytes < maxBytes) return false
    this.#waiting.add(reader)
    return true
  }

  /** Has it had enough of this turn? */
  awaits(reader: Reader): boolean {
    return this.#waiting.has(reader)
  }

  /** It is not read any more. */
  forget(reader: Reader): void {
    this.#waiting.delete(reader)
  }

  #begin(): void {
    this.#next = undefined
    this.#turn++
    this.#bytes = 0
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const reader of waiting) reader.readOn()
  }
}

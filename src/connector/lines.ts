const newline = 0x0a

/**
 * Makes lines of output that comes in pieces. A line that is longer than it may be is passed over, without ever being held
 * whole: what a program prints must not fill the memory.
 */
export class LineSplitter {
  readonly #maxBytes: number
  readonly #overlong: () => void
  #pieces: Buffer[] = []
  #bytes = 0

  /** `overlong` is called for each line of more than `maxBytes`. */
  constructor(maxBytes: number, overlong: () => void) {
    this.#maxBytes = maxBytes
    this.#overlong = overlong
  }

  /** The lines that this piece completes. What is no UTF-8 in them is replaced; empty ones are left out. */
  *push(piece: Buffer): Generator<string, void, undefined> {
    let start = 0
    for (let at = piece.indexOf(newline); at >= 0; at = piece.indexOf(newline, start)) {
      this.#keep(piece.subarray(start, at))
      start = at + 1
      yield* this.end()
    }
    this.#keep(piece.subarray(start))
  }

  /** The line that no newline ended. */
  *end(): Generator<string, void, undefined> {
    const fits = this.#bytes <= this.#maxBytes
    const line = fits ? Buffer.concat(this.#pieces).toString('utf8').replace(/\r$/, '') : ''
    this.#pieces = []
    this.#bytes = 0
    if (!fits) this.#overlong()
    else if (line !== '') yield line
  }

  #keep(piece: Buffer): void {
    this.#bytes += piece.length
    if (this.#bytes > this.#maxBytes) this.#pieces = []
    else if (piece.length > 0) this.#pieces.push(piece)
  }
}

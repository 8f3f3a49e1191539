import { FairQueue } from '../../turns/fair-queue.ts'
import { inNextTurn } from '../../turns/turn.ts'

/** A connection that is read. */
export interface Reader {
  /** Where it comes from. */
  readonly address: string
  /** It is read on. */
  readOn(): void
}

/**
 * So much is read of one connection, and of all together, before everything else has its turn. The system would hand over 2 MiB
 * of each in one go, which takes as long as it takes: with many that send much, everybody else would wait for that.
 */
const maxBytesOfOne = 131_072
const maxBytes = 524_288

/** Of so many that were held up: each is handed 64 KiB at once at least, if it sent so much. */
const maxReadersOn = maxBytes / 65_536

/** What was read of a connection in a turn. */
export class ReadShare {
  /** For {@link ReadTurns}. */
  turn = 0
  bytes = 0
}

/**
 * Divides what is read into turns of the event loop, over all endpoints. Those who had enough of one are read on in the next, as
 * many as it has room for: addresses take turns.
 */
export class ReadTurns {
  readonly #waiting = new FairQueue<Reader>()
  #turn = 0
  #bytes = 0
  #isAwaited = false

  /** So much was read. Answers whether that is enough: then the reader reads no more until it is told to. */
  took(reader: Reader, share: ReadShare, bytes: number): boolean {
    this.#awaitNext()
    if (share.turn !== this.#turn) {
      share.turn = this.#turn
      share.bytes = 0
    }
    share.bytes += bytes
    this.#bytes += bytes
    if (share.bytes < maxBytesOfOne && this.#bytes < maxBytes) return false
    if (!this.awaits(reader)) this.#waiting.add(reader.address, reader)
    return true
  }

  /** Has it had enough for now? */
  awaits(reader: Reader): boolean {
    return this.#waiting.has(reader.address, reader)
  }

  /** It is not read any more. */
  forget(reader: Reader): void {
    this.#waiting.delete(reader.address, reader)
  }

  #awaitNext(): void {
    if (this.#isAwaited) return
    this.#isAwaited = true
    inNextTurn(() => this.#begin())
  }

  #begin(): void {
    this.#turn++
    this.#bytes = 0
    for (let left = maxReadersOn; left > 0; left--) this.#waiting.take()?.readOn()
    this.#isAwaited = false
    if (this.#waiting.size > 0) this.#awaitNext()
  }
}

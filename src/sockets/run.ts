import type { Message, NumberedMessage } from '../protocol/message.ts'
import { p2pTopicLength } from '../protocol/topics.ts'
import { longHeaderBytes, writeHeader } from './zmtp/frame-reader.ts'

/** A longer message is not copied for each subscriber: however many wait for it, it is in memory once. */
const longestCopiedBytes = 65_536

/** Enough for a run of short messages, and for one that is not so short at its end. */
const memoryBytes = 163_840

/** What stands before a message's own bytes at most. */
const longestHeadBytes = longHeaderBytes + p2pTopicLength

/** And behind it, where it says its number: a frame with two numbers, each as long as a number of JavaScript may be. */
const longestNumberBytes = 128

/** Encodes runs of messages, of one subscriber after the other, into the same memory as long as nobody keeps them. */
export class RunEncoder {
  #memory = Buffer.allocUnsafe(memoryBytes)
  /** Where memory begins that may be written to. */
  #free = 0
  /** Where what was written last ends. */
  #end = 0

  /**
   * The bytes of a run, in pieces to be written one after the other: for each message a frame of `P2P + TYPE + " " + JSON`
   * (PROTOCOL "Frames on pub"); and a second frame for those who asked for it, `{"sequence":…,"accepted":…}`.
   *
   * @param topic the p2p topic, as bytes
   * @returns pieces that the next call overwrites unless they are {@link keep kept}
   */
  encode(topic: Buffer, run: readonly Message[]): Buffer[] {
    const pieces: Buffer[] = []
    let from = this.#free
    let at = from
    // All of a subscriber's messages say their number, or none does.
    const [first] = run
    const isNumbered = first !== undefined && 'sequence' in first
    const kind = isNumbered ? 'more' : 'last'
    const mostBytes = isNumbered ? longestHeadBytes + longestNumberBytes : longestHeadBytes
    for (const message of run) {
      const { frame } = message
      const isCopied = frame.length <= longestCopiedBytes
      if (at + mostBytes + (isCopied ? frame.length : 0) > this.#memory.length) {
        pieces.push(this.#memory.subarray(from, at))
        this.#memory = Buffer.allocUnsafe(memoryBytes)
        from = at = this.#free = 0
      }
      at = writeHeader(this.#memory, at, p2pTopicLength + frame.length, kind)
      this.#memory.set(topic, at)
      at += p2pTopicLength
      if (isCopied) {
        this.#memory.set(frame, at)
        at += frame.length
      } else {
        pieces.push(this.#memory.subarray(from, at), frame)
        from = at
      }
      if (isNumbered) at = this.#writeNumber(message as NumberedMessage, at)
    }
    pieces.push(this.#memory.subarray(from, at))
    this.#end = at
    return pieces.filter(piece => piece.length > 0)
  }

  #writeNumber({ sequence, acceptedMs }: NumberedMessage, at: number): number {
    const text = `{"sequence":${sequence},"accepted":${acceptedMs}}`
    const begin = writeHeader(this.#memory, at, text.length)
    return begin + this.#memory.write(text, begin, 'latin1')
  }

  /** The pieces of the last run are still needed: they are not overwritten. */
  keep(): void {
    this.#free = this.#end
  }
}

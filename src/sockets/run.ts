import type { Message } from '../protocol/message.ts'
import { p2pTopicLength } from '../protocol/topics.ts'
import { headerBytesFor, writeHeader } from './zmtp/frame-reader.ts'

/** A longer message is not copied for each subscriber: however many wait for it, it is in memory once. */
const longestCopiedBytes = 65_536

/** Enough for a run of short messages, and for one that is not so short at its end. */
const memoryBytes = 163_840

/** Encodes runs of messages, of one subscriber after the other, into the same memory as long as nobody keeps them. */
export class RunEncoder {
  #memory = Buffer.allocUnsafe(memoryBytes)
  /** Where memory begins that may be written to. */
  #free = 0
  /** Where what was written last ends. */
  #end = 0

  /**
   * The bytes of a run, in pieces to be written one after the other: for each message a frame of `P2P + TYPE + " " + JSON`
   * (PROTOCOL "Frames on pub"). All subscribers share what a message's frames have in common: only the topic is put in for
   * each.
   *
   * @param topic the p2p topic, as bytes
   * @returns pieces that the next call overwrites unless they are {@link keep kept}
   */
  encode(topic: Buffer, run: readonly Message[]): Buffer[] {
    const pieces: Buffer[] = []
    let from = this.#free
    let at = from
    for (const message of run) {
      const shared = sharedFrame(message)
      const topicAt = headerBytesFor(p2pTopicLength + message.bytes)
      const copied = message.bytes > longestCopiedBytes ? topicAt + p2pTopicLength : shared.length
      if (at + copied > this.#memory.length) {
        pieces.push(this.#memory.subarray(from, at))
        this.#memory = Buffer.allocUnsafe(memoryBytes)
        from = at = this.#free = 0
      }
      this.#memory.set(copied < shared.length ? shared.subarray(0, copied) : shared, at)
      this.#memory.set(topic, at + topicAt)
      at += copied
      if (copied === shared.length) continue
      pieces.push(this.#memory.subarray(from, at), shared.subarray(copied))
      from = at
    }
    pieces.push(this.#memory.subarray(from, at))
    this.#end = at
    return pieces.filter(piece => piece.length > 0)
  }

  /** The pieces of the last run are still needed: they are not overwritten. */
  keep(): void {
    this.#free = this.#end
  }
}

/** A message's frame as bytes, with room for the p2p topic. It is kept with the message. */
function sharedFrame(message: Message): Buffer {
  message.encoded ??= encode(message)
  return message.encoded
}

function encode({ frame, bytes }: Message): Buffer {
  const bodyBytes = p2pTopicLength + bytes
  const encoded = Buffer.allocUnsafe(headerBytesFor(bodyBytes) + bodyBytes)
  const topicAt = writeHeader(encoded, 0, bodyBytes)
  // A frame of as many bytes as characters is ASCII, which is copied faster.
  encoded.write(frame, topicAt + p2pTopicLength, bytes === frame.length ? 'latin1' : 'utf8')
  return encoded
}

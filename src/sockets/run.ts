import type { Message } from '../protocol/message.ts'
import { p2pTopicLength } from '../protocol/topics.ts'
import { headerBytesFor, writeHeader } from './zmtp/frame-reader.ts'

/** A longer message is not copied for each subscriber: however many wait for it, it is in memory once. */
const longestCopiedBytes = 65_536

/**
 * A run of messages to one subscriber as bytes to be written one after the other: for each message a frame of
 * `P2P + TYPE + " " + JSON` (PROTOCOL "Frames on pub").
 *
 * All subscribers share what a message's frames have in common: only the topic is put in for each.
 *
 * @param topic the p2p topic, as bytes
 */
export function encodeRun(topic: Buffer, run: readonly Message[]): Buffer[] {
  const pieces: Buffer[] = []
  let from = 0
  for (const [index, message] of run.entries()) {
    if (message.bytes <= longestCopiedBytes) continue
    const bodyAt = headerBytesFor(p2pTopicLength + message.bytes) + p2pTopicLength
    const before = run.slice(from, index)
    pieces.push(copy(topic, before), head(topic, message, bodyAt), sharedFrame(message).subarray(bodyAt))
    from = index + 1
  }
  pieces.push(copy(topic, from === 0 ? run : run.slice(from)))
  return pieces.filter(piece => piece.length > 0)
}

/** What a frame begins with, until its type. */
function head(topic: Buffer, message: Message, bodyAt: number): Buffer {
  const bytes = Buffer.from(sharedFrame(message).subarray(0, bodyAt))
  bytes.set(topic, bodyAt - p2pTopicLength)
  return bytes
}

function copy(topic: Buffer, run: readonly Message[]): Buffer {
  let length = 0
  for (const message of run) length += sharedFrame(message).length
  const bytes = Buffer.allocUnsafe(length)
  let at = 0
  for (const message of run) {
    const shared = sharedFrame(message)
    bytes.set(shared, at)
    bytes.set(topic, at + headerBytesFor(p2pTopicLength + message.bytes))
    at += shared.length
  }
  return bytes
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

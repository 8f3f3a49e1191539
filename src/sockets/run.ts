import type { Message } from '../protocol/message.ts'
import { p2pTopicLength } from '../protocol/topics.ts'
import { headerBytesFor, writeHeader } from './zmtp/frame-reader.ts'

/**
 * The bytes of a run of messages to one subscriber: for each a frame of `P2P + TYPE + " " + JSON` (PROTOCOL "Frames on pub").
 *
 * All subscribers share what a message's frames have in common: only the topic is put in for each.
 *
 * @param topic the p2p topic, as bytes
 */
export function encodeRun(topic: Buffer, run: readonly Message[]): Buffer {
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

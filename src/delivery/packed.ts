import type { Message } from '../protocol/message.ts'

/** Messages may keep so many times the memory that they have themselves. */
const mostKept = 2

/**
 * The same messages, in memory of their own if what they came in is much more than they are. A frame is a piece of what was
 * read, and keeps all of that: a publisher may send little that is kept between much that is refused, and what the log
 * counts would be nothing like what it holds.
 */
export function packed<Packed extends Message>(messages: readonly Packed[]): readonly Packed[] {
  let bytes = 0
  let kept = 0
  let last: ArrayBufferLike | undefined
  for (const { frame } of messages) {
    bytes += frame.length
    // What was read together stands together here.
    if (frame.buffer !== last) kept += frame.buffer.byteLength
    last = frame.buffer
  }
  if (kept <= mostKept * bytes) return messages
  const memory = Buffer.allocUnsafeSlow(bytes)
  let at = 0
  return messages.map(message => {
    const from = at
    at += message.frame.copy(memory, at)
    return { ...message, frame: memory.subarray(from, at) }
  })
}

import type { Message } from '../protocol/message.ts'

/** Messages that arrived together. All subscribers share one batch: a message is never copied. */
export interface Batch {
  readonly messages: readonly Message[]
  /** Sum of the messages' sizes. */
  readonly bytes: number
}

/** A batch that has its place in the log: its messages have consecutive sequence numbers. */
export interface LoggedBatch extends Batch {
  /** Sequence number of its first message. The log's first message ever has number 1. */
  readonly first: number
  /** When it was accepted, in milliseconds since the epoch. */
  readonly acceptedMs: number
}

/** Makes a batch of messages. */
export function batchOf(messages: readonly Message[]): Batch {
  let bytes = 0
  for (const { frame } of messages) bytes += frame.length
  return { messages, bytes }
}

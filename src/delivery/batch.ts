import type { Message } from '../protocol/message.ts'

/** Messages that arrived together. Subscribers with the same interest share one batch: a message is never copied. */
export interface Batch {
  readonly messages: readonly Message[]
  /** Sum of the messages' sizes. */
  readonly bytes: number
}

/** Makes a batch of messages. */
export function batchOf(messages: readonly Message[]): Batch {
  let bytes = 0
  for (const message of messages) bytes += message.bytes
  return { messages, bytes }
}

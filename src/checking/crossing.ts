import type { EnvelopedMessage } from '../protocol/frames.ts'
import type { ManagementReply, ManagementRequest, RequestLimit } from '../protocol/management.ts'
import { framed, type Message } from '../protocol/message.ts'
import type { Refusal } from '../protocol/refusal.ts'
import type { MessageType } from '../protocol/topics.ts'

/** What becomes of a frame on `sub`. */
export type DecodedFrame = Message<MessageType> | EnvelopedMessage | Refusal

/** What becomes of a request. */
export type DecodedRequest = ManagementRequest | ManagementReply

/**
 * Messages as they cross from one thread to another: in columns, for thousands of objects take as many times longer, and with
 * memory that is handed over.
 */
export interface CrossingMessages {
  /** Their frames, one behind the other. */
  readonly frames: Uint8Array
  readonly frameBytes: Uint32Array
  readonly types: readonly MessageType[]
  readonly ids: readonly string[]
  readonly modified: readonly string[]
  readonly removed: readonly boolean[]
}

/** What is counted of what was decoded. */
export interface CrossingCounts {
  /** Limits that a request went beyond. */
  readonly reached: readonly RequestLimit[]
  /** Messages that were upgraded from STIX 2.0. */
  readonly upgraded: number
}

const nothingCounted: CrossingCounts = { reached: [], upgraded: 0 }

/** What the thread that checks answers. */
export type Crossing = CrossingCounts &
  (
    | { readonly kind: 'message' | 'publication'; readonly messages: CrossingMessages }
    | { readonly kind: 'enveloped'; readonly snapshotId: string; readonly messages: CrossingMessages }
    | { readonly kind: 'plain'; readonly plain: Refusal | DecodedRequest }
  )

/** Makes what was decoded ready to cross. */
export function crossing(decoded: DecodedFrame | DecodedRequest, counts: CrossingCounts = nothingCounted): Crossing {
  if ('frame' in decoded) return { ...counts, kind: 'message', messages: crossingMessages([decoded]) }
  if ('snapshotId' in decoded) {
    const { snapshotId, message } = decoded
    return { ...counts, kind: 'enveloped', snapshotId, messages: crossingMessages([message]) }
  }
  if ('messages' in decoded) {
    const { messages, upgraded } = decoded
    return { ...counts, upgraded, kind: 'publication', messages: crossingMessages(messages) }
  }
  return { ...counts, kind: 'plain', plain: decoded }
}

/** What was decoded, after it has crossed. */
export function crossed(answer: Crossing): DecodedFrame | DecodedRequest {
  switch (answer.kind) {
    case 'plain':
      return answer.plain
    case 'publication':
      return { action: 'publish', messages: crossedMessages(answer.messages), upgraded: answer.upgraded }
    case 'enveloped':
      return { snapshotId: answer.snapshotId, message: crossedMessages(answer.messages)[0] as Message<MessageType> }
    case 'message':
      return crossedMessages(answer.messages)[0] as Message<MessageType>
  }
}

/** The memory that is handed over with an answer. */
export function memoryOf(answer: Crossing): ArrayBuffer[] {
  return 'messages' in answer ? [answer.messages.frames.buffer as ArrayBuffer] : []
}

function crossingMessages(messages: readonly Message<MessageType>[]): CrossingMessages {
  // Memory of its own: what is shared with others can't be handed over.
  const frames = Buffer.allocUnsafeSlow(messages.reduce((sum, { frame }) => sum + frame.length, 0))
  let at = 0
  for (const { frame } of messages) at += frame.copy(frames, at)
  return {
    frames,
    frameBytes: Uint32Array.from(messages, ({ frame }) => frame.length),
    types: messages.map(({ type }) => type),
    ids: messages.map(({ object }) => object?.id ?? ''),
    modified: messages.map(({ object }) => object?.modified ?? ''),
    removed: messages.map(({ object }) => object?.removed ?? false),
  }
}

function crossedMessages(messages: CrossingMessages): readonly Message<MessageType>[] {
  const { frames, frameBytes, ids, modified, removed } = messages
  let at = 0
  return messages.types.map((type, index) => {
    const length = frameBytes[index] as number
    const frame = Buffer.from(frames.buffer, frames.byteOffset + at, length)
    at += length
    const object = {
      id: ids[index] as string,
      modified: modified[index] as string,
      removed: removed[index] as boolean,
    }
    return framed(type, frame, { object })
  })
}

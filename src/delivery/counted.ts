import type { FrameType, Message } from '../protocol/message.ts'

/**
 * What is counted of a message, in two bits: 0 if it is for one subscriber alone, or not there; else its type, from 1 on.
 */
export type TypeCode = 0 | 1 | 2 | 3

/** Messages of one type that are for one subscriber alone or, if they are requests for snapshots, for all but it; close together. */
export interface AddressedRun {
  /** Its p2p topic. */
  readonly topic: string
  readonly type: FrameType
  /** Sequence number of the first, and that which follows the last. */
  readonly first: number
  readonly end: number
  readonly count: number
}

/** What is known of the messages of a part of the log. */
export interface CountedPart {
  /** Sequence number of the first. */
  readonly first: number
  readonly codes: readonly TypeCode[] | Uint8Array
  /** Those that are for one subscriber alone, or for all but one. */
  readonly addressed: readonly AddressedRun[]
}

/** What is counted of messages of a type, unless they are for one subscriber alone. */
export const typeCodes: Readonly<Record<FrameType, TypeCode>> = { indicator: 1, sighting: 2, snapshotrequest: 3 }

/** What is counted of a message. */
export function typeCodeOf({ type, audience }: Pick<Message, 'type' | 'audience'>): TypeCode {
  return audience !== undefined && 'only' in audience ? 0 : typeCodes[type]
}

/** Those of these messages, which have consecutive sequence numbers, that are for one subscriber alone, or for all but one. */
export function addressedIn(messages: Iterable<Pick<Message, 'type' | 'audience'>>, first: number): AddressedRun[] {
  const runs: AddressedRun[] = []
  let sequence = first
  for (const { type, audience } of messages) {
    const topic = audience && ('only' in audience ? audience.only : audience.except)
    const last = runs.at(-1)
    if (last?.end === sequence && last.topic === topic && last.type === type) {
      runs[runs.length - 1] = { ...last, end: sequence + 1, count: last.count + 1 }
    } else if (topic !== undefined) runs.push({ topic, type, first: sequence, end: sequence + 1, count: 1 })
    sequence++
  }
  return runs
}

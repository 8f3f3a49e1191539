import { MessageLog } from '../../src/delivery/message-log.ts'
import { Supplies } from '../../src/delivery/supplies.ts'
import { type Message, messageOf } from '../../src/protocol/message.ts'
import type { Interest, MessageType } from '../../src/protocol/topics.ts'
import type { MemoryStore } from './memory-store.ts'

/** Bytes of each message's frame. */
export const frameBytes = 20

/** A log of which little is in memory, with or without a store behind it. */
export function openLog(store: MemoryStore | undefined, maxRecentMessages = 12) {
  const log = new MessageLog(store, { maxRecentMessages, maxRecentBytes: 1e9, durability: 'background' })
  const supplies =
    store &&
    new Supplies(store, {
      ...{ maxHeld: 2, cachedBytes: 500, maxSelections: 2, turnMs: 0, maxPerAddress: 2 },
      betweenPages: async () => {},
    })
  return { log, supplies }
}

let serial = 0

/** A message that differs from all others. */
export function numbered(type: MessageType): Message<MessageType> {
  const body = String(serial++).padStart(frameBytes - type.length - 1, '0')
  // Versions are compared as text.
  const modified = String(serial).padStart(12, '0')
  return messageOf(type, body, { object: { id: `${type}--${serial % 7}`, modified, removed: false } })
}

/** Is this for somebody with this interest? */
export function wantedBy(interest: Interest): (message: { readonly type: string }) => boolean {
  return ({ type }) => interest === 'both' || type === interest
}

/** The frames of messages, as text. */
export function framesOf(messages: readonly Message[]): string[] {
  return messages.map(({ frame }) => String(frame))
}

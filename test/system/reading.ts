import type { BusMessage, MessageType, Subscription } from '../../src/index.ts'

/** Reads so many messages, and answers them. The subscription stays open. */
export async function read<Type extends MessageType, Custom extends object>(
  subscription: Subscription<Type, Custom>,
  count: number,
): Promise<BusMessage<Type, Custom>[]> {
  const iterator = subscription[Symbol.asyncIterator]()
  const messages: BusMessage<Type, Custom>[] = []
  while (messages.length < count) {
    const { done, value } = await iterator.next()
    if (done) break
    messages.push(value)
  }
  return messages
}

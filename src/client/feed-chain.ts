import type { Grant } from '../../machines/vocabulary-client.ts'
import { Feed, type FeedEvents, type Parts } from '../sockets/client/feed.ts'

/** Messages that came under one p2p topic. */
export interface Batch {
  /** None when there will be no more. */
  readonly messages: readonly Parts[]
  /** Length of the p2p topic that each begins with, in bytes. */
  readonly topicBytes: number
  /** Some may be there that came under the topic before: by their number. */
  readonly mayRepeat: boolean
}

const noMore: Batch = { messages: [], topicBytes: 0, mayRepeat: false }

/**
 * What one subscription receives, over all the p2p topics it has had. When it is granted another one, what the former
 * still holds is read first: to the reader it is one stream, in order.
 */
export class FeedChain {
  readonly #highWaterMark: number
  readonly #events: FeedEvents
  #taken = 0
  /** The first is being read, those behind it wait for it to end. */
  readonly #feeds: { readonly feed: Feed; readonly topicBytes: number; readonly mayRepeat: boolean }[] = []

  /** `highWaterMark` is how many messages each connection may hold. */
  constructor(highWaterMark: number, events: FeedEvents) {
    this.#highWaterMark = highWaterMark
    this.#events = events
  }

  /** Joins a granted topic. Nothing new is expected under those before it, and what becomes of their connections is not told. */
  join({ pubAddress, topic, continues }: Grant): void {
    const former = [...this.#feeds]
    const feed: Feed = new Feed(pubAddress, topic, this.#highWaterMark, {
      broke: () => this.#isLast(feed) && this.#events.broke(),
      reconnected: () => this.#isLast(feed) && this.#events.reconnected(),
    })
    this.#feeds.push({ feed, topicBytes: Buffer.byteLength(topic), mayRepeat: continues === true })
    for (const { feed } of former) feed.retire()
  }

  #isLast(feed: Feed): boolean {
    return this.#feeds.at(-1)?.feed === feed
  }

  /** How many messages were received in all. */
  get taken(): number {
    return this.#taken
  }

  /** How many messages came under the topic that was granted last. Undefined: that can't be said while its connection is broken. */
  async received(): Promise<number | undefined> {
    const feed = this.#feeds.at(-1)?.feed
    return feed === undefined ? 0 : feed.received()
  }

  /** Waits for messages, and answers at most so many. One call at a time. */
  async receive(atMost: number): Promise<Batch> {
    for (let first = this.#feeds[0]; first !== undefined; first = this.#feeds[0]) {
      const messages = await first.feed.receive(atMost)
      this.#taken += messages.length
      const { topicBytes, mayRepeat } = first
      if (messages.length > 0) return { messages, topicBytes, mayRepeat }
      this.#feeds.shift()
    }
    return noMore
  }

  /** Leaves all topics. What was not read is gone, and a pending {@link receive} answers that there is no more. */
  leave(): void {
    for (const { feed } of this.#feeds) feed.close()
  }
}

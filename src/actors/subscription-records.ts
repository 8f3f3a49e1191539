import type { SubscriberContext } from '../../machines/vocabulary.ts'
import type { StoredSubscription } from '../history/stored-subscription.ts'
import type { Subscription } from './subscriber.ts'

/** Where records of subscriptions are kept, so that the next broker finds them. */
export interface RecordStore {
  put(record: StoredSubscription): void
  /** Only where the subscriber stands in the log changed. */
  move(topic: string, position: number, frames: number): void
  remove(topic: string): void
  /** Fulfilled when everything survives this process; rejects while that can't be had. */
  written(): Promise<void>
}

/** Keeps on disk what a restart must not forget of subscriptions. */
export class SubscriptionRecords {
  readonly #store: RecordStore
  /** The ids of the snapshot exchanges that are open for a p2p topic. */
  readonly #exchangesOf: (topic: string) => readonly string[]
  /** What was written last of what changes unnoticed, by p2p topic. */
  readonly #written = new Map<string, { readonly position: number; readonly confirms: boolean }>()

  constructor(store: RecordStore, exchangesOf: (topic: string) => readonly string[]) {
    this.#store = store
    this.#exchangesOf = exchangesOf
  }

  /** Writes down all of a subscription. */
  write({ topic, topics, snapshot, queue }: Subscription, { sendsHeartbeats, staleSinceMs }: SubscriberContext): void {
    const { position, frames } = queue.settled
    const { confirms, unsentFrom } = queue
    this.#written.set(topic, { position, confirms })
    const exchanges = this.#exchangesOf(topic)
    const optional = {
      ...(snapshot && { snapshot }),
      ...(unsentFrom !== undefined && { unsentFrom }),
      ...(staleSinceMs !== undefined && { staleSinceMs }),
    }
    this.#store.put({ topic, topics, exchanges, position, frames, confirms, sendsHeartbeats, ...optional })
  }

  /** This is what was written last of a subscription: nothing of it changed since. */
  know({ topic, position, confirms }: StoredSubscription): void {
    this.#written.set(topic, { position, confirms })
  }

  /** Writes down where subscribers stand that have moved on. */
  movePositions(subscriptions: Iterable<Subscription>): void {
    for (const subscription of subscriptions) {
      const { topic, queue, actor } = subscription
      const { position, frames } = queue.settled
      const written = this.#written.get(topic)
      if (written?.confirms !== queue.confirms) this.write(subscription, actor.getSnapshot().context)
      else if (written.position !== position) {
        this.#written.set(topic, { position, confirms: queue.confirms })
        this.#store.move(topic, position, frames)
      }
    }
  }

  /** Fulfilled when everything survives this process, or can't be made to: that is said loudly elsewhere. Never rejects. */
  async written(): Promise<void> {
    await this.#store.written().catch(() => {})
  }

  /** The subscription is no more. */
  erase(topic: string): void {
    this.#written.delete(topic)
    this.#store.remove(topic)
  }
}

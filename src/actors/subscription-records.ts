import type { SubscriberContext } from '../../machines/vocabulary.ts'
import type { StoredSubscription } from '../history/subscriptions/stored-subscription.ts'
import { type StoredStanding, storedStanding } from './standing-record.ts'
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

/** Who subscribes is not kept waiting longer than this for the disk: applications give up after a second at the earliest. */
const patienceMs = 750

/** Keeps on disk what a restart must not forget of subscriptions. */
export class SubscriptionRecords {
  readonly #store: RecordStore
  /** The ids of the snapshot exchanges that are open for a p2p topic. */
  readonly #exchangesOf: (topic: string) => readonly string[]
  /** What was written last of what changes unnoticed, by p2p topic. */
  readonly #written = new Map<string, { readonly standing: StoredStanding; bytesSince: number }>()
  readonly #bytesUnwritten: number
  /** How many waited in vain and are still not written. */
  #overdue = 0

  /** @param bytesUnwritten where a subscriber stands is written at the latest when it has received so many more bytes */
  constructor(store: RecordStore, bytesUnwritten: number, exchangesOf: (topic: string) => readonly string[]) {
    this.#store = store
    this.#bytesUnwritten = bytesUnwritten
    this.#exchangesOf = exchangesOf
  }

  /** Writes down all of a subscription. */
  write(subscription: Subscription, { sendsHeartbeats, staleSinceMs, hasJoined }: SubscriberContext): void {
    const { topic, address, subscribedMs, topics, snapshot, numbered, queue } = subscription
    const standing = storedStanding(queue.record)
    this.#written.set(topic, { standing, bytesSince: 0 })
    const exchanges = this.#exchangesOf(topic)
    const optional = {
      ...(address !== undefined && { address }),
      ...(subscribedMs !== undefined && { subscribedMs }),
      ...(snapshot && { snapshot }),
      ...(numbered && { numbered }),
      ...(staleSinceMs !== undefined && { staleSinceMs }),
      ...(hasJoined ? {} : { neverJoined: true as const }),
    }
    this.#store.put({ topic, topics, exchanges, ...standing, sendsHeartbeats, ...optional })
  }

  /** This is what was written last of a subscription: nothing of it changed since. */
  know(record: StoredSubscription): void {
    this.#written.set(record.topic, { standing: record, bytesSince: 0 })
  }

  /** A subscriber is known to have received so many bytes more. What is not written, a crash makes it get again. */
  received(subscription: Subscription, bytes: number): void {
    const written = this.#written.get(subscription.topic)
    if (written === undefined) return
    written.bytesSince += bytes
    if (written.bytesSince >= this.#bytesUnwritten) this.movePosition(subscription)
  }

  /** Writes down where a subscriber stands, if it has moved on. */
  movePosition(subscription: Subscription): void {
    const { topic, queue, actor } = subscription
    const standing = storedStanding(queue.record)
    const written = this.#written.get(topic)?.standing
    const isPlain = standing.places === undefined && written?.places === undefined
    if (!isPlain || written?.confirms !== standing.confirms || written.unsentFrom !== standing.unsentFrom) {
      if (JSON.stringify(written) !== JSON.stringify(standing)) this.write(subscription, actor.getSnapshot().context)
    } else if (written.position !== standing.position) {
      this.#written.set(topic, { standing, bytesSince: 0 })
      this.#store.move(topic, standing.position, standing.frames)
    }
  }

  /** Writes down where subscribers stand that have moved on. */
  movePositions(subscriptions: Iterable<Subscription>): void {
    for (const subscription of subscriptions) this.movePosition(subscription)
  }

  /** Fulfilled when everything survives this process, or can't be made to: that is said loudly elsewhere. Never rejects. */
  async written(): Promise<void> {
    await this.#store.written().catch(() => {})
  }

  /** Did it take too long to write something that still isn't written? Then nobody else shall begin to wait. */
  get isOverdue(): boolean {
    return this.#overdue > 0
  }

  /** As {@link written}; false if it takes too long for who subscribes. */
  writtenInTime(): Promise<boolean> {
    return new Promise(resolve => {
      const late = () => {
        this.#overdue++
        written.then(() => void this.#overdue--)
        resolve(false)
      }
      const timer = setTimeout(late, patienceMs)
      const written = this.written().then(() => {
        clearTimeout(timer)
        resolve(true)
      })
    })
  }

  /** The subscription is no more. */
  erase(topic: string): void {
    this.#written.delete(topic)
    this.#store.remove(topic)
  }
}

import { type AnyActorRef, createActor } from 'xstate'
import type { subscriberChart } from '../../machines/subscriber.ts'
import type { Egress } from '../delivery/egress.ts'
import type { MessageLog } from '../delivery/message-log.ts'
import { Queue, type SnapshotRange } from '../delivery/queue.ts'
import type { Supplies } from '../delivery/supplies.ts'
import type { StoredSubscription } from '../history/stored-subscription.ts'
import { drawP2pTopic, interestOf, shortened } from '../protocol/topics.ts'
import type { Subscription } from './subscriber.ts'

/** What subscribers read, and what is told of it. */
export interface SubscribersSurroundings {
  readonly log: MessageLog
  readonly egress: Egress
  /** Undefined if there is no history. */
  readonly supplies: Supplies | undefined
  /** What a connection may hold that its subscriber has not received. */
  readonly inFlightBytes: number
  /** A subscriber came to a place in the log where so many messages are not there any more. */
  missed(topic: string, messages: number): void
}

/** How a new subscription begins. */
export interface SubscriptionStart {
  readonly topics: readonly string[]
  /** The snapshot from the history, and where in the log it may begin; undefined: none is wanted. */
  readonly snapshot: (SnapshotRange & { readonly from: number }) | undefined
  /** Will its heartbeats say how many frames it received? */
  readonly confirms: boolean
  /** Snapshot exchanges that are about to be opened. */
  readonly openSnapshots: number
}

/** Every subscription of this broker, by its p2p topic. */
export class Subscribers {
  readonly #subscriptions = new Map<string, Subscription>()
  readonly #surroundings: SubscribersSurroundings

  constructor(surroundings: SubscribersSurroundings) {
    this.#surroundings = surroundings
  }

  get size(): number {
    return this.#subscriptions.size
  }

  [Symbol.iterator](): IterableIterator<Subscription> {
    return this.#subscriptions.values()
  }

  /** The subscription of a p2p topic. */
  find(topic: string): Subscription | undefined {
    return this.#subscriptions.get(topic)
  }

  /** Opens a subscription under a fresh p2p topic. */
  open(logic: typeof subscriberChart, supervisor: AnyActorRef, start: SubscriptionStart): Subscription {
    const { topics, snapshot, confirms, openSnapshots } = start
    const { log } = this.#surroundings
    const position = snapshot?.from ?? log.next
    const record = { topic: drawP2pTopic(), topics, ...(snapshot && { snapshot }), exchanges: [], position, frames: 0 }
    const subscription = this.#start(logic, supervisor, { ...record, confirms, sendsHeartbeats: false }, openSnapshots)
    // Nothing was sent yet: where it is needs no asking.
    if (confirms) subscription.queue.confirm(0)
    return subscription
  }

  /** Opens a subscription that an earlier broker gave, where that one left it. */
  restore(logic: typeof subscriberChart, supervisor: AnyActorRef, record: StoredSubscription): Subscription {
    const staleSinceMs = record.staleSinceMs ?? Date.now()
    // What a crash lost of the log is no part of the snapshot: what takes its place is live.
    const last = this.#surroundings.log.next - 1
    const { snapshot } = record
    const remaining = snapshot && { ...snapshot, upTo: Math.min(snapshot.upTo, last) }
    return this.#start(
      logic,
      supervisor,
      { ...record, ...(remaining && { snapshot: remaining }), staleSinceMs },
      record.exchanges.length,
    )
  }

  /**
   * Starts the actor as a child of `supervisor`. Not by `spawn`: that copies the list of siblings each time, and ten
   * thousand subscribers would wait for each other.
   */
  #start(
    logic: typeof subscriberChart,
    supervisor: AnyActorRef,
    record: StoredSubscription,
    openSnapshots: number,
  ): Subscription {
    const { log, egress, supplies, inFlightBytes, missed } = this.#surroundings
    const { topic, topics, position, frames, snapshot, confirms, unsentFrom, sendsHeartbeats, staleSinceMs } = record
    const start = {
      topic,
      interest: interestOf(topics),
      position,
      frames,
      snapshot,
      confirms,
      unsentFrom,
      inFlightBytes,
    }
    const queue = new Queue(log, start, {
      filled: () => egress.filled(outlet),
      replayed: () => actor.send({ type: 'history.replayed' }),
      missed: messages => missed(topic, messages),
    })
    const actor = createActor(logic, {
      id: `subscriber.${shortened(topic)}`,
      parent: supervisor,
      input: { topic, openSnapshots, sendsHeartbeats, staleSinceMs },
    })
    const outlet = {
      queue,
      topic,
      filled: () => actor.send({ type: 'connection.filled' }),
      starved: () => actor.send({ type: 'queue.starved' }),
      turnEnded: () => (supplies === undefined ? queue.rest() : supplies.turnEnded(queue)),
    }
    const subscription = { topic, topics, snapshot, queue, outlet, actor }
    this.#subscriptions.set(topic, subscription)
    actor.start()
    return subscription
  }

  /** Forgets a subscription: it hears nothing any more. */
  forget(topic: string): void {
    const subscription = this.#subscriptions.get(topic)
    if (subscription === undefined) return
    const { egress, supplies } = this.#surroundings
    egress.close(subscription.outlet)
    subscription.queue.close()
    supplies?.selections.forget(topic)
    this.#subscriptions.delete(topic)
  }

  /** Suspends every subscription. */
  stopAll(): void {
    for (const { actor } of this) actor.send({ type: 'broker.stopped' })
  }
}

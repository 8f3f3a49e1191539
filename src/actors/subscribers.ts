import { type AnyActorRef, createActor } from 'xstate'
import type { subscriberChart } from '../../machines/subscriber.ts'
import type { Batch } from '../delivery/batch.ts'
import { Queue, type QueueBounds } from '../delivery/queue.ts'
import type { RoutingTable } from '../delivery/routing.ts'
import { drawP2pTopic, interestOf, p2pTopicLength, shortened } from '../protocol/topics.ts'
import type { Subscription } from './subscriber.ts'

/** What the operator is told of queues. */
export interface QueueStory {
  /** A subscriber's queue is full; messages are being dropped. */
  overflowed(topic: string): void
  /** The queue is empty again, after so many messages were dropped. */
  recovered(topic: string, dropped: number): void
}

/** Every subscription of this broker, by its p2p topic. */
export class Subscribers {
  readonly #subscriptions = new Map<string, Subscription>()
  /** Joined SUB sockets by p2p topic; topics without any have no entry. */
  readonly #sockets = new Map<string, number>()
  readonly #routing: RoutingTable
  readonly #bounds: QueueBounds
  readonly #story: QueueStory

  constructor(routing: RoutingTable, bounds: QueueBounds, story: QueueStory) {
    this.#routing = routing
    this.#bounds = bounds
    this.#story = story
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

  /**
   * Opens a subscription under a fresh p2p topic and starts its actor as a child of `supervisor`. Not by `spawn`: that
   * copies the list of siblings each time, and ten thousand subscribers would wait for each other.
   */
  open(
    logic: typeof subscriberChart,
    supervisor: AnyActorRef,
    topics: readonly string[],
    openSnapshots: number,
  ): Subscription {
    const topic = drawP2pTopic()
    const queue = new Queue(this.#bounds, {
      filled: () => actor.send({ type: 'queue.filled' }),
      overflowed: () => this.#story.overflowed(topic),
      recovered: dropped => this.#story.recovered(topic, dropped),
    })
    const actor = createActor(logic, {
      id: `subscriber.${shortened(topic)}`,
      parent: supervisor,
      input: { topic, openSnapshots },
    })
    const outlet = { queue, topic, refused: () => actor.send({ type: 'send.refused' }) }
    const subscription = { topic, topics, queue, outlet, actor }
    this.#subscriptions.set(topic, subscription)
    this.#routing.add(queue, interestOf(topics))
    actor.start()
    return subscription
  }

  /** Forgets a subscription: nothing is routed to it any more. */
  forget(topic: string): void {
    const subscription = this.#subscriptions.get(topic)
    if (subscription === undefined) return
    this.#routing.remove(subscription.queue)
    this.#subscriptions.delete(topic)
    this.#sockets.delete(topic)
    subscription.queue.clear()
  }

  /** Ends every subscription. */
  stopAll(): void {
    for (const { actor } of this) actor.send({ type: 'broker.stopped' })
  }

  /** Pushes a batch onto the queue of every subscriber but one. */
  pushToOthers(topic: string, batch: Batch): void {
    for (const subscription of this) if (subscription.topic !== topic) subscription.queue.push(batch)
  }

  /** May a peer that subscribes to `prefix` on `pub` be heard? Only if it names a whole p2p topic that is subscribed now. */
  admits(prefix: string): boolean {
    return this.#subscriptions.has(p2pTopicOf(prefix))
  }

  /** A SUB socket's subscription to `prefix` was admitted. */
  joined(prefix: string): void {
    const topic = p2pTopicOf(prefix)
    this.#sockets.set(topic, (this.#sockets.get(topic) ?? 0) + 1)
    this.find(topic)?.actor.send({ type: 'socket.joined' })
  }

  /** A SUB socket's subscription to `prefix` ended. The subscriber hears of it when it was the last one. */
  left(prefix: string): void {
    const topic = p2pTopicOf(prefix)
    const sockets = this.#sockets.get(topic)
    if (sockets === undefined) return
    if (sockets > 1) this.#sockets.set(topic, sockets - 1)
    else {
      this.#sockets.delete(topic)
      this.find(topic)?.actor.send({ type: 'socket.left' })
    }
  }
}

/** A SUB socket subscribes to its p2p topic, or to that and a type (PROTOCOL "Frames on pub"). */
function p2pTopicOf(prefix: string): string {
  return prefix.slice(0, p2pTopicLength)
}

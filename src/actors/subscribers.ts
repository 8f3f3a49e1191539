import { type AnyActorRef, createActor } from 'xstate'
import type { connectionChart } from '../../machines/connection.ts'
import type { subscriberChart } from '../../machines/subscriber.ts'
import type { SubscriberInput } from '../../machines/vocabulary.ts'
import type { Line } from '../delivery/delivery.ts'
import type { Egress } from '../delivery/egress.ts'
import type { MessageLog } from '../delivery/message-log.ts'
import type { SnapshotRange } from '../delivery/message-store.ts'
import { Queue, type QueueBounds, type QueueStart } from '../delivery/queue.ts'
import type { Supplies } from '../delivery/supplies.ts'
import type { StoredSubscription } from '../history/subscriptions/stored-subscription.ts'
import { drawP2pTopic, interestOf, type MessageType, shortened } from '../protocol/topics.ts'
import { type ConnectionEvents, Connections } from './connections.ts'
import { Shares } from './shares.ts'
import { standingIn } from './standing-record.ts'
import type { Subscription } from './subscriber.ts'

/** What subscribers read, and what is told of it. */
export interface SubscribersSurroundings {
  readonly log: MessageLog
  readonly egress: Egress
  /** Undefined if there is no history. */
  readonly supplies: Supplies | undefined
  /** How many connections each may have, and what may be under way on one. */
  readonly bounds: QueueBounds
  /** The connections' charts. */
  connection(): typeof connectionChart
  /** So many bytes more are known to be received. */
  received(subscription: Subscription, bytes: number): void
  /** What of a subscription has to outlive the process has changed. */
  changed(subscription: Subscription): void
  /** A subscriber came to a place in the log where so many messages are not there any more. */
  missed(topic: string, messages: number): void
  /** A connection had to leave its topic for a newer one. */
  crowdedOut(topic: string): void
}

/** How a new subscription begins. */
export interface SubscriptionStart {
  /** Where it is subscribed from, as it is counted. */
  readonly address: string
  readonly topics: readonly string[]
  /** The snapshot from the history, and where in the log it may begin; undefined: none is wanted. */
  readonly snapshot: (SnapshotRange & { readonly from: number }) | undefined
  /** Will its heartbeats say how many frames it received? */
  readonly confirms: boolean
  /** Do its messages say their number? */
  readonly numbered?: true | undefined
  /** Snapshot exchanges that are about to be opened. */
  readonly openSnapshots: number
}

/** What is known of a subscription from its beginning. */
type Told = Pick<Subscription, 'address' | 'subscribedMs' | 'topics' | 'snapshot' | 'numbered'>

/** Every subscription of this broker, by its p2p topic. */
export class Subscribers {
  /** Who holds them. */
  readonly shares = new Shares()
  /** Hears, while somebody wants to know, of each subscriber for whom less may wait, or be on its way, than before. */
  onProgress: ((subscription: Subscription) => void) | undefined
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
    const { address, topics, snapshot, confirms, numbered, openSnapshots } = start
    const position = snapshot?.from ?? this.#surroundings.log.next
    const topic = drawP2pTopic()
    const input = { topic, openSnapshots, sendsHeartbeats: false, staleSinceMs: undefined, hasJoined: false }
    const told = { address, subscribedMs: Date.now(), topics, snapshot, numbered }
    return this.#start(logic, supervisor, input, { told, fresh: { position, confirms } })
  }

  /** Opens a subscription that an earlier broker gave, where that one left it. */
  restore(logic: typeof subscriberChart, supervisor: AnyActorRef, record: StoredSubscription): Subscription {
    // A time that is still to come was read from a clock that was wrong.
    const nowMs = Date.now()
    const staleSinceMs = Math.min(record.staleSinceMs ?? nowMs, nowMs)
    // What a crash lost of the log is no part of the snapshot: what takes its place is live.
    const last = this.#surroundings.log.next - 1
    const { topic, address, subscribedMs, topics, snapshot, numbered } = record
    const { sendsHeartbeats, exchanges, neverJoined = false } = record
    const remaining = snapshot && { ...snapshot, upTo: Math.min(snapshot.upTo, last) }
    const input = { topic, openSnapshots: exchanges.length, sendsHeartbeats, staleSinceMs, hasJoined: !neverJoined }
    const told = { address, subscribedMs, topics, snapshot: remaining, numbered }
    return this.#start(logic, supervisor, input, { told, restored: standingIn(record) })
  }

  /** A connection subscribes to a p2p topic. Undefined: it is nobody's. */
  connect(topic: string, line: Line): ConnectionEvents | undefined {
    return this.#subscriptions.get(topic)?.connections.open(line)
  }

  /**
   * Starts the actor as a child of `supervisor`. Not by `spawn`: that copies the list of siblings each time, and ten
   * thousand subscribers would wait for each other.
   */
  #start(
    logic: typeof subscriberChart,
    supervisor: AnyActorRef,
    input: SubscriberInput,
    { told, ...start }: { readonly told: Told } & Pick<QueueStart, 'fresh' | 'restored'>,
  ): Subscription {
    const { log, egress, supplies, bounds, missed, connection, received, changed, crowdedOut } = this.#surroundings
    const { topic } = input
    const { topics, snapshot, address, numbered } = told
    const reader = {
      ...{ topic, address: address ?? '', interest: interestOf(topics), snapshot, isNumbered: numbered ?? false },
      selected: (type: MessageType, from: number) =>
        snapshot && supplies?.selections.known(snapshot)?.within(snapshot, [type]).countFrom(from),
    }
    const queue = new Queue(
      log,
      { ...reader, ...start, bounds },
      {
        filled: delivery => {
          for (const { open } of connections) if (open?.delivery === delivery) egress.filled(open.outlet)
        },
        replayed: () => {
          supplies?.selections.forget(topic)
          actor.send({ type: 'history.replayed' })
        },
        missed: messages => missed(topic, messages),
      },
    )
    const actor = createActor(logic, { id: `subscriber.${shortened(topic)}`, parent: supervisor, input })
    const connections = new Connections(queue, {
      egress,
      supplies,
      logic: connection,
      subscriber: () => actor,
      isThere: () => this.#subscriptions.get(topic) === subscription && !actor.getSnapshot().matches('suspended'),
      joined: () => {
        if (address !== undefined) this.shares.joined(address, topic)
        actor.send({ type: 'socket.joined' })
      },
      left: () => actor.send({ type: 'socket.left' }),
      received: bytes => received(subscription, bytes),
      changed: () => changed(subscription),
      progressed: () => this.onProgress?.(subscription),
      crowdedOut: () => crowdedOut(topic),
    })
    const subscription = { topic, ...told, queue, connections, actor }
    this.#subscriptions.set(topic, subscription)
    if (address !== undefined) this.shares.opened(address, topic, input.hasJoined)
    actor.start()
    return subscription
  }

  /** Forgets a subscription: it hears nothing any more. */
  forget(topic: string): void {
    const subscription = this.#subscriptions.get(topic)
    if (subscription === undefined) return
    subscription.connections.close()
    subscription.queue.close()
    this.#surroundings.log.forget(topic)
    this.#surroundings.supplies?.selections.forget(topic)
    this.#subscriptions.delete(topic)
    if (subscription.address !== undefined) this.shares.ended(subscription.address, topic)
    this.onProgress?.(subscription)
  }

  /** Suspends every subscription, and ends its connections' actors: once no timers are left, through which XState looks then. */
  stopAll(): void {
    for (const { actor } of this) actor.send({ type: 'broker.stopped' })
    for (const { connections } of this) connections.send({ type: 'connection.closed' })
    for (const { connections } of this) connections.dismiss()
  }
}

import type { AnyActorRef } from 'xstate'
import type { snapshotExchangeChart } from '../../machines/snapshot-exchange.ts'
import type { subscriberChart } from '../../machines/subscriber.ts'
import type { SnapshotOutcome, SubscriberContext } from '../../machines/vocabulary.ts'
import type { MessageLog } from '../delivery/message-log.ts'
import type { StoredSubscription } from '../history/subscriptions/stored-subscription.ts'
import type { Since } from '../protocol/management.ts'
import { keptTopics } from '../protocol/topics.ts'
import { inSlices } from '../turns/slices.ts'
import { type SnapshotExchanges, snapshotWish } from './snapshot-exchanges.ts'
import { standingIn, storedStanding } from './standing-record.ts'
import type { Subscription } from './subscriber.ts'
import type { Subscribers } from './subscribers.ts'
import type { SubscriptionRecords } from './subscription-records.ts'

const msPerDay = 86_400_000

/** Snapshots begin with a full minute: those that are asked for shortly after each other are of one range. */
const msPerMinute = 60_000

/** What an application asked for. */
export interface SubscriptionWish {
  /** Where it is, as it is counted. */
  readonly address: string
  readonly topics: readonly string[]
  readonly snapshotDays: number
  /** Will its heartbeats say how many frames it received? */
  readonly confirms: boolean
  /** Do its messages say their number? */
  readonly numbered?: true
  /** Where in the history it begins. */
  readonly since?: Since
}

/** What it takes to open a subscription. */
export interface SubscribingSurroundings {
  readonly subscribers: Subscribers
  readonly exchanges: SnapshotExchanges
  readonly log: MessageLog
  /** Sequence number of the oldest message that a snapshot can have; undefined if there is no history. */
  readonly oldest: () => number | undefined
  /** Sequence number from which on there may be messages that were accepted at this time or later, in milliseconds since the epoch. */
  firstSince(ms: number): number
  /** The time, in milliseconds since the epoch: rather too early, so that a snapshot lacks nothing. */
  nowMs(): number
  /** Undefined if there is no history: then subscriptions end with the process. */
  readonly records: SubscriptionRecords | undefined
  /** The actors' parent. */
  supervisor(): AnyActorRef
  subscriber(): typeof subscriberChart
  snapshotExchange(): typeof snapshotExchangeChart
  /** Hears of each snapshot exchange that was closed. */
  snapshotClosed(closed: ClosedSnapshot): void
}

/** A snapshot exchange that is no more. */
export interface ClosedSnapshot {
  readonly snapshotId: string
  /** The p2p topic of the subscriber that asked. */
  readonly requester: string
  readonly outcome: SnapshotOutcome
  /** How long it was open. */
  readonly seconds: number
}

/** Opens, restores and ends subscriptions, with the snapshot exchanges and the records that go with them. */
export class Subscribing {
  readonly #surroundings: SubscribingSurroundings

  constructor(surroundings: SubscribingSurroundings) {
    this.#surroundings = surroundings
  }

  /** Opens a subscription, which has to be {@link confirm}ed or {@link undo}ne. */
  open({ address, topics, snapshotDays, confirms, numbered, since }: SubscriptionWish): Subscription {
    const { subscribers, records, supervisor, subscriber } = this.#surroundings
    const snapshot = since === undefined ? this.#snapshotOf(snapshotDays) : this.#everythingSince(since)
    const subscription = subscribers.open(subscriber(), supervisor(), {
      address,
      topics: keptTopics(topics),
      snapshot,
      confirms,
      numbered,
      openSnapshots: snapshotWish(topics, snapshotDays) ? 1 : 0,
    })
    records?.write(subscription, subscription.actor.getSnapshot().context)
    return subscription
  }

  #snapshotOf(days: number): Subscription['snapshot'] {
    const { log, oldest, nowMs } = this.#surroundings
    const from = days > 0 ? oldest() : undefined
    const sinceMs = Math.floor((nowMs() - days * msPerDay) / msPerMinute) * msPerMinute
    return from === undefined ? undefined : { from, sinceMs, upTo: log.next - 1 }
  }

  /** What there is of the history from there on: what is older than that is not missed. */
  #everythingSince(since: Since): Subscription['snapshot'] {
    const { log, oldest, firstSince } = this.#surroundings
    const [first, sinceMs] = 'ms' in since ? [firstSince(since.ms), since.ms] : [since.sequence + 1, 0]
    const from = Math.min(log.next, Math.max(first, oldest() ?? log.next))
    return { from, sinceMs, upTo: log.next - 1, everything: true }
  }

  /** A subscription is given to who wished it: others are asked for the snapshot that belongs to it. */
  confirm({ topic, actor }: Subscription, { topics, snapshotDays }: SubscriptionWish): void {
    const { exchanges, supervisor, snapshotExchange } = this.#surroundings
    const wish = snapshotWish(topics, snapshotDays)
    if (wish === undefined) return
    exchanges.open(snapshotExchange(), supervisor(), topic, wish)
    this.note(actor.getSnapshot().context)
  }

  /** A subscription was given to nobody: nothing is left of it. */
  undo({ actor }: Subscription): void {
    actor.send({ type: 'subscribe.undone' })
  }

  /**
   * Opens the subscriptions that an earlier broker gave, where that one left them. Fulfilled when what is new about them is
   * on disk: before anything is added to a log that a crash may have shortened.
   */
  async restore(records: Iterable<StoredSubscription>): Promise<void> {
    const { subscribers, exchanges, supervisor, subscriber, snapshotExchange } = this.#surroundings
    // The one that has waited longest first: it is the first that gives way.
    const inOrder = [...records].sort((a, b) => (a.subscribedMs ?? 0) - (b.subscribedMs ?? 0))
    await inSlices(inOrder, record => {
      // It was told to stop meanwhile.
      if (supervisor().getSnapshot().status !== 'active') return
      const subscription = subscribers.restore(subscriber(), supervisor(), record)
      // Before what is new is written: they are part of it.
      for (const id of record.exchanges) exchanges.restore(snapshotExchange(), supervisor(), record.topic, id)
      if (isUpToDate(record, subscription)) this.#surroundings.records?.know(record)
      else this.#surroundings.records?.write(subscription, subscription.actor.getSnapshot().context)
    })
    this.#surroundings.log.countFor(topic => subscribers.find(topic) !== undefined)
    await this.#surroundings.records?.written()
  }

  /** Keeps what changed of a subscription. */
  note(context: SubscriberContext): void {
    const { subscribers, records } = this.#surroundings
    const subscription = subscribers.find(context.topic)
    if (subscription) records?.write(subscription, context)
  }

  /** Keeps what changed of a subscription. Fulfilled when it survives this process, or can't be made to. */
  async remember(context: SubscriberContext): Promise<void> {
    this.note(context)
    await this.#surroundings.records?.written()
  }

  /** Ends a subscription: nobody waits for its messages and snapshots any more. */
  forget(topic: string): void {
    this.#surroundings.subscribers.forget(topic)
    this.#surroundings.exchanges.requesterLeft(topic)
    this.#surroundings.records?.erase(topic)
  }

  /** Closes a snapshot exchange, for which its requester may be waiting. */
  closeExchange(snapshotId: string, outcome: SnapshotOutcome): void {
    const { subscribers, exchanges, snapshotClosed } = this.#surroundings
    const closed = exchanges.close(snapshotId)
    if (closed === undefined) return
    subscribers.find(closed.requester)?.actor.send({ type: 'snapshot.closed' })
    snapshotClosed({ snapshotId, outcome, ...closed })
  }

  /**
   * Ends what belongs to actors that have failed. They are known by their state: what is shown of a subscriber's p2p topic
   * may be the same for another one, which is well.
   */
  removeFailed(): void {
    const { subscribers, exchanges } = this.#surroundings
    for (const { actor, topic } of subscribers) if (hasFailed(actor)) this.forget(topic)
    for (const [snapshotId, actor] of exchanges.entries())
      if (hasFailed(actor)) this.closeExchange(snapshotId, 'failed')
  }
}

function hasFailed(actor: AnyActorRef): boolean {
  return actor.getSnapshot().status === 'error'
}

/**
 * Does the record say what a second restart must know? From when on the subscriber is stale, or many restarts would keep it
 * for ever; where the log ended, or what comes now would be taken for what a crash lost of it.
 */
function isUpToDate(record: StoredSubscription, { actor, queue, snapshot }: Subscription): boolean {
  return (
    record.staleSinceMs === actor.getSnapshot().context.staleSinceMs &&
    record.snapshot?.upTo === snapshot?.upTo &&
    JSON.stringify(storedStanding(standingIn(record))) === JSON.stringify(storedStanding(queue.record))
  )
}

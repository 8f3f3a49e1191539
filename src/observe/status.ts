import type { Subscription } from '../actors/subscriber.ts'
import { shortened } from '../protocol/topics.ts'
import { inSlices } from '../turns/slices.ts'
import { type ProcessStatus, processStatus, withoutZeros } from './process-status.ts'
import type { Rates } from './rates.ts'
import { reasonsAgainst } from './readiness.ts'
import { type Observed, type Reading, read } from './readings.ts'
import { connectionFlowOf, connectionPeerOf, subscriberStateOf } from './states.ts'

/** Subscribers that are listed: those for whom most waits. */
export const maxListed = 100

/** Topics that are shown of a subscriber. */
const maxTopics = 4

/** What `/status` says. */
export interface Status extends ProcessStatus {
  readonly state: Reading['state']
  readonly ready: boolean
  /** Why it is not ready. */
  readonly reasons: readonly string[]
  readonly endpoints: Reading['endpoints']
  readonly rates: {
    readonly accepted_per_second: number
    readonly delivered_per_second: number
    readonly seconds: number
  }
  readonly messages: {
    readonly accepted: Reading['accepted']
    /** Of these, those that were upgraded from STIX 2.0. */
    readonly upgraded: number
    readonly refused: Reading['refused']
    readonly delivered: number
    readonly refused_sends: number
    readonly missed: number
    readonly receipts: number
  }
  readonly subscribers: {
    readonly total: number
    /** States without any are left out. */
    readonly states: Readonly<Record<string, number>>
    readonly waiting_messages: number
    /** Sent, and not known to be received. */
    readonly unreceived_messages: number
    readonly unacknowledged_bytes: number
    readonly eavesdroppers_refused: number
    /** Those for whom most waits, at most {@link maxListed}. */
    readonly listed: readonly SubscriberStatus[]
  }
  readonly snapshots: { readonly open: number; readonly outcomes: Reading['snapshots']['outcomes'] }
  /** Null if there is no history. */
  readonly history: {
    readonly bytes: number
    readonly segments: number
    readonly oldest: string | null
    readonly oldest_sequence: number
    readonly next_sequence: number
    readonly unwritten_bytes: number
    readonly lost: number
    readonly failing: boolean
  } | null
  /** Limits that were never reached are left out. */
  readonly limits_reached: Readonly<Record<string, number>>
}

/** A subscriber in `/status`. */
export interface SubscriberStatus {
  /** Shortened: the whole one is a secret. */
  readonly subscriber: string
  readonly topics: readonly string[]
  readonly state: string
  /** What is done on its newest connection; null if it has none. */
  readonly flow: string | null
  /** Does the peer of that acknowledge what arrived: `asked`, `acknowledging`, `silent`? Null if it has none. */
  readonly peer: string | null
  readonly connections: number
  /** Messages that it will be sent of what there is (OPERATION "What waits"). */
  readonly waiting_messages: number
  /** Messages that were sent and are not known to be received. */
  readonly unreceived_messages: number
  /** Bytes that were sent and that its connections' libraries have not acknowledged. */
  readonly unacknowledged_bytes: number
  readonly missed: number
  readonly confirms: boolean
  readonly stale_since: string | null
}

/** What can be said about a broker right now, for people and programs. */
export async function statusOf(observed: Observed, rates: Rates, version: string): Promise<Status> {
  const most = await mostLagging(observed.subscribers)
  const reading = await read(observed)
  const { census, history } = reading
  const reasons = reasonsAgainst(reading)
  const states = Object.entries(census.states)
  const { accepted, delivered, seconds } = rates.perSecond
  return {
    ...processStatus(version),
    state: reading.state,
    ready: reasons.length === 0,
    reasons,
    endpoints: reading.endpoints,
    rates: {
      accepted_per_second: rounded(accepted),
      delivered_per_second: rounded(delivered),
      seconds: rounded(seconds),
    },
    messages: {
      accepted: reading.accepted,
      upgraded: reading.upgraded,
      refused: reading.refused,
      delivered: reading.delivered,
      refused_sends: reading.refusedSends,
      missed: reading.missed,
      receipts: reading.receipts,
    },
    subscribers: {
      total: states.reduce((sum, [, { subscribers }]) => sum + subscribers, 0),
      states: withoutZeros(Object.fromEntries(states.map(([state, { subscribers }]) => [state, subscribers]))),
      waiting_messages: states.reduce((sum, [, { messages }]) => sum + messages, 0),
      unreceived_messages: census.unreceived.messages,
      unacknowledged_bytes: census.unreceived.bytes,
      eavesdroppers_refused: reading.eavesdroppers,
      listed: most.filter(({ topic }) => observed.subscribers.find(topic) !== undefined).map(shown),
    },
    snapshots: { open: reading.snapshots.open, outcomes: reading.snapshots.outcomes },
    history: history
      ? {
          bytes: history.bytes,
          segments: history.segments,
          oldest: history.oldestMs === undefined ? null : new Date(history.oldestMs).toISOString(),
          oldest_sequence: history.oldest,
          next_sequence: history.next,
          unwritten_bytes: history.unwrittenBytes,
          lost: history.lost,
          failing: history.failing.messages || history.failing.subscriptions,
        }
      : null,
    limits_reached: withoutZeros(reading.limits),
  }
}

/** Those for whom most waits, at most {@link maxListed}. */
async function mostLagging(subscribers: Iterable<Subscription>): Promise<readonly Subscription[]> {
  let most: { readonly subscription: Subscription; readonly lag: number }[] = []
  /** Who lags no more has no place among them any more. */
  let least = -1
  await inSlices(subscribers, subscription => {
    const { lag } = subscription.queue
    if (lag <= least) return
    most.push({ subscription, lag })
    if (most.length < 2 * maxListed) return
    most = firstOf(most)
    least = most.at(-1)?.lag ?? -1
  })
  return firstOf(most).map(({ subscription }) => subscription)
}

function firstOf<Lagging extends { readonly lag: number }>(all: readonly Lagging[]): Lagging[] {
  return all.toSorted((a, b) => b.lag - a.lag).slice(0, maxListed)
}

function shown({ topic, topics, queue, connections, actor }: Subscription): SubscriberStatus {
  const { value, context } = actor.getSnapshot()
  const connection = connections.newest?.actor.getSnapshot().value
  return {
    subscriber: shortened(topic),
    topics: topics.length > maxTopics ? [...topics.slice(0, maxTopics), '…'] : topics,
    state: subscriberStateOf(value),
    flow: (connection && connectionFlowOf(connection)) ?? null,
    peer: (connection && connectionPeerOf(connection)) ?? null,
    connections: queue.deliveries.size,
    waiting_messages: queue.lag,
    unreceived_messages: queue.unsettledFrames,
    unacknowledged_bytes: queue.unacknowledgedBytes,
    missed: queue.missed,
    confirms: queue.confirms,
    stale_since: context.staleSinceMs === undefined ? null : new Date(context.staleSinceMs).toISOString(),
  }
}

function rounded(value: number): number {
  return Math.round(value * 10) / 10
}

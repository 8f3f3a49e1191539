import type { Subscription } from '../actors/subscriber.ts'
import { shortened } from '../protocol/topics.ts'
import { subscriberStateOf } from './states.ts'

/** A subscription as `threatbus subscribers list` shows it. */
export interface SubscriberLine {
  /** Shortened: the whole one is a secret. */
  readonly subscriber: string
  readonly state: string
  readonly never_joined: boolean
  /** Where it was subscribed from; null: an older broker did not keep it. */
  readonly address: string | null
  /** When it was subscribed; null: an older broker did not keep it. */
  readonly subscribed: string | null
  readonly stale_since: string | null
  /** Messages that it will be sent of what there is (OPERATION "What waits"). */
  readonly waiting_messages: number
  readonly topics: readonly string[]
}

/** A subscription as the operator sees it. */
export function subscriberLine({ topic, topics, address, subscribedMs, queue, actor }: Subscription): SubscriberLine {
  const { value, context } = actor.getSnapshot()
  return {
    subscriber: shortened(topic),
    state: subscriberStateOf(value),
    never_joined: !context.hasJoined,
    address: address ?? null,
    subscribed: timeOf(subscribedMs),
    stale_since: timeOf(context.staleSinceMs),
    waiting_messages: queue.lag,
    topics,
  }
}

function timeOf(ms: number | undefined): string | null {
  return ms === undefined ? null : new Date(ms).toISOString()
}

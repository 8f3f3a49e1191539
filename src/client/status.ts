import type { SnapshotFrom } from 'xstate'
import type { clientSessionChart } from '../../machines/client-session.ts'
import { shortened } from '../protocol/topics.ts'

/** How far a subscription is. */
export type SubscriptionState =
  /** The bus is asked for it. */
  | 'subscribing'
  /** Messages flow. */
  | 'subscribed'
  /** The connection is lost, or the bus does not answer. It goes on by itself; what is published waits at the bus. */
  | 'away'
  /** The bus forgot it, and is asked for another one. */
  | 'resubscribing'
  /** It is being ended. */
  | 'closing'

/** How a subscription is. */
export interface SubscriptionStatus {
  /** The p2p topic, shortened, as in events; empty before the bus granted one. */
  readonly subscription: string
  readonly topics: readonly string[]
  readonly state: SubscriptionState
  /** Messages that were read from the connection so far, those included that the application has not taken yet. */
  readonly received: number
}

/** How a connection to a bus is. */
export interface BusStatus {
  /** Where the bus is managed, `host:port`. */
  readonly endpoint: string
  readonly state: 'open' | 'closing' | 'closed'
  /** Messages that were published, each with its receipt or taken by the connection. */
  readonly published: number
  /** Messages that were given to `publish` and are not settled yet. */
  readonly publishing: number
  /** Does the bus give receipts? `unknown` until something was published. */
  readonly receipts: 'unknown' | 'given' | 'not_given'
  /** Messages that all subscriptions so far have read from the connection. */
  readonly received: number
  /** Subscriptions that have not ended. */
  readonly subscriptions: readonly SubscriptionStatus[]
}

/** The states of a session's chart, as an application sees them. */
const states: Record<keyof typeof clientSessionChart.config.states, SubscriptionState> = {
  opening: 'subscribing',
  subscribed: 'subscribed',
  disconnected: 'away',
  away: 'away',
  resubscribing: 'resubscribing',
  unsubscribing: 'closing',
  closed: 'closing',
  failed: 'closing',
}

/** How a subscription is: what its session knows, and how many messages it has received. */
export function subscriptionStatus(
  { value, context }: SnapshotFrom<typeof clientSessionChart>,
  received: number,
): SubscriptionStatus {
  const [state = 'unsubscribing'] = typeof value === 'string' ? [value] : Object.keys(value)
  const { grant, topics } = context
  return {
    subscription: grant === undefined ? '' : shortened(grant.topic),
    topics,
    state: states[state as keyof typeof states],
    received,
  }
}

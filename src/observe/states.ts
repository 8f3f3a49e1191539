import type { StateValue } from 'xstate'
import type { StaleReason } from '../../machines/vocabulary.ts'

/** What the broker does: the states of the supervisor's chart. */
export type BrokerState = 'recovering' | 'starting' | 'serving' | 'draining' | 'stopped' | 'failed'

/** Where a subscriber is in its life: a state of its chart, of a snapshotting one how far that is, of a stale one why it is. */
export type SubscriberState = 'subscribing' | 'replaying' | 'gathering' | 'live' | StaleReason | 'suspended'

/** What is done on an open connection of a subscriber: the region `flow` of its chart. */
export type ConnectionFlow =
  | 'resuming'
  | 'locating'
  | 'unlocated'
  | 'flowing'
  | 'recording'
  | 'waiting'
  | 'fetching'
  | 'unreadable'
  | 'held'

/** What is known of an open connection's peer: the region `peer` of its chart. */
export type ConnectionPeer = 'asked' | 'acknowledging' | 'silent'

/** The supervisor's state in one word. */
export function brokerStateOf(value: StateValue): BrokerState {
  return (nameIn(value, 'running') ?? value) as BrokerState
}

/** A subscriber's state in one word. */
export function subscriberStateOf(value: StateValue): SubscriberState {
  const joined = below(value, 'joined')
  const name =
    nameIn(value, 'stale') ?? nameIn(below(joined, 'phase'), 'snapshotting') ?? nameIn(joined, 'phase') ?? value
  // Two more states last no longer than a transition takes.
  return name === 'opening' || name === 'unsubscribed' ? 'subscribing' : (name as SubscriberState)
}

/** What is done on a connection; undefined unless it is open. */
export function connectionFlowOf(value: StateValue): ConnectionFlow | undefined {
  return nameIn(below(value, 'open'), 'flow') as ConnectionFlow | undefined
}

/** What is known of a connection's peer; undefined unless it is open. */
export function connectionPeerOf(value: StateValue): ConnectionPeer | undefined {
  return nameIn(below(value, 'open'), 'peer') as ConnectionPeer | undefined
}

function below(value: StateValue | undefined, name: string): StateValue | undefined {
  return typeof value === 'object' ? value[name] : undefined
}

/** The name of the state inside the one that is named. */
function nameIn(value: StateValue | undefined, name: string): string | undefined {
  const inside = below(value, name)
  return typeof inside === 'object' ? Object.keys(inside)[0] : inside
}

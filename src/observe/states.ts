import type { StateValue } from 'xstate'
import type { StaleReason } from '../../machines/vocabulary.ts'

/** What the broker does: the states of the supervisor's chart. */
export type BrokerState = 'recovering' | 'starting' | 'serving' | 'draining' | 'stopped' | 'failed'

/** Where a subscriber is in its life: a state of its chart, of a joined one its phase, of a stale one why it is. */
export type SubscriberState = 'subscribing' | 'replaying' | 'gathering' | 'live' | StaleReason | 'suspended'

/** What the queue of a joined subscriber does: the region `flow` of its chart. */
export type SubscriberFlow = 'resuming' | 'locating' | 'flowing' | 'waiting' | 'fetching' | 'unreadable'

/** The supervisor's state in one word. */
export function brokerStateOf(value: StateValue): BrokerState {
  return (nameIn(value, 'running') ?? value) as BrokerState
}

/** A subscriber's state in one word. */
export function subscriberStateOf(value: StateValue): SubscriberState {
  const name = nameIn(value, 'stale') ?? nameIn(below(value, 'joined'), 'phase') ?? value
  // Two more states last no longer than a transition takes.
  return name === 'opening' || name === 'unsubscribed' ? 'subscribing' : (name as SubscriberState)
}

/** What a subscriber's queue does; undefined unless it is joined. */
export function subscriberFlowOf(value: StateValue): SubscriberFlow | undefined {
  return nameIn(below(value, 'joined'), 'flow') as SubscriberFlow | undefined
}

function below(value: StateValue | undefined, name: string): StateValue | undefined {
  return typeof value === 'object' ? value[name] : undefined
}

/** The name of the state inside the one that is named. */
function nameIn(value: StateValue | undefined, name: string): string | undefined {
  const inside = below(value, name)
  return typeof inside === 'object' ? Object.keys(inside)[0] : inside
}

import type { SnapshotOutcome } from '../../machines/vocabulary.ts'
import type { EndpointName } from '../../machines/vocabulary-endpoint.ts'
import type { SnapshotExchanges } from '../actors/snapshot-exchanges.ts'
import type { Subscribers } from '../actors/subscribers.ts'
import type { Egress } from '../delivery/egress.ts'
import type { Intake } from '../delivery/intake.ts'
import type { Supplies } from '../delivery/supplies.ts'
import type { History } from '../history/history.ts'
import type { LogExtent } from '../history/segmented-store.ts'
import type { RefusalReason } from '../protocol/refusal.ts'
import type { MessageType } from '../protocol/topics.ts'
import { type Census, takeCensus } from './census.ts'
import type { Durations } from './durations.ts'
import type { BrokerState } from './states.ts'
import type { CountedLimit, Tally } from './tally.ts'

/** Limits that are counted when they are reached, by their keys in the configuration; `change_rate` and `log_rate` have none. */
export type LimitName =
  | CountedLimit
  | 'plugins.apps.zmq.send_buffer_size'
  | 'history.max_bytes'
  | 'history.max_unwritten_bytes'
  | 'history.max_pages'
  | 'snapshot.max_open'
  | 'snapshot.max_merged'
  | 'snapshot.max_selections'
  | 'log_rate'

/** The parts of a broker that are looked at. */
export interface Observed {
  readonly intake: Intake
  readonly egress: Egress
  readonly subscribers: Subscribers
  readonly exchanges: SnapshotExchanges
  /** Undefined if there is no history. */
  readonly history: History | undefined
  readonly supplies: Supplies | undefined
  readonly tally: Tally
  readonly repeating: { readonly heldBack: number }
  state(): BrokerState
  /** The addresses of the three endpoints; of one that does not listen yet, that which it is going to have. */
  endpoints(): Readonly<Record<EndpointName, string>>
  /** How many connections each of them has. */
  connections(): Readonly<Record<EndpointName, number>>
}

/** What can be said about the history. */
export interface HistoryReading extends LogExtent {
  readonly unwrittenBytes: number
  /** Messages that were given up since the start because they could not be written. */
  readonly lost: number
  /** Is there something that can't be written at present? */
  readonly failing: { readonly messages: boolean; readonly subscriptions: boolean }
}

/** All that is shown of a broker, at one moment. Counts are since the start. */
export interface Reading {
  readonly state: BrokerState
  readonly endpoints: Readonly<Record<EndpointName, string>>
  readonly connections: Readonly<Record<EndpointName, number>>
  /** Those that were ended because of what their peers did, or did not do in time. */
  readonly brokenConnections: Tally['brokenConnections']
  /** Messages by how they came: on `sub`, or by publish requests. */
  readonly accepted: Readonly<Record<'sub' | 'publish', Readonly<Record<MessageType, number>>>>
  readonly refused: Readonly<Partial<Record<RefusalReason, number>>>
  readonly delivered: number
  readonly refusedSends: number
  readonly missed: number
  readonly receipts: number
  readonly eavesdroppers: number
  readonly census: Census
  readonly replies: Tally['replies']
  readonly snapshots: {
    readonly open: number
    readonly outcomes: Readonly<Record<SnapshotOutcome, number>>
    readonly durations: Durations
  }
  /** Undefined if there is no history. */
  readonly history: HistoryReading | undefined
  readonly limits: Readonly<Record<LimitName, number>>
}

/** Looks at a broker. What nobody asks for is not computed: all of this happens here, when somebody looks. */
export function read(observed: Observed): Reading {
  const { intake, egress, tally, exchanges } = observed
  return {
    ...readReadiness(observed),
    endpoints: observed.endpoints(),
    connections: observed.connections(),
    brokenConnections: tally.brokenConnections,
    accepted: { sub: intake.accepted, publish: tally.published },
    refused: intake.refusals,
    delivered: egress.delivered,
    refusedSends: egress.refusals,
    missed: tally.missed,
    receipts: tally.receipts,
    eavesdroppers: tally.eavesdroppers,
    census: takeCensus(observed.subscribers),
    replies: tally.replies,
    snapshots: { open: exchanges.size, outcomes: tally.outcomes, durations: tally.snapshotDurations },
    limits: readLimits(observed),
  }
}

/** Looks at as much as it takes to say whether the broker is ready: cheap, however many subscribers there are. */
export function readReadiness(observed: Observed): Pick<Reading, 'state' | 'history'> {
  return { state: observed.state(), history: observed.history && readHistory(observed.history) }
}

function readHistory({ store, subscriptions }: History): HistoryReading {
  const { extent, unwrittenBytes, lost, isFailing } = store
  return { ...extent, unwrittenBytes, lost, failing: { messages: isFailing, subscriptions: subscriptions.isFailing } }
}

function readLimits({ tally, egress, exchanges, history, supplies, repeating }: Observed): Reading['limits'] {
  return {
    ...tally.limits,
    'plugins.apps.zmq.send_buffer_size': egress.refusals,
    'history.max_bytes': history?.store.crowdedOut ?? 0,
    'history.max_unwritten_bytes': history?.holdUps ?? 0,
    'history.max_pages': supplies?.waits ?? 0,
    'snapshot.max_open': tally.outcomes.crowded_out,
    'snapshot.max_merged': exchanges.unmerged,
    'snapshot.max_selections': supplies?.selections.letGo ?? 0,
    log_rate: repeating.heldBack,
  }
}

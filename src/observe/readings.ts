import type { SnapshotOutcome } from '../../machines/vocabulary.ts'
import type { EndpointName } from '../../machines/vocabulary-endpoint.ts'
import type { SnapshotExchanges } from '../actors/snapshot-exchanges.ts'
import type { Subscribers } from '../actors/subscribers.ts'
import type { LargeMessages } from '../checking/large-messages.ts'
import type { Egress } from '../delivery/egress.ts'
import type { Intake } from '../delivery/intake.ts'
import type { PublicationAdmission } from '../delivery/publication-admission.ts'
import type { Supplies } from '../delivery/supplies.ts'
import type { History } from '../history/history.ts'
import type { LogExtent } from '../history/segmented-store.ts'
import type { RefusalReason } from '../protocol/refusal.ts'
import type { MessageType } from '../protocol/topics.ts'
import { type Census, takeCensus } from './census.ts'
import type { Durations } from './durations.ts'
import type { BrokerState } from './states.ts'
import type { CountedLimit, Tally } from './tally.ts'

/** Limits that are counted when they are reached, by their keys in the configuration, if they have one. */
export type LimitName =
  | CountedLimit
  | 'max_unchecked_bytes'
  | 'plugins.apps.zmq.send_buffer_size'
  | 'history.max_bytes'
  | 'history.max_unwritten_bytes'
  | 'history.max_pages'
  | 'snapshot.max_open'
  | 'snapshot.max_merged'
  | 'snapshot.max_requests_per_second'
  | 'snapshot.max_selections'
  | 'snapshot.max_per_address'
  | 'log_rate'

/** The parts of a broker that are looked at. */
export interface Observed {
  readonly intake: Intake
  readonly largeMessages: LargeMessages
  readonly egress: Egress
  readonly subscribers: Subscribers
  readonly exchanges: SnapshotExchanges
  /** Undefined if there is no history. */
  readonly history: History | undefined
  readonly publicationAdmission: PublicationAdmission | undefined
  readonly supplies: Supplies | undefined
  readonly tally: Tally
  readonly repeating: { readonly heldBack: number }
  state(): BrokerState
  /** The addresses of the three endpoints; of one that does not listen yet, that which it is going to have. */
  endpoints(): Readonly<Record<EndpointName, string>>
  /** How many connections each of them has. */
  connections(): Readonly<Record<EndpointName, number>>
  /** Are there file descriptors for more of them? */
  hasDescriptors(): boolean
  /** Bytes that they hold together. */
  peerBytes(): Readonly<Record<'unfinished' | 'prefixes', number>>
}

/** What can be said about the history. */
export interface HistoryReading extends LogExtent {
  /** Bytes of the journal of subscriptions. */
  readonly journalBytes: number
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
  /** Are there file descriptors for more of them? */
  readonly hasDescriptors: boolean
  /** Bytes that they hold together. */
  readonly peerBytes: ReturnType<Observed['peerBytes']>
  /** Those that were ended because of what their peers did, or did not do in time. */
  readonly brokenConnections: Tally['brokenConnections']
  /** Messages by how they came: on `sub`, or by publish requests. */
  readonly accepted: Readonly<Record<'sub' | 'publish', Readonly<Record<MessageType, number>>>>
  /** Of these, those that were upgraded from STIX 2.0. */
  readonly upgraded: number
  readonly refused: Readonly<Partial<Record<RefusalReason, number>>>
  readonly uncheckedBytes: number
  readonly delivered: number
  readonly refusedSends: number
  readonly missed: number
  readonly receipts: number
  readonly eavesdroppers: number
  readonly census: Census
  /** Subscriptions of the address that has most of them. */
  readonly mostOfOneAddress: number
  readonly departures: Tally['departures']
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

/**
 * Looks at a broker. What nobody asks for is not computed: all of this happens here, when somebody looks. Subscribers are
 * counted first, which may take a few turns of the event loop; the rest is as it is when they are.
 */
export async function read(observed: Observed): Promise<Reading> {
  const { intake, egress, tally, exchanges } = observed
  const census = await takeCensus(observed.subscribers)
  return {
    ...readReadiness(observed),
    endpoints: observed.endpoints(),
    connections: observed.connections(),
    peerBytes: observed.peerBytes(),
    brokenConnections: tally.brokenConnections,
    accepted: { sub: intake.accepted, publish: tally.published },
    upgraded: tally.upgraded,
    refused: intake.refusals,
    uncheckedBytes: observed.largeMessages.uncheckedBytes,
    delivered: egress.delivered,
    refusedSends: egress.refusals,
    missed: tally.missed,
    receipts: tally.receipts,
    eavesdroppers: tally.eavesdroppers,
    census,
    mostOfOneAddress: observed.subscribers.shares.most,
    departures: tally.departures,
    replies: tally.replies,
    snapshots: { open: exchanges.size, outcomes: tally.outcomes, durations: tally.snapshotDurations },
    limits: readLimits(observed),
  }
}

/** Looks at as much as it takes to say whether the broker is ready: cheap, however many subscribers there are. */
export function readReadiness(observed: Observed): Pick<Reading, 'state' | 'history' | 'hasDescriptors'> {
  const { history } = observed
  return {
    state: observed.state(),
    history: history && readHistory(history),
    hasDescriptors: observed.hasDescriptors(),
  }
}

function readHistory({ store, subscriptions }: History): HistoryReading {
  const { extent, unwrittenBytes, lost, isFailing } = store
  const failing = { messages: isFailing, subscriptions: subscriptions.isFailing }
  return { ...extent, journalBytes: subscriptions.bytes, unwrittenBytes, lost, failing }
}

function readLimits({
  tally,
  egress,
  exchanges,
  history,
  publicationAdmission,
  largeMessages,
  supplies,
  repeating,
}: Observed): Reading['limits'] {
  return {
    ...tally.limits,
    max_unchecked_bytes: largeMessages.crowdedOut,
    'plugins.apps.zmq.send_buffer_size': egress.refusals,
    'history.max_bytes': history?.store.crowdedOut ?? 0,
    'history.max_unwritten_bytes': (history?.holdUps ?? 0) + (publicationAdmission?.holdUps ?? 0),
    'history.max_pages': supplies?.pages.waits ?? 0,
    'snapshot.max_open': tally.outcomes.crowded_out,
    'snapshot.max_merged': exchanges.unmerged,
    'snapshot.max_requests_per_second': exchanges.heldBack,
    'snapshot.max_selections': supplies?.selections.waits ?? 0,
    'snapshot.max_per_address': supplies?.pace.heldBack ?? 0,
    log_rate: repeating.heldBack,
  }
}

/**
 * The words of the broker's charts: events, inputs, reasons. Types only, nothing here runs.
 *
 * Payloads never travel in events or context (ARCHITECTURE "The way of a message"): charts hear edges and lifecycle.
 */
import type { ErrorActorEvent, PromiseActorLogic } from 'xstate'
import type { endpointChart } from './endpoint.ts'
import type { EndpointFailure, EndpointInput, EndpointName } from './vocabulary-endpoint.ts'

// ── Subscriber ──────────────────────────────────────────────────────────────────────────────────────────────────────

/** Why a subscriber is stale. */
export type StaleReason = 'never_joined' | 'disconnected' | 'heartbeat_stopped' | 'broker_restarted'

/** Why a subscription ended. */
export type DepartureReason =
  | 'requested'
  | 'evicted'
  /** It never joined, and another one needed its room. */
  | 'crowded_out'
  /** By the operator. */
  | 'dropped'

/** A step in a subscriber's life that operators are told of. */
export type SubscriberStep =
  | { step: 'joined' }
  | { step: 'stale'; reason: StaleReason }
  | { step: 'back' }
  | { step: 'unsubscribed'; reason: DepartureReason }

/** What a subscriber hears. */
export type SubscriberEvent =
  /** Its SUB socket's subscription arrived on `pub` and was admitted. */
  | { type: 'socket.joined' }
  /** Its last SUB socket unsubscribed or disconnected. */
  | { type: 'socket.left' }
  | { type: 'heartbeat.received' }
  /** A heartbeat of its said how many frames it received since the subscribe reply; who sent that is to be answered. */
  | { type: 'frames.confirmed'; received: number; answer(): void }
  /** A snapshot exchange that was opened on its behalf ended. */
  | { type: 'snapshot.closed' }
  /** The snapshot was sent as far as the history has it. */
  | { type: 'history.replayed' }
  | { type: 'unsubscribe.requested' }
  /** Another subscription needs its room: it has waited longest of those that never joined. */
  | { type: 'room.needed' }
  | { type: 'operator.dropped' }
  /** Its subscribe request was refused after all, or nobody is there to be answered: it was never given to anybody. */
  | { type: 'subscribe.undone' }
  | { type: 'broker.stopped' }

/** What a subscriber is born with. */
export interface SubscriberInput {
  /** The p2p topic: a secret, shortened wherever it is shown. */
  readonly topic: string
  /** Snapshot exchanges that are about to be opened on its behalf. */
  readonly openSnapshots: number
  /** Has it ever sent a heartbeat? */
  readonly sendsHeartbeats: boolean
  /** Since when it has been stale, in milliseconds since the epoch; undefined if an earlier broker did not leave it so. */
  readonly staleSinceMs: number | undefined
  /** Did its SUB socket ever join? If not, nobody knows whether somebody is behind it. */
  readonly hasJoined: boolean
}

/** What a subscriber knows of itself. */
export type SubscriberContext = SubscriberInput

/** The types of the subscriber chart. */
export interface SubscriberTypes {
  input: SubscriberInput
  context: SubscriberContext
  events: SubscriberEvent
  actions:
    | { type: 'holdConnections' }
    | { type: 'releaseConnections' }
    | { type: 'noteStale' }
    | { type: 'noteSignOfLife' }
    | { type: 'rememberSubscription' }
    | { type: 'forgetSubscription' }
    | { type: 'countClosedSnapshot' }
    | { type: 'noteHeartbeat' }
    | { type: 'countFrames' }
    | { type: 'passConfirmation' }
    | { type: 'answerHeartbeat' }
    | { type: 'answerOnceRemembered' }
    | { type: 'tell'; params: SubscriberStep }
  guards:
    | { type: 'isRestored' }
    | { type: 'neverJoined' }
    | { type: 'everythingReplayed' }
    | { type: 'everySnapshotClosed' }
    | { type: 'sendsHeartbeats' }
    | { type: 'beginsToConfirm' }
  delays: 'joinTimeout' | 'heartbeatTimeout' | 'evictAfter'
}

// ── Snapshot exchange ───────────────────────────────────────────────────────────────────────────────────────────────

/** How a snapshot exchange ended. */
export type SnapshotOutcome =
  | 'complete'
  | 'nobody_asked'
  | 'nobody_answered'
  | 'requester_left'
  | 'crowded_out'
  /** Its actor failed by an error that nobody expected. */
  | 'failed'

/** What a snapshot exchange hears. */
export type SnapshotExchangeEvent =
  /** It is known what the requester gets from the history: what applications answer can be merged with it. */
  | { type: 'history.selected' }
  /** It is its turn to ask the applications. */
  | { type: 'requests.admitted' }
  /** An application's envelope for this snapshot arrived and was queued for the requester. */
  | { type: 'envelope.received' }
  | { type: 'requester.left' }
  /** As many exchanges as may be open are open, and this one is the oldest. */
  | { type: 'exchange.crowdedOut' }
  | { type: 'broker.stopped' }

/** What a snapshot exchange is born with. */
export interface SnapshotExchangeInput {
  /** UUID that ties requests and envelopes together (PROTOCOL "Snapshots"). */
  readonly snapshotId: string
  /** The p2p topic of the subscriber that asked. */
  readonly requester: string
  /** Did an earlier broker ask the applications already? */
  readonly wasAsked: boolean
}

/** The types of the snapshot-exchange chart. */
export interface SnapshotExchangeTypes {
  input: SnapshotExchangeInput
  context: SnapshotExchangeInput
  events: SnapshotExchangeEvent
  actions:
    | { type: 'selectFromHistory' }
    | { type: 'queueRequests' }
    | { type: 'askApplications' }
    | { type: 'closeExchange'; params: { outcome: SnapshotOutcome } }
  guards: { type: 'nobodyToAsk' } | { type: 'wasAsked' }
  delays: 'answerTimeout' | 'quietTimeout'
}

// ── Broker ──────────────────────────────────────────────────────────────────────────────────────────────────────────

/**
 * A management request, decoded (PROTOCOL "Management"), by its action. The chart says which actions are carried out when; what
 * it takes stays outside, behind these two, and so do messages.
 */
export interface ManagementEvent {
  type: `management.${string}`
  /** Does what it asks for, and answers. */
  carryOut(): void
  /** Answers that it is not carried out now. */
  refuse(): void
}

/** What the supervisor hears. */
export type BrokerEvent =
  | ManagementEvent
  | { type: 'endpoint.listening'; name: EndpointName; port: number }
  | { type: 'endpoint.failed'; failure: EndpointFailure }
  | { type: 'history.lost'; failure: HistoryFailure }
  | { type: 'stop' }
  | ErrorActorEvent

/** What the supervisor is born with. */
export interface BrokerInput {
  readonly endpoints: Readonly<Record<EndpointName, EndpointInput>>
}

/** The directory of the history is not there any more, or belongs to another broker. */
export interface HistoryFailure {
  readonly name: 'history'
  readonly error: Error
}

/** How the supervisor ended: `failure` is undefined after an orderly stop. */
export interface BrokerOutput {
  readonly failure: EndpointFailure | HistoryFailure | undefined
}

/** The types of the broker chart. */
export interface BrokerTypes {
  input: BrokerInput
  output: BrokerOutput
  context: BrokerInput & { ports: Readonly<Record<EndpointName, number>>; failure: BrokerOutput['failure'] }
  events: BrokerEvent
  actors:
    | { src: 'endpoint'; id: EndpointName; logic: typeof endpointChart }
    | { src: 'restoreSubscribers'; id: 'restore'; logic: PromiseActorLogic<void> }
    | { src: 'deliverRest'; id: 'deliverRest'; logic: PromiseActorLogic<void> }
  actions:
    | { type: 'rememberPort' }
    | { type: 'rememberFailure' }
    | { type: 'announceServing' }
    | { type: 'carryOutRequest' }
    | { type: 'refuseRequest' }
    | { type: 'reportActorFailure' }
    | { type: 'closeIntake' }
    | { type: 'reportUndelivered' }
    | { type: 'endActors' }
    | { type: 'closeEndpoints' }
  guards: { type: 'everyEndpointListens' }
  delays: 'shutdownTimeout'
}

/**
 * The words of the broker's charts: events, inputs, reasons. Types only, nothing here runs.
 *
 * Payloads never travel in events or context (ARCHITECTURE "The way of a message"): charts hear edges and lifecycle.
 */
import type { ErrorActorEvent } from 'xstate'
import type { endpointChart } from './endpoint.ts'
import type { EndpointFailure, EndpointInput, EndpointName } from './vocabulary-endpoint.ts'

// ── Subscriber ──────────────────────────────────────────────────────────────────────────────────────────────────────

/** Why a subscriber is stale. */
export type StaleReason = 'never_joined' | 'disconnected' | 'heartbeat_stopped'

/** Why a subscription ended. */
export type DepartureReason = 'requested' | 'evicted' | 'broker_stopped'

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
  /** A snapshot exchange that was opened on its behalf ended. */
  | { type: 'snapshot.closed' }
  /** The queue went from empty to non-empty. */
  | { type: 'queue.filled' }
  /** The socket refused a message (EAGAIN): the connection holds as much as it may. */
  | { type: 'send.refused' }
  | { type: 'unsubscribe.requested' }
  | { type: 'broker.stopped' }

/** What a subscriber is born with. */
export interface SubscriberInput {
  /** The p2p topic: a secret, shortened wherever it is shown. */
  readonly topic: string
  /** Snapshot exchanges that are about to be opened on its behalf. */
  readonly openSnapshots: number
}

/** The types of the subscriber chart. */
export interface SubscriberTypes {
  input: SubscriberInput
  context: { topic: string; openSnapshots: number; sendsHeartbeats: boolean }
  events: SubscriberEvent
  actions:
    | { type: 'drainQueue' }
    | { type: 'keepMessages' }
    | { type: 'discardQueue' }
    | { type: 'countClosedSnapshot' }
    | { type: 'noteHeartbeat' }
    | { type: 'tell'; params: SubscriberStep }
  guards: { type: 'everySnapshotClosed' } | { type: 'sendsHeartbeats' }
  delays: 'joinTimeout' | 'heartbeatTimeout' | 'evictAfter' | 'refusedSendPause'
}

// ── Snapshot exchange ───────────────────────────────────────────────────────────────────────────────────────────────

/** How a snapshot exchange ended. */
export type SnapshotOutcome = 'complete' | 'nobody_asked' | 'nobody_answered' | 'requester_left' | 'crowded_out'

/** What a snapshot exchange hears. */
export type SnapshotExchangeEvent =
  /** An application's envelope for this snapshot arrived and was queued for the requester. */
  | { type: 'envelope.received' }
  | { type: 'requester.left' }
  /** As many exchanges as may be open are open, and this one is the oldest. */
  | { type: 'exchange.crowdedOut' }

/** What a snapshot exchange is born with. */
export interface SnapshotExchangeInput {
  /** UUID that ties requests and envelopes together (PROTOCOL "Snapshots"). */
  readonly snapshotId: string
  /** The p2p topic of the subscriber that asked. */
  readonly requester: string
}

/** The types of the snapshot-exchange chart. */
export interface SnapshotExchangeTypes {
  input: SnapshotExchangeInput
  context: { snapshotId: string; requester: string }
  events: SnapshotExchangeEvent
  actions: { type: 'askApplications' } | { type: 'closeExchange'; params: { outcome: SnapshotOutcome } }
  guards: { type: 'nobodyToAsk' }
  delays: 'answerTimeout' | 'quietTimeout'
}

// ── Broker ──────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Where the reply to a management request goes: the routing frames of the request, as ZeroMQ's Router gave them. */
export type ReplyRoute = readonly Uint8Array[]

/** A management request, decoded (PROTOCOL "Management"). */
export type ManagementEvent =
  | { type: 'management.subscribe'; route: ReplyRoute; topics: readonly string[]; snapshotDays: number }
  | { type: 'management.unsubscribe'; route: ReplyRoute; topic: string }
  | { type: 'management.heartbeat'; route: ReplyRoute; topic: string }

/** What the supervisor hears. */
export type BrokerEvent =
  | ManagementEvent
  | { type: `${EndpointName}.listening`; name: EndpointName; port: number }
  | { type: 'endpoint.failed'; failure: EndpointFailure }
  | { type: 'stop' }
  | ErrorActorEvent

/** What the supervisor is born with. */
export interface BrokerInput {
  readonly endpoints: Readonly<Record<EndpointName, EndpointInput>>
}

/** How the supervisor ended: `failure` is undefined after an orderly stop. */
export interface BrokerOutput {
  readonly failure: EndpointFailure | undefined
}

/** The types of the broker chart. */
export interface BrokerTypes {
  input: BrokerInput
  output: BrokerOutput
  context: BrokerInput & { ports: Readonly<Record<EndpointName, number>>; failure: EndpointFailure | undefined }
  events: BrokerEvent
  actors: { src: 'endpoint'; id: EndpointName; logic: typeof endpointChart }
  actions:
    | { type: 'rememberPort' }
    | { type: 'rememberFailure' }
    | { type: 'announceServing' }
    | { type: 'openSubscription' }
    | { type: 'closeSubscription' }
    | { type: 'passHeartbeat' }
    | { type: 'refuseWhileNotServing' }
    | { type: 'reportActorFailure' }
    | { type: 'closeIntake' }
    | { type: 'reportUndelivered' }
    | { type: 'stopSubscribers' }
    | { type: 'closeEndpoints' }
  guards: { type: 'everythingDelivered' }
  delays: 'shutdownTimeout' | 'drainCheckPause'
}

import type { DepartureReason, SnapshotOutcome } from '../../machines/vocabulary.ts'
import type { EndpointName } from '../../machines/vocabulary-endpoint.ts'
import { type ManagementReply, type RequestAction, requestActions } from '../protocol/management.ts'
import type { MessageType } from '../protocol/topics.ts'
import { type BreakReason, breakReasons } from '../sockets/zmtp/break-reason.ts'
import { Durations } from './durations.ts'

/** How a management request was answered. */
export type ReplyStatus = 'success' | 'error' | 'unknown_request'

/** Limits that are counted here when they are reached, by their keys if they have one; others count themselves (see readings.ts). */
export type CountedLimit =
  | 'max_subscribers'
  | 'max_subscribers_per_address'
  | 'subscribe_rate'
  | 'max_topics'
  | 'max_publish'
  | 'max_message_values'
  | 'queue'
  | 'plugins.apps.zmq.max_connections'
  | 'plugins.apps.zmq.max_connections_per_subscriber'
  | 'plugins.apps.zmq.max_peer_bytes'
  | 'file_descriptors'
  | 'inspector.max_connections'
  | 'change_rate'

const noReplies = { success: 0, error: 0, unknown_request: 0 }

const noBreaks = Object.fromEntries(breakReasons.map(reason => [reason, 0])) as Record<BreakReason, number>

/**
 * Counts what nobody else does, as it happens: plain numbers, and never one for each message on its way. Whoever shows
 * them reads them when asked.
 */
export class Tally {
  /** Messages that were published by request. */
  readonly published: Record<MessageType, number> = { indicator: 0, sighting: 0 }
  /** Of these, those whose publishers were told that they are on disk. */
  receipts = 0
  /** Messages, however they came, that were upgraded from STIX 2.0. */
  upgraded = 0
  /** Messages that were not there any more when subscribers came to them. */
  missed = 0
  /** Connections that were ended because of what their peers did, or did not do in time. */
  readonly brokenConnections: Readonly<Record<EndpointName, Record<BreakReason, number>>> = {
    manage: { ...noBreaks },
    pub: { ...noBreaks },
    sub: { ...noBreaks },
  }
  /** Subscriptions on `pub` that were not admitted. */
  eavesdroppers = 0
  /** Management requests that were answered; `invalid`: what could not be read, or asked for something else. */
  readonly replies = Object.fromEntries(
    [...requestActions, 'invalid'].map(action => [action, { ...noReplies }]),
  ) as Readonly<Record<RequestAction | 'invalid', Record<ReplyStatus, number>>>
  readonly limits: Record<CountedLimit, number> = {
    max_subscribers: 0,
    max_subscribers_per_address: 0,
    subscribe_rate: 0,
    max_topics: 0,
    max_publish: 0,
    max_message_values: 0,
    queue: 0,
    'plugins.apps.zmq.max_connections': 0,
    'plugins.apps.zmq.max_connections_per_subscriber': 0,
    'plugins.apps.zmq.max_peer_bytes': 0,
    file_descriptors: 0,
    'inspector.max_connections': 0,
    change_rate: 0,
  }
  /** Subscriptions that ended, by reason. */
  readonly departures: Record<DepartureReason, number> = { requested: 0, evicted: 0, crowded_out: 0, dropped: 0 }
  readonly outcomes: Record<SnapshotOutcome, number> = {
    complete: 0,
    nobody_asked: 0,
    nobody_answered: 0,
    requester_left: 0,
    crowded_out: 0,
    failed: 0,
  }
  readonly snapshotDurations = new Durations()

  /** A management request was answered; `invalid`: it could not be carried out by anybody. */
  replied(action: RequestAction | 'invalid', { status }: ManagementReply): void {
    this.replies[action][status === 'unknown request' ? 'unknown_request' : status]++
  }

  /** A snapshot exchange was closed. */
  snapshotClosed(outcome: SnapshotOutcome, seconds: number): void {
    this.outcomes[outcome]++
    this.snapshotDurations.add(seconds)
  }
}

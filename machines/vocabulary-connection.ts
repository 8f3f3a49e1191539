/**
 * The words of the connection's chart. Types only, nothing here runs.
 */
import type { DoneActorEvent, ErrorActorEvent, PromiseActorLogic } from 'xstate'

/** What a subscriber's connection hears. */
export type ConnectionEvent =
  /** A connection on `pub` subscribed to the p2p topic. */
  | { type: 'connection.opened' }
  /** It is no more. */
  | { type: 'connection.closed' }
  /** Its subscriber left, or has fewer connections than it had: this actor is not needed any more. */
  | { type: 'actor.dismissed' }
  /** It is subscribed to other types than before, amid frames that its subscriber counts. */
  | { type: 'prefixes.changed' }
  /** Its subscriber said how many frames it received. */
  | { type: 'receipt.confirmed' }
  /** Its subscriber gives no sign of life: nothing is to be sent. */
  | { type: 'sending.held' }
  /** It does again. */
  | { type: 'sending.released' }
  /** Its peer answered a PING for the first time. */
  | { type: 'peer.acknowledged' }
  /** What comes next is not in memory. */
  | { type: 'queue.starved' }
  /** As much is under way as may be. */
  | { type: 'connection.filled' }
  /** Some of that has arrived, or gone. */
  | { type: 'connection.drained' }
  | DoneActorEvent
  | ErrorActorEvent

/** What a connection is born with: whose it is, and which of several. */
export interface ConnectionInput {
  /** The subscriber's p2p topic: a secret, shortened wherever it is shown. */
  readonly topic: string
  /** 0 is the first; others are there while connections overlap. */
  readonly number: number
}

/** What a connection knows of itself. */
export type ConnectionContext = ConnectionInput

/** The types of the connection chart. */
export interface ConnectionTypes {
  input: ConnectionInput
  context: ConnectionContext
  events: ConnectionEvent
  actors: {
    src: 'fetchFromHistory' | 'locatePosition' | 'writeRecord'
    logic: PromiseActorLogic<void, ConnectionInput>
  }
  actions:
    | { type: 'startSending' }
    | { type: 'stopSending' }
    | { type: 'giveBackPage' }
    | { type: 'stopCounting' }
    | { type: 'reportUnreadable' }
    | { type: 'boundByWindow' }
    | { type: 'boundByNetwork' }
  guards: { type: 'isPlaceKnown' } | { type: 'isRecordStale' } | { type: 'hasReceipt' } | { type: 'hasRoom' }
  delays: 'receiptPause' | 'heartbeatTimeout' | 'fetchRetryPause' | 'acknowledgementTimeout'
}

/**
 * The words of the client's charts, the connection and its sessions: events, inputs, answers. Types only, nothing here runs.
 *
 * Messages never pass through here: the chart hears what the bus answers, and nothing of what it delivers.
 */
import type { DoneActorEvent, ErrorActorEvent, PromiseActorLogic } from 'xstate'

/** What an application wants to hear (PROTOCOL "Management"). */
export interface SubscriptionWish {
  readonly topics: readonly string[]
  /** How far back a snapshot reaches, in days; 0 for none. */
  readonly snapshotDays: number
  /** Shall messages say their number? Absent: no. */
  readonly numbered?: boolean
  /** Where in the bus's history it begins: behind this number, or at this time (RFC 3339). Absent: with what is live. */
  readonly since?: number | string | undefined
}

/** What the bus granted: where messages come from, and where they go. */
export interface Grant {
  /** The p2p topic: a secret, shortened wherever it is shown. */
  readonly topic: string
  /** Where the bus publishes, `tcp://host:port`. */
  readonly pubAddress: string
  /** Where the bus listens to publishers, `tcp://host:port`. */
  readonly subAddress: string
  /** Number of the first message that may come, where messages say theirs. */
  readonly from?: number
  /** It goes on behind a message of the one before: what comes again of that has no number beyond the last. */
  readonly continues?: true
}

/** The bus's answer to a subscription. That there was no answer is an error of the request, not an answer. */
export type SubscribeAnswer =
  | { readonly answer: 'granted'; readonly grant: Grant }
  | { readonly answer: 'refused'; readonly reason: string }

/** The bus's answer to a heartbeat: does it know the subscription? */
export type HeartbeatAnswer = 'known' | 'forgotten'

/** A step in a session's life that the application is told of. */
export type SessionStep =
  | { step: 'subscribed' }
  /** The connection broke, or a heartbeat was not answered. The subscription may well live on: the bus is asked until it answers. */
  | { step: 'away' }
  /** The connection is there again, the bus answers, and still knows the subscription: nothing was missed. */
  | { step: 'back' }
  /** The bus no longer knows the subscription; a new one is asked for. */
  | { step: 'forgotten' }
  /** The new subscription is there. What was published in between may be missing, but for what its snapshot brings. */
  | { step: 'resubscribed' }
  /** The bus does not grant the new subscription. It is asked again. */
  | { step: 'refused' }
  | { step: 'closed' }
  /** There is no first subscription: the bus refused it, did not answer in time, or something else is in its place. */
  | { step: 'failed' }

/** What a session hears. */
export type ClientSessionEvent =
  | { type: 'close' }
  /** The connection that messages come by had broken and is there again: the bus waits to hear what was received. */
  | { type: 'feed.reconnected' }
  /** The connection on which messages come broke: what was counted before is not to be said any more. */
  | { type: 'feed.broke' }
  | DoneActorEvent<SubscribeAnswer, 'requestSubscription'>
  | DoneActorEvent<HeartbeatAnswer, 'requestHeartbeat'>
  | DoneActorEvent<void, 'requestUnsubscription'>
  | ErrorActorEvent<unknown, 'requestSubscription' | 'requestHeartbeat' | 'requestUnsubscription'>

/** What a session knows. */
export interface ClientSessionContext extends SubscriptionWish {
  /** The subscription that is held now. */
  readonly grant: Grant | undefined
  /** The p2p topic of the subscription that was held before, which the bus is told to let go. */
  readonly formerTopic: string | undefined
  /** Requests in a row that led nowhere: what the pause before the next one grows with. */
  readonly failedAttempts: number
  /** What was wrong with the last of them. */
  readonly failure: unknown
}

/** The types of the client session's chart. */
export interface ClientSessionTypes {
  input: SubscriptionWish
  context: ClientSessionContext
  events: ClientSessionEvent
  actors:
    | {
        src: 'requestSubscription'
        id: 'requestSubscription'
        logic: PromiseActorLogic<SubscribeAnswer, SubscriptionWish>
      }
    | { src: 'requestHeartbeat'; id: 'requestHeartbeat'; logic: PromiseActorLogic<HeartbeatAnswer, { topic: string }> }
    | { src: 'requestUnsubscription'; id: 'requestUnsubscription'; logic: PromiseActorLogic<void, { topic: string }> }
  actions:
    | { type: 'rememberGrant' }
    | { type: 'joinTopic' }
    | { type: 'leaveTopic' }
    | { type: 'rememberNoAnswer' }
    | { type: 'rememberRefusal' }
    | { type: 'forgetFailedAttempts' }
    | { type: 'tell'; params: SessionStep }
  guards: { type: 'wasGranted' } | { type: 'isKnown' } | { type: 'isHopeless' }
  delays: 'openTimeout' | 'heartbeatInterval' | 'retryPause' | 'closeTimeout'
}

/** What a connection to a bus hears. */
export type ClientEvent =
  | { type: 'close' }
  | DoneActorEvent<void, 'endSubscriptions'>
  /** Was everything done in time? */
  | DoneActorEvent<boolean, 'awaitReceipts' | 'sendRest'>
  | ErrorActorEvent<unknown>

/** The types of the connection's chart. */
export interface ClientTypes {
  context: {
    /** Was something given up that had been accepted? */
    readonly abandoned: boolean
  }
  events: ClientEvent
  actors:
    | { src: 'endSubscriptions'; id: 'endSubscriptions'; logic: PromiseActorLogic<void> }
    | { src: 'awaitReceipts'; id: 'awaitReceipts'; logic: PromiseActorLogic<boolean> }
    | { src: 'sendRest'; id: 'sendRest'; logic: PromiseActorLogic<boolean> }
  actions: { type: 'refuseWork' } | { type: 'noteAbandoned' } | { type: 'tellAbandoned' }
  guards: never
  delays: never
}

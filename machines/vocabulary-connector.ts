/**
 * The words of the VAST connector's charts: the connector itself, and its live matcher. Types only, nothing here runs.
 *
 * Indicators, events and sightings never pass through here.
 */
import type { DoneActorEvent, ErrorActorEvent, PromiseActorLogic } from 'xstate'

/** Is VAST's node there? */
export type VastAnswer = 'there' | 'away'

/** A step in the connector's life that an operator is told of. */
export type ConnectorStep =
  | { step: 'subscribed' }
  /** The bus did not grant the subscription, or did not answer. It is asked again. */
  | { step: 'unsubscribed' }
  | { step: 'vast_there' }
  /** What is to be matched waits. */
  | { step: 'vast_away' }
  | { step: 'stopping' }
  /** What still ran when the time for it was over was killed. */
  | { step: 'out_of_time' }
  | { step: 'sightings_left' }

/** What the connector hears. */
export type ConnectorEvent =
  | { type: 'stop' }
  /** Nobody takes what it prints any more; `failure` unless its reader just left. */
  | { type: 'output.closed'; failure?: unknown }
  /** A heartbeat was not answered, or the bus forgot the subscription. The client library sees to it. */
  | { type: 'bus.away' }
  | { type: 'bus.back' }
  /** A call of VAST failed in a way that its absence would explain. */
  | { type: 'vast.suspected' }
  | DoneActorEvent<
      void,
      'takeIndicators' | 'subscribe' | 'finishMatching' | 'endCommands' | 'flushSightings' | 'leaveBus'
    >
  | DoneActorEvent<VastAnswer, 'askVast'>
  | ErrorActorEvent<unknown, 'takeIndicators' | 'subscribe' | 'flushSightings' | 'leaveBus'>

/** What the connector knows. */
export interface ConnectorContext {
  /** Subscriptions in a row that were not granted: what the pause before the next try grows with. */
  readonly failedSubscriptions: number
  /** Times in a row that VAST was asked for and not there. */
  readonly failedCalls: number
  /** Times that VAST has been away. */
  readonly absences: number
  /** What was wrong with the bus last. */
  readonly trouble: unknown
  /** Why it ends, if not because it was told to. */
  readonly failure: unknown
}

/** The types of the connector's chart. */
export interface ConnectorTypes {
  context: ConnectorContext
  events: ConnectorEvent
  output: { readonly failure: unknown }
  actors:
    | { src: 'subscribe'; id: 'subscribe'; logic: PromiseActorLogic<void> }
    | { src: 'takeIndicators'; id: 'takeIndicators'; logic: PromiseActorLogic<void> }
    | { src: 'askVast'; id: 'askVast'; logic: PromiseActorLogic<VastAnswer> }
    | { src: 'finishMatching'; id: 'finishMatching'; logic: PromiseActorLogic<void> }
    | { src: 'endCommands'; id: 'endCommands'; logic: PromiseActorLogic<void> }
    | { src: 'flushSightings'; id: 'flushSightings'; logic: PromiseActorLogic<void> }
    | { src: 'leaveBus'; id: 'leaveBus'; logic: PromiseActorLogic<void> }
  actions:
    | { type: 'startLiveMatcher' }
    | { type: 'stopLiveMatcher' }
    | { type: 'resumeMatching' }
    | { type: 'holdMatching' }
    | { type: 'attachLiveMatcher' }
    | { type: 'detachLiveMatcher' }
    | { type: 'countAbsence' }
    | { type: 'countFailedSubscription' }
    | { type: 'forgetFailedSubscriptions' }
    | { type: 'countFailedCall' }
    | { type: 'forgetFailedCalls' }
    | { type: 'rememberFailure' }
    | { type: 'tell'; params: ConnectorStep }
  guards: { type: 'isThere' }
  delays: 'subscribePause' | 'vastPause' | 'finishTimeout' | 'flushTimeout'
}

/** Why the live matcher is not attached any more, or was not to begin with. */
export type MatcherLoss = 'ended' | 'vast_away'

/** A step in the live matcher's life that an operator is told of. */
export type LiveMatcherStep = { step: 'attached' } | { step: 'lost'; reason: MatcherLoss }

/** What the live matcher hears. */
export type LiveMatcherEvent =
  | { type: 'stop' }
  | { type: 'vast.away' }
  | { type: 'vast.back' }
  | DoneActorEvent<void, 'startMatcher' | 'readMatches' | 'endMatcher'>
  | ErrorActorEvent<unknown, 'startMatcher' | 'readMatches'>

/** The types of the live matcher's chart. */
export interface LiveMatcherTypes {
  context: {
    /** Times in a row that it was lost soon: what the pause before the next try grows with. */
    readonly losses: number
  }
  events: LiveMatcherEvent
  actors:
    | { src: 'startMatcher'; id: 'startMatcher'; logic: PromiseActorLogic<void> }
    | { src: 'readMatches'; id: 'readMatches'; logic: PromiseActorLogic<void> }
    | { src: 'endMatcher'; id: 'endMatcher'; logic: PromiseActorLogic<void> }
  actions:
    | { type: 'fillMatcher' }
    | { type: 'holdMatcher' }
    | { type: 'countLoss' }
    | { type: 'forgetLosses' }
    | { type: 'tell'; params: LiveMatcherStep }
  guards: never
  delays: 'settleTime' | 'attachPause'
}

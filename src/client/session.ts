import { assign, fromPromise } from 'xstate'
import { clientSessionChart } from '../../machines/client-session.ts'
import type {
  ClientSessionEvent,
  Grant,
  HeartbeatAnswer,
  SessionStep,
  SubscribeAnswer,
  SubscriptionWish,
} from '../../machines/vocabulary-client.ts'
import type { Complete } from '../actors/complete.ts'
import { SubscriptionRefusedError, UnintelligibleReplyError } from './errors.ts'
import type { Settings } from './options.ts'
import type { Requests } from './requests.ts'

/** What a session needs of the connection to the bus. */
export interface SessionSurroundings {
  readonly requests: Pick<Requests, 'subscribe' | 'heartbeat' | 'unsubscribe'>
  readonly settings: Settings
  /** Joins a topic that was granted. What is held of the one before is still read. */
  join(grant: Grant): void
  /** Leaves all topics. */
  leave(): void
  /** How many messages came under the topic that was granted last; undefined if that can't be said now. */
  received(): Promise<number | undefined>
  /** `failure` is what was wrong with the last request, where something was. */
  tell(step: SessionStep['step'], topic: string, failure: unknown): void
}

/** Bounds of the pauses before a request that failed is made again. */
export type RetryPauses = Pick<Settings, 'shortestRetryPauseMs' | 'longestRetryPauseMs'>

/** Doublings after which a pause grows no longer, whatever its bounds. */
const maxDoublings = 20

/**
 * The pause after so many failed attempts: doubled with each, up to the longest, and of that a random part between a half
 * and the whole, so that applications that lost the same bus don't all come back at once.
 */
export function retryPauseMs(failedAttempts: number, settings: RetryPauses, random = Math.random()): number {
  const { shortestRetryPauseMs, longestRetryPauseMs } = settings
  const doublings = Math.min(Math.max(failedAttempts - 1, 0), maxDoublings)
  return Math.min(shortestRetryPauseMs * 2 ** doublings, longestRetryPauseMs) * (0.5 + random / 2)
}

/** The client session's chart, provided with everything it names. */
export function sessionLogic(surroundings: SessionSurroundings): typeof clientSessionChart {
  const { requests, settings } = surroundings
  const timeoutMs = settings.requestTimeoutMs
  const implementations: Complete<typeof clientSessionChart> = {
    actors: {
      requestSubscription: fromPromise<SubscribeAnswer, SubscriptionWish>(({ input, signal }) =>
        requests.subscribe(input, { timeoutMs, signals: [signal] }),
      ),
      requestHeartbeat: fromPromise<HeartbeatAnswer, { topic: string }>(async ({ input, signal }) =>
        requests.heartbeat(input.topic, await surroundings.received(), { timeoutMs, signals: [signal] }),
      ),
      requestUnsubscription: fromPromise<void, { topic: string }>(({ input, signal }) =>
        requests.unsubscribe(input.topic, { timeoutMs, signals: [signal] }),
      ),
    },
    actions: {
      rememberGrant: assign(({ context, event }) => {
        const answer = subscribeAnswerIn(event)
        return answer?.answer === 'granted' ? { grant: answer.grant, formerTopic: context.grant?.topic } : {}
      }),
      joinTopic: ({ context }) => {
        if (context.grant !== undefined) surroundings.join(context.grant)
      },
      leaveTopic: () => surroundings.leave(),
      rememberNoAnswer: assign(({ context, event }) => ({
        failedAttempts: context.failedAttempts + 1,
        failure: 'error' in event ? event.error : undefined,
      })),
      rememberRefusal: assign(({ context, event }) => {
        const answer = subscribeAnswerIn(event)
        const reason = answer?.answer === 'refused' ? answer.reason : 'it gave no reason'
        return {
          failedAttempts: context.failedAttempts + 1,
          failure: new SubscriptionRefusedError(`the bus refused the subscription: ${reason}`),
        }
      }),
      forgetFailedAttempts: assign({ failedAttempts: 0, failure: undefined }),
      tell: ({ context }, { step }) => surroundings.tell(step, context.grant?.topic ?? '', context.failure),
    },
    guards: {
      wasGranted: ({ event }) => subscribeAnswerIn(event)?.answer === 'granted',
      isKnown: ({ event }) => 'output' in event && event.output === 'known',
      isHopeless: ({ event }) =>
        !settings.waitForBus || ('error' in event && event.error instanceof UnintelligibleReplyError),
    },
    delays: {
      openTimeout: settings.connectTimeoutMs,
      heartbeatInterval: settings.heartbeatIntervalMs,
      closeTimeout: settings.closeTimeoutMs,
      retryPause: ({ context }) => retryPauseMs(context.failedAttempts, settings),
    },
  }
  return clientSessionChart.provide(implementations)
}

function subscribeAnswerIn(event: ClientSessionEvent): SubscribeAnswer | undefined {
  return 'output' in event && typeof event.output === 'object' ? event.output : undefined
}

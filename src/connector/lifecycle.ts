import { assign, fromPromise } from 'xstate'
import { connectorChart } from '../../machines/connector.ts'
import type { ConnectorStep, VastAnswer } from '../../machines/vocabulary-connector.ts'
import type { Complete } from '../actors/complete.ts'
import { type RetryPauses, retryPauseMs } from '../client/session.ts'

/** What the connector's life needs. */
export interface LifecycleSurroundings {
  readonly pauses: RetryPauses
  readonly finishTimeoutMs: number
  readonly flushTimeoutMs: number
  /** Fulfilled when the bus has granted the subscription. */
  subscribe(signal: AbortSignal): Promise<void>
  /** Takes indicators until the signal is aborted. */
  takeIndicators(signal: AbortSignal): Promise<void>
  askVast(signal: AbortSignal): Promise<VastAnswer>
  resumeMatching(): void
  holdMatching(): void
  startLiveMatcher(): void
  /** VAST is there: it need not wait any longer until it is attached. */
  attachLiveMatcher(): void
  /** VAST is away. */
  detachLiveMatcher(): void
  stopLiveMatcher(): void
  /** Fulfilled when nothing is being matched any more. */
  finishMatching(): Promise<void>
  /** Kills what still runs. Fulfilled when it is gone. */
  endCommands(): Promise<void>
  /** Fulfilled when no sighting waits. */
  flushSightings(): Promise<void>
  leaveBus(): Promise<void>
  tell(step: ConnectorStep, trouble: unknown): void
}

/** The connector's chart, provided with everything it names. */
export function connectorLogic(surroundings: LifecycleSurroundings): typeof connectorChart {
  const { pauses } = surroundings
  const implementations: Complete<typeof connectorChart> = {
    actors: {
      subscribe: fromPromise<void>(({ signal }) => surroundings.subscribe(signal)),
      takeIndicators: fromPromise<void>(({ signal }) => surroundings.takeIndicators(signal)),
      askVast: fromPromise<VastAnswer>(({ signal }) => surroundings.askVast(signal)),
      finishMatching: fromPromise<void>(() => surroundings.finishMatching()),
      endCommands: fromPromise<void>(() => surroundings.endCommands()),
      flushSightings: fromPromise<void>(() => surroundings.flushSightings()),
      leaveBus: fromPromise<void>(() => surroundings.leaveBus()),
    },
    actions: {
      startLiveMatcher: () => surroundings.startLiveMatcher(),
      attachLiveMatcher: () => surroundings.attachLiveMatcher(),
      detachLiveMatcher: () => surroundings.detachLiveMatcher(),
      stopLiveMatcher: () => surroundings.stopLiveMatcher(),
      resumeMatching: () => surroundings.resumeMatching(),
      holdMatching: () => surroundings.holdMatching(),
      countFailedSubscription: assign({
        failedSubscriptions: ({ context }) => context.failedSubscriptions + 1,
        trouble: ({ event }) => ('error' in event ? event.error : undefined),
      }),
      forgetFailedSubscriptions: assign({ failedSubscriptions: 0, trouble: undefined }),
      countFailedCall: assign({ failedCalls: ({ context }) => context.failedCalls + 1 }),
      forgetFailedCalls: assign({ failedCalls: 0 }),
      countAbsence: assign({ absences: ({ context }) => context.absences + 1 }),
      rememberFailure: assign({ failure: ({ event }) => ('failure' in event ? event.failure : undefined) }),
      tell: ({ context }, step) => surroundings.tell(step, context.trouble),
    },
    guards: { isThere: ({ event }) => 'output' in event && event.output === 'there' },
    delays: {
      subscribePause: ({ context }) => retryPauseMs(context.failedSubscriptions, pauses),
      vastPause: ({ context }) => retryPauseMs(context.failedCalls, pauses),
      finishTimeout: surroundings.finishTimeoutMs,
      flushTimeout: surroundings.flushTimeoutMs,
    },
  }
  return connectorChart.provide(implementations)
}

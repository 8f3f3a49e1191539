import { assign, fromPromise } from 'xstate'
import { liveMatcherChart } from '../../machines/live-matcher.ts'
import type { LiveMatcherStep } from '../../machines/vocabulary-connector.ts'
import type { Complete } from '../actors/complete.ts'
import { type RetryPauses, retryPauseMs } from '../client/session.ts'

/** What the live matcher's life needs. */
export interface LiveMatcherSurroundings {
  readonly matching: {
    /** Fulfilled when the process runs. */
    start(): Promise<void>
    /** Fulfilled when it has ended. */
    read(): Promise<void>
    /** Ends it. */
    end(): Promise<void>
  }
  readonly content: { fill(): void; hold(): void }
  readonly pauses: RetryPauses
  tell(step: LiveMatcherStep): void
}

/** The live matcher's chart, provided with everything it names. */
export function liveMatcherLogic(surroundings: LiveMatcherSurroundings): typeof liveMatcherChart {
  const { matching, content, pauses } = surroundings
  const implementations: Complete<typeof liveMatcherChart> = {
    actors: {
      startMatcher: fromPromise<void>(() => matching.start()),
      readMatches: fromPromise<void>(() => matching.read()),
      endMatcher: fromPromise<void>(() => matching.end()),
    },
    actions: {
      fillMatcher: () => content.fill(),
      holdMatcher: () => content.hold(),
      countLoss: assign({ losses: ({ context }) => context.losses + 1 }),
      forgetLosses: assign({ losses: 0 }),
      tell: (_, step) => surroundings.tell(step),
    },
    guards: {},
    delays: {
      // Longer than any pause: what does not stay that long is lost again and again.
      settleTime: pauses.longestRetryPauseMs,
      attachPause: ({ context }) => retryPauseMs(context.losses, pauses),
    },
  }
  return liveMatcherChart.provide(implementations)
}

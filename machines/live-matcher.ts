import { createMachine } from 'xstate'
import type { LiveMatcherTypes } from './vocabulary-connector.ts'

/**
 * The live matcher's life: one process of VAST that stays attached and prints a line for every match. When it ends, or
 * VAST goes away, it is attached anew, and what it looks for is told to VAST again: what that still knew is not asked.
 */
export const liveMatcherChart = createMachine({
  types: {} as LiveMatcherTypes,
  id: 'liveMatcher',
  context: { losses: 0 },
  initial: 'attaching',
  states: {
    attaching: {
      invoke: {
        id: 'startMatcher',
        src: 'startMatcher',
        onDone: 'attached',
        onError: { target: 'lost', actions: { type: 'tell', params: { step: 'lost', reason: 'ended' } } },
      },
      on: { stop: 'ending' },
    },

    attached: {
      entry: ['fillMatcher', { type: 'tell', params: { step: 'attached' } }],
      exit: 'holdMatcher',
      invoke: {
        id: 'readMatches',
        src: 'readMatches',
        onDone: { target: 'lost', actions: { type: 'tell', params: { step: 'lost', reason: 'ended' } } },
        onError: { target: 'lost', actions: { type: 'tell', params: { step: 'lost', reason: 'ended' } } },
      },
      after: { settleTime: { actions: 'forgetLosses' } },
      on: {
        'vast.away': {
          target: 'lost',
          actions: { type: 'tell', params: { step: 'lost', reason: 'vast_away' } },
        },
        stop: 'ending',
      },
    },

    lost: {
      description: 'Whatever is left of the process is ended: there is never a second one.',
      entry: 'countLoss',
      invoke: { id: 'endMatcher', src: 'endMatcher', onDone: 'backing_off' },
      on: { stop: 'ending' },
    },

    backing_off: {
      after: { attachPause: 'attaching' },
      on: { 'vast.back': 'attaching', stop: 'ended' },
    },

    ending: { invoke: { id: 'endMatcher', src: 'endMatcher', onDone: 'ended' } },

    ended: { type: 'final' },
  },
})

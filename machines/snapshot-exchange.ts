import { createMachine } from 'xstate'
import type { SnapshotExchangeTypes } from './vocabulary.ts'

/**
 * One snapshot, asked of the applications on behalf of one subscriber (PROTOCOL "Snapshots").
 *
 * What the history has goes first, so that applications' answers can be merged with it. They answer with envelopes, as many as they like, and nothing in the protocol marks the last one: a gathering
 * is complete when no envelope has come for a while.
 */
export const snapshotExchangeChart = createMachine({
  types: {} as SnapshotExchangeTypes,
  id: 'snapshotExchange',
  context: ({ input }) => input,
  initial: 'opening',
  on: {
    'requester.left': {
      target: '.expired',
      actions: { type: 'closeExchange', params: { outcome: 'requester_left' } },
    },
    'exchange.crowdedOut': {
      target: '.expired',
      actions: { type: 'closeExchange', params: { outcome: 'crowded_out' } },
    },
    'broker.stopped': '.suspended',
  },
  states: {
    opening: {
      description: 'A new exchange, or one that an earlier broker had open.',
      always: [{ target: 'gathering', guard: 'wasAsked' }, { target: 'selecting' }],
    },

    selecting: {
      description: 'It is being found out what the history has for the requester.',
      entry: 'selectFromHistory',
      on: { 'history.selected': 'queued' },
    },

    queued: {
      description: 'Its requests wait for their turn: so many a second go out to all applications together.',
      entry: 'queueRequests',
      on: { 'requests.admitted': 'asking' },
    },

    asking: {
      description: 'Every other subscriber was asked; nobody has answered yet.',
      always: {
        target: 'complete',
        guard: 'nobodyToAsk',
        actions: { type: 'closeExchange', params: { outcome: 'nobody_asked' } },
      },
      entry: 'askApplications',
      on: { 'envelope.received': 'gathering' },
      after: {
        answerTimeout: {
          target: 'expired',
          actions: { type: 'closeExchange', params: { outcome: 'nobody_answered' } },
        },
      },
    },

    gathering: {
      description: 'Envelopes are coming in and go to the requester alone.',
      on: { 'envelope.received': { target: 'gathering', reenter: true } },
      after: {
        quietTimeout: { target: 'complete', actions: { type: 'closeExchange', params: { outcome: 'complete' } } },
      },
    },

    complete: { type: 'final' },
    expired: { type: 'final' },
    suspended: {
      // Not final, as with subscribers: XState looks through the timers of all actors when one ends.
      description: 'The broker stopped. What the next one finds open it goes on with.',
    },
  },
})

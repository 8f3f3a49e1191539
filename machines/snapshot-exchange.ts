import { createMachine } from 'xstate'
import type { SnapshotExchangeTypes } from './vocabulary.ts'

/**
 * One snapshot, asked of the applications on behalf of one subscriber (PROTOCOL "Snapshots").
 *
 * Applications answer with envelopes, as many as they like, and nothing in the protocol marks the last one: a gathering
 * is complete when no envelope has come for a while.
 */
export const snapshotExchangeChart = createMachine({
  types: {} as SnapshotExchangeTypes,
  id: 'snapshotExchange',
  context: ({ input }) => ({ snapshotId: input.snapshotId, requester: input.requester }),
  initial: 'asking',
  on: {
    'requester.left': {
      target: '.expired',
      actions: { type: 'closeExchange', params: { outcome: 'requester_left' } },
    },
    'exchange.crowdedOut': {
      target: '.expired',
      actions: { type: 'closeExchange', params: { outcome: 'crowded_out' } },
    },
  },
  states: {
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
  },
})

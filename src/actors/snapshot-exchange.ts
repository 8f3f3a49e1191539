import type { Actor } from 'xstate'
import { snapshotExchangeChart } from '../../machines/snapshot-exchange.ts'
import type { SnapshotOutcome } from '../../machines/vocabulary.ts'
import type { Complete } from './complete.ts'

/** A running snapshot exchange. */
export type SnapshotExchangeActor = Actor<typeof snapshotExchangeChart>

/** What snapshot exchanges need of the broker. */
export interface SnapshotExchangeSurroundings {
  readonly delaysMs: { readonly answerTimeout: number; readonly quietTimeout: number }
  /** Finds out what the history has for the requester, and then sends `history.selected`. */
  selectFromHistory(snapshotId: string): void
  /** Sends `requests.admitted` when it is its turn to ask. */
  queueRequests(snapshotId: string): void
  /** Sends the snapshot requests to every subscriber but the requester. */
  askApplications(snapshotId: string): void
  /** Is the requester the only subscriber? */
  nobodyToAsk(requester: string): boolean
  /** Ends the exchange: envelopes with its id are refused from now on. */
  closeExchange(snapshotId: string, outcome: SnapshotOutcome): void
}

/** The snapshot-exchange chart, provided with everything it names. One for all exchanges. */
export function snapshotExchangeLogic(surroundings: SnapshotExchangeSurroundings): typeof snapshotExchangeChart {
  const { delaysMs, selectFromHistory, queueRequests, askApplications, nobodyToAsk, closeExchange } = surroundings
  const implementations: Complete<typeof snapshotExchangeChart> = {
    actions: {
      selectFromHistory: ({ context }) => selectFromHistory(context.snapshotId),
      queueRequests: ({ context }) => queueRequests(context.snapshotId),
      askApplications: ({ context }) => askApplications(context.snapshotId),
      closeExchange: ({ context }, { outcome }) => closeExchange(context.snapshotId, outcome),
    },
    guards: {
      nobodyToAsk: ({ context }) => nobodyToAsk(context.requester),
      wasAsked: ({ context }) => context.wasAsked,
    },
    delays: delaysMs,
    actors: {},
  }
  return snapshotExchangeChart.provide(implementations)
}

import { assign, fromPromise } from 'xstate'
import { clientChart } from '../../machines/client.ts'
import type { Complete } from '../actors/complete.ts'

/** What the connection's life needs. None of it rejects. */
export interface ClientSurroundings {
  /** From now on nothing is accepted. */
  refuseWork(): void
  endSubscriptions(): Promise<void>
  /** Says whether everything that was published has its receipt. */
  awaitReceipts(): Promise<boolean>
  /** Says whether everything left that was to be sent without receipts. */
  sendRest(): Promise<boolean>
  /** Something was accepted, and given up. */
  tellAbandoned(): void
}

/** The chart of a connection to a bus, provided with everything it names. */
export function clientLogic(surroundings: ClientSurroundings): typeof clientChart {
  const implementations: Complete<typeof clientChart> = {
    actors: {
      endSubscriptions: fromPromise<void>(() => surroundings.endSubscriptions()),
      awaitReceipts: fromPromise<boolean>(() => surroundings.awaitReceipts()),
      sendRest: fromPromise<boolean>(() => surroundings.sendRest()),
    },
    actions: {
      refuseWork: () => surroundings.refuseWork(),
      noteAbandoned: assign(({ context, event }) => ({
        abandoned: context.abandoned || ('output' in event && event.output === false),
      })),
      tellAbandoned: ({ context }) => {
        if (context.abandoned) surroundings.tellAbandoned()
      },
    },
    guards: {},
    delays: {},
  }
  return clientChart.provide(implementations)
}

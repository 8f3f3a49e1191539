import { type Actor, fromPromise } from 'xstate'
import { connectionChart } from '../../machines/connection.ts'
import type { ConnectionInput } from '../../machines/vocabulary-connection.ts'
import type { Delivery } from '../delivery/delivery.ts'
import type { Egress, Outlet } from '../delivery/egress.ts'
import type { Queue } from '../delivery/queue.ts'
import type { Supplies } from '../delivery/supplies.ts'
import type { Complete } from './complete.ts'

/** A running connection. */
export type ConnectionActor = Actor<typeof connectionChart>

/**
 * A connection as its subscriber's subscription keeps it: the actor, and what it sends, while it is open. Who wants to know is
 * told when less may wait for it, or be on its way.
 */
export interface Connection {
  readonly actor: ConnectionActor
  open: { readonly delivery: Delivery; readonly outlet: Outlet; progressed(): void } | undefined
}

/** What connections need of the broker. */
export interface ConnectionSurroundings {
  readonly egress: Egress
  /** Undefined if there is no history: then nobody ever needs anything from it. */
  readonly supplies: Supplies | undefined
  readonly delaysMs: { readonly heartbeatTimeout: number }
  /** The connection, and the queue of the subscriber whose it is. */
  find(connection: ConnectionInput): { readonly queue: Queue; readonly open: Connection['open'] } | undefined
  /** Where the subscriber stands has changed in a way that a restart must not change back. Fulfilled when it can't. */
  remember(topic: string): Promise<void>
  /** Tells the operator that the history could not be read. */
  reportUnreadable(error: unknown): void
}

/**
 * How long a subscriber whose socket is back is waited for although it has said what it received: it may have received
 * more since, which its connection held when it broke.
 */
const receiptPauseMs = 1000

/** How long after a failure the history is read again. */
const fetchRetryPauseMs = 1000

/** How long it is waited for the answer to a connection's first PING: its library gives it at once, or never. */
const acknowledgementTimeoutMs = 1000

/** The connection chart, provided with everything it names. One for all connections. */
export function connectionLogic(surroundings: ConnectionSurroundings): typeof connectionChart {
  const { egress, supplies, find, remember, delaysMs } = surroundings
  const implementations: Complete<typeof connectionChart> = {
    actions: {
      startSending: ({ context }) => {
        const { queue, open } = find(context) ?? {}
        if (queue === undefined || open === undefined) return
        queue.begin(open.delivery)
        egress.open(open.outlet)
        open.progressed()
      },
      stopSending: ({ context }) => {
        const { open } = find(context) ?? {}
        if (open === undefined) return
        egress.close(open.outlet)
        // However long it is not sent anything now, others have what was fetched.
        open.outlet.turnEnded()
      },
      giveBackPage: ({ context }) => find(context)?.open?.outlet.turnEnded(),
      stopCounting: ({ context }) => find(context)?.queue.stopCounting(),
      reportUnreadable: ({ event }) => surroundings.reportUnreadable('error' in event ? event.error : undefined),
      boundByWindow: ({ context }) => bound(context, 'window'),
      boundByNetwork: ({ context }) => bound(context, 'network'),
    },
    guards: {
      isPlaceKnown: ({ context }) => find(context)?.queue.isPlaceKnown ?? false,
      isRecordStale: ({ context }) => {
        const { queue, open } = find(context) ?? {}
        return open !== undefined && (queue?.isRecordStaleFor(open.delivery) ?? false)
      },
      hasReceipt: ({ context }) => find(context)?.queue.standing === 'counted',
      hasRoom: ({ context }) => find(context)?.open?.delivery.hasRoom ?? false,
    },
    delays: {
      ...delaysMs,
      receiptPause: receiptPauseMs,
      fetchRetryPause: fetchRetryPauseMs,
      acknowledgementTimeout: acknowledgementTimeoutMs,
    },
    actors: {
      fetchFromHistory: fromPromise<void, ConnectionInput>(async ({ input, signal }) => {
        const cursor = find(input)?.open?.delivery.cursor
        if (cursor) await supplies?.supply(cursor, signal)
      }),
      locatePosition: fromPromise<void, ConnectionInput>(async ({ input, signal }) => {
        await find(input)?.queue.locate(async cursor => {
          try {
            await supplies?.supply(cursor, signal)
          } finally {
            supplies?.turnEnded(cursor)
          }
        })
        // A count that was made before a crash may be wrong by what that lost: from here on it is right, also after another.
        if (!signal.aborted) await remember(input.topic)
      }),
      writeRecord: fromPromise<void, ConnectionInput>(({ input }) => {
        const { queue, open } = find(input) ?? {}
        if (open) queue?.begin(open.delivery)
        return remember(input.topic)
      }),
    },
  }

  function bound(context: ConnectionInput, by: Delivery['boundBy']): void {
    const { open } = find(context) ?? {}
    if (open === undefined) return
    open.delivery.boundBy = by
    open.progressed()
  }

  return connectionChart.provide(implementations)
}

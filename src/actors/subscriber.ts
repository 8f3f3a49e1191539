import { type Actor, assign, fromPromise } from 'xstate'
import { subscriberChart } from '../../machines/subscriber.ts'
import type { SubscriberContext, SubscriberStep } from '../../machines/vocabulary.ts'
import type { Egress, Outlet } from '../delivery/egress.ts'
import type { Queue } from '../delivery/queue.ts'
import type { Supplies } from '../delivery/supplies.ts'
import type { StoredSubscription } from '../history/stored-subscription.ts'
import type { Complete } from './complete.ts'

/** One subscription as the broker keeps it: the actor, and what its messages need, which never enters the actor. */
export interface Subscription {
  /** The p2p topic: a secret, shortened wherever it is shown. */
  readonly topic: string
  /** What is kept of what was subscribed to. */
  readonly topics: readonly string[]
  /** Undefined: it asked for no snapshot. */
  readonly snapshot: StoredSubscription['snapshot']
  readonly queue: Queue
  readonly outlet: Outlet
  readonly actor: Actor<typeof subscriberChart>
}

/** What subscribers need of the broker. */
export interface SubscriberSurroundings {
  readonly egress: Egress
  /** Undefined if there is no history: then nobody ever needs anything from it. */
  readonly supplies: Supplies | undefined
  readonly delaysMs: {
    readonly joinTimeout: number
    readonly heartbeatTimeout: number
    readonly evictAfter: number
  }
  /** The subscription of a p2p topic. */
  find(topic: string): Subscription | undefined
  /** Ends the subscription: nothing is routed to it any more, and its topic is forgotten. */
  forget(topic: string): void
  /** Something about the subscription changed that a restart must not change back. Fulfilled when it can't. */
  remember(subscriber: SubscriberContext): Promise<void>
  /** Tells the operator. */
  tell(topic: string, step: SubscriberStep): void
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

/** The subscriber chart, provided with everything it names. One for all subscribers. */
export function subscriberLogic(surroundings: SubscriberSurroundings): typeof subscriberChart {
  const { egress, supplies, delaysMs, find, forget, remember, tell } = surroundings
  const implementations: Complete<typeof subscriberChart> = {
    actions: {
      startSending: ({ context }) => {
        const subscription = find(context.topic)
        if (subscription) egress.open(subscription.outlet)
      },
      stopSending: ({ context }) => {
        const subscription = find(context.topic)
        if (subscription) egress.close(subscription.outlet)
      },
      giveBackPage: ({ context }) => {
        const subscription = find(context.topic)
        if (subscription) supplies?.turnEnded(subscription.queue)
      },
      resumeUnconfirmed: ({ context }) => find(context.topic)?.queue.resumeUnconfirmed(),
      rewindQueue: ({ context }) => find(context.topic)?.queue.rewind(),
      reportUnreadable: ({ event }) => surroundings.reportUnreadable('error' in event ? event.error : undefined),
      noteStale: assign({ staleSinceMs: ({ context }) => context.staleSinceMs ?? Date.now() }),
      noteSignOfLife: assign({ staleSinceMs: undefined }),
      rememberSubscription: ({ context }) => remember(context),
      forgetSubscription: ({ context }) => forget(context.topic),
      countClosedSnapshot: assign({ openSnapshots: ({ context }) => context.openSnapshots - 1 }),
      noteHeartbeat: assign({ sendsHeartbeats: true }),
      tell: ({ context }, step) => tell(context.topic, step),
    },
    guards: {
      isRestored: ({ context }) => context.staleSinceMs !== undefined,
      everythingReplayed: ({ context }) => find(context.topic)?.queue.replaying === undefined,
      everySnapshotClosed: ({ context }) => context.openSnapshots === 0,
      isPositionKnown: ({ context }) => {
        return find(context.topic)?.queue.isResumed ?? false
      },
      hasReceipt: ({ context }) => find(context.topic)?.queue.hasReceipt ?? false,
      sendsHeartbeats: ({ context }) => context.sendsHeartbeats,
    },
    delays: {
      ...delaysMs,
      // A deadline goes on while the broker is away.
      evictAfter: ({ context }) =>
        Math.max(0, delaysMs.evictAfter - (Date.now() - (context.staleSinceMs ?? Date.now()))),
      receiptPause: receiptPauseMs,
      fetchRetryPause: fetchRetryPauseMs,
    },
    actors: {
      fetchFromHistory: fromPromise<void, { topic: string }>(async ({ input, signal }) => {
        const subscription = find(input.topic)
        if (subscription) await supplies?.supply(subscription.queue, signal)
      }),
      locatePosition: fromPromise<void, { topic: string }>(async ({ input, signal }) => {
        const subscription = find(input.topic)
        if (subscription === undefined) return
        subscription.queue.resume()
        await supplies?.supply(subscription.queue, signal)
        // A count that was made before a crash may be wrong by what that lost: from here on it is right, also after another.
        if (!signal.aborted) await remember(subscription.actor.getSnapshot().context)
      }),
    },
  }
  return subscriberChart.provide(implementations)
}

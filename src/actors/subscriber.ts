import { type Actor, assign } from 'xstate'
import { subscriberChart } from '../../machines/subscriber.ts'
import type { SubscriberStep } from '../../machines/vocabulary.ts'
import type { Egress, Outlet } from '../delivery/egress.ts'
import type { Queue } from '../delivery/queue.ts'
import type { Complete } from './complete.ts'

/** One subscription as the broker keeps it: the actor, and what its messages need, which never enters the actor. */
export interface Subscription {
  /** The p2p topic: a secret, shortened wherever it is shown. */
  readonly topic: string
  /** What was subscribed to. */
  readonly topics: readonly string[]
  readonly queue: Queue
  readonly outlet: Outlet
  readonly actor: Actor<typeof subscriberChart>
}

/** What subscribers need of the broker. */
export interface SubscriberSurroundings {
  readonly egress: Egress
  readonly delaysMs: {
    readonly joinTimeout: number
    readonly heartbeatTimeout: number
    readonly evictAfter: number
  }
  /** The subscription of a p2p topic. */
  find(topic: string): Subscription | undefined
  /** Ends the subscription: nothing is routed to it any more, and its topic is forgotten. */
  forget(topic: string): void
  /** Tells the operator. */
  tell(topic: string, step: SubscriberStep): void
}

/** How long a subscriber whose socket refused waits. Short, for the peer may read fast; a thousand waiting subscribers still cost little. */
const refusedSendPauseMs = 2

/** The subscriber chart, provided with everything it names. One for all subscribers. */
export function subscriberLogic(surroundings: SubscriberSurroundings): typeof subscriberChart {
  const { egress, delaysMs, find, forget, tell } = surroundings
  const implementations: Complete<typeof subscriberChart> = {
    actions: {
      drainQueue: ({ context }) => {
        const subscription = find(context.topic)
        if (subscription && subscription.queue.length > 0) egress.schedule(subscription.outlet)
      },
      keepMessages: ({ context }) => {
        const subscription = find(context.topic)
        if (subscription) egress.unschedule(subscription.outlet)
      },
      discardQueue: ({ context }) => forget(context.topic),
      countClosedSnapshot: assign({ openSnapshots: ({ context }) => context.openSnapshots - 1 }),
      noteHeartbeat: assign({ sendsHeartbeats: true }),
      tell: ({ context }, step) => tell(context.topic, step),
    },
    guards: {
      everySnapshotClosed: ({ context }) => context.openSnapshots === 0,
      sendsHeartbeats: ({ context }) => context.sendsHeartbeats,
    },
    delays: { ...delaysMs, refusedSendPause: refusedSendPauseMs },
    actors: {},
  }
  return subscriberChart.provide(implementations)
}

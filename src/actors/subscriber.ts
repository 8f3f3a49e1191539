import { type Actor, assign } from 'xstate'
import { subscriberChart } from '../../machines/subscriber.ts'
import type { SubscriberContext, SubscriberStep } from '../../machines/vocabulary.ts'
import type { Queue } from '../delivery/queue.ts'
import type { StoredSubscription } from '../history/subscriptions/stored-subscription.ts'
import { timerMs } from '../protocol/timer.ts'
import type { Complete } from './complete.ts'
import type { Connections } from './connections.ts'

/** One subscription as the broker keeps it: the actor, and what its messages need, which never enters the actor. */
export interface Subscription {
  /** The p2p topic: a secret, shortened wherever it is shown. */
  readonly topic: string
  /** What is kept of what was subscribed to. */
  readonly topics: readonly string[]
  /** Where it was subscribed from, as it is counted; undefined: an older broker did not keep it. */
  readonly address: string | undefined
  /** When it was subscribed, in milliseconds since the epoch; undefined: an older broker did not keep it. */
  readonly subscribedMs: number | undefined
  /** Undefined: it asked for no snapshot. */
  readonly snapshot: StoredSubscription['snapshot']
  /** Its messages say their number. */
  readonly numbered: true | undefined
  readonly queue: Queue
  readonly connections: Connections
  readonly actor: Actor<typeof subscriberChart>
}

/** What subscribers need of the broker. */
export interface SubscriberSurroundings {
  readonly delaysMs: {
    readonly joinTimeout: number
    readonly heartbeatTimeout: number
    readonly evictAfter: number
  }
  /** The subscription of a p2p topic. */
  find(topic: string): Subscription | undefined
  /** Ends the subscription: nothing is routed to it any more, and its topic is forgotten. */
  forget(topic: string): void
  /** Something about the subscription changed that a restart must not change back. */
  remember(subscriber: SubscriberContext): void
  /** The same. Fulfilled when it survives this process, or can't be made to. Never rejects. */
  remembered(subscriber: SubscriberContext): Promise<void>
  /** Tells the operator. */
  tell(topic: string, step: SubscriberStep): void
}

/** The subscriber chart, provided with everything it names. One for all subscribers. */
export function subscriberLogic(surroundings: SubscriberSurroundings): typeof subscriberChart {
  const { delaysMs, find, forget, remember, remembered, tell } = surroundings
  const implementations: Complete<typeof subscriberChart> = {
    actions: {
      holdConnections: ({ context }) => find(context.topic)?.connections.send({ type: 'sending.held' }),
      releaseConnections: ({ context }) => find(context.topic)?.connections.send({ type: 'sending.released' }),
      noteStale: assign({ staleSinceMs: ({ context }) => context.staleSinceMs ?? Date.now() }),
      noteSignOfLife: assign({ staleSinceMs: undefined, hasJoined: true }),
      rememberSubscription: ({ context }) => remember(context),
      forgetSubscription: ({ context }) => forget(context.topic),
      countClosedSnapshot: assign({ openSnapshots: ({ context }) => context.openSnapshots - 1 }),
      noteHeartbeat: assign({ sendsHeartbeats: true }),
      countFrames: ({ context, event }) => {
        if (event.type === 'frames.confirmed') find(context.topic)?.queue.count(event.received)
      },
      passConfirmation: ({ context }) => find(context.topic)?.connections.send({ type: 'receipt.confirmed' }),
      answerHeartbeat: ({ event }) => {
        if ('answer' in event) event.answer()
      },
      // From this answer on it counts on being sent nothing twice, also after a crash.
      answerOnceRemembered: ({ context, event }) => {
        if ('answer' in event) remembered(context).then(event.answer)
      },
      tell: ({ context }, step) => tell(context.topic, step),
    },
    guards: {
      isRestored: ({ context }) => context.staleSinceMs !== undefined,
      neverJoined: ({ context }) => !context.hasJoined,
      everythingReplayed: ({ context }) => find(context.topic)?.queue.replaying === undefined,
      everySnapshotClosed: ({ context }) => context.openSnapshots === 0,
      sendsHeartbeats: ({ context }) => context.sendsHeartbeats,
      beginsToConfirm: ({ context }) => find(context.topic)?.queue.mayBeginToCount ?? false,
    },
    delays: {
      ...delaysMs,
      // A deadline goes on while the broker is away.
      evictAfter: ({ context }) => timeLeftMs(delaysMs, Date.now() - (context.staleSinceMs ?? Date.now())),
    },
    actors: {},
  }
  return subscriberChart.provide(implementations)
}

/** What a subscriber that is stale when the broker starts has at least, in milliseconds, whatever the clock says. */
const leastGraceMs = 3_600_000

/**
 * How long, in milliseconds, a subscriber may still be stale that has been so for a time, as far as the machine's clock knows,
 * which may have been set since: at most `evictAfter`, and at least `joinTimeout` or an hour, whichever is longer.
 */
export function timeLeftMs(
  { evictAfter, joinTimeout }: Pick<SubscriberSurroundings['delaysMs'], 'evictAfter' | 'joinTimeout'>,
  staleForMs: number,
): number {
  const leastMs = Math.min(evictAfter, Math.max(joinTimeout, leastGraceMs))
  return timerMs(Math.max(leastMs, evictAfter - Math.max(0, staleForMs)))
}

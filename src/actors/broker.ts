import { type Actor, assign, enqueueActions, fromPromise } from 'xstate'
import { brokerChart } from '../../machines/broker.ts'
import type { endpointChart } from '../../machines/endpoint.ts'
import type { ManagementEvent, ReplyRoute } from '../../machines/vocabulary.ts'
import type { EndpointName } from '../../machines/vocabulary-endpoint.ts'
import type { ManagementReply } from '../protocol/management.ts'
import { errorReply, success } from '../protocol/management.ts'
import type { Complete } from './complete.ts'
import { type DrainingSurroundings, delivered, undelivered } from './draining.ts'
import type { SnapshotExchanges } from './snapshot-exchanges.ts'
import type { Subscribers } from './subscribers.ts'
import type { SubscriptionWish } from './subscribing.ts'

/** The ports that the three endpoints listen on. */
export type Ports = Readonly<Record<EndpointName, number>>

/** The actors that are started beside the supervisor's chart: it is their parent, and does not know them. */
export interface ActorsBeside {
  readonly subscribers: Subscribers
  readonly exchanges: SnapshotExchanges
}

/** What the supervisor needs of the broker. */
export interface BrokerSurroundings extends ActorsBeside, DrainingSurroundings {
  readonly endpoint: typeof endpointChart
  readonly delaysMs: { readonly shutdownTimeout: number }
  /** Opens the subscriptions that an earlier broker gave. */
  restoreSubscribers(): Promise<void>
  /** Opens a subscription for who asked by this route, if there is room for one more, and answers the reply. Never rejects. */
  subscribe(wish: SubscriptionWish, ports: Ports, route: ReplyRoute): Promise<ManagementReply>
  /** Publishes what came by this route, and answers the reply once it is on disk. Never rejects. */
  publishWithReceipt(route: ReplyRoute): Promise<ManagementReply>
  /** Publishes nothing any more of what waits to be published with a receipt. */
  refusePublications(): void
  reply(request: Pick<ManagementEvent, 'type' | 'route'>, reply: ManagementReply): void
  announceServing(ports: Ports): void
  reportUndelivered(messages: number): void
  reportActorFailure(actorId: string, error: unknown): void
}

/** The broker chart, provided with everything it names. */
export function brokerLogic(surroundings: BrokerSurroundings): typeof brokerChart {
  const { subscribers, exchanges, reply } = surroundings
  const implementations: Complete<typeof brokerChart> = {
    actors: {
      endpoint: surroundings.endpoint,
      restoreSubscribers: fromPromise(() => surroundings.restoreSubscribers()),
      deliverRest: fromPromise(({ signal }) => delivered(surroundings, signal)),
    },
    actions: {
      rememberPort: assign({
        ports: ({ context, event }) =>
          'port' in event ? { ...context.ports, [event.name]: event.port } : context.ports,
      }),
      rememberFailure: assign({ failure: ({ event }) => ('failure' in event ? event.failure : undefined) }),
      announceServing: ({ context }) => surroundings.announceServing(context.ports),
      openSubscription: ({ context, event }) => {
        if (event.type !== 'management.subscribe') return
        surroundings.subscribe(event, context.ports, event.route).then(answer => reply(event, answer))
      },
      publishWithReceipt: ({ event }) => {
        if (event.type !== 'management.publish') return
        surroundings.publishWithReceipt(event.route).then(answer => reply(event, answer))
      },
      closeSubscription: ({ event }) => {
        if (event.type !== 'management.unsubscribe') return
        const subscription = subscribers.find(event.topic)
        subscription?.actor.send({ type: 'unsubscribe.requested' })
        reply(event, subscription ? success : unknownSubscription)
      },
      passHeartbeat: ({ event }) => {
        if (event.type !== 'management.heartbeat') return
        const { topic, received, route } = event
        const actor = subscribers.find(topic)?.actor
        if (actor === undefined) return reply(event, unknownSubscription)
        actor.send({ type: 'heartbeat.received' })
        // What it says of itself is its own to answer.
        if (received === undefined) reply(event, success)
        else actor.send({ type: 'frames.confirmed', received, route })
      },
      refuseWhileNotServing: ({ event }) => {
        if ('route' in event) reply(event, errorReply('the broker is starting or stopping'))
      },
      reportActorFailure: ({ event }) => {
        if ('actorId' in event) surroundings.reportActorFailure(event.actorId, event.error)
      },
      closeIntake: ({ self }) => {
        surroundings.refusePublications()
        self.getSnapshot().children.sub?.send({ type: 'close' })
      },
      reportUndelivered: () => surroundings.reportUndelivered(undelivered(subscribers)),
      // The chart does not know them as its children, so nobody else stops them. They are suspended first, all of them: then
      // no timers are left, through which XState would look for each one that it stops.
      endActors: enqueueActions(({ enqueue }) => {
        enqueue(() => suspendAll(surroundings))
        for (const { actor } of subscribers) enqueue.stopChild(actor)
        for (const actor of exchanges) enqueue.stopChild(actor)
      }),
      closeEndpoints: ({ self }) => {
        const { manage, pub, sub } = self.getSnapshot().children
        for (const endpoint of [manage, sub, pub]) endpoint?.send({ type: 'close' })
      },
    },
    guards: { everyEndpointListens: ({ context }) => Object.values(context.ports).every(port => port > 0) },
    delays: surroundings.delaysMs,
  }
  return brokerChart.provide(implementations)
}

const unknownSubscription = errorReply('the broker does not know this subscription')

/** Ends what a supervisor leaves that failed by an error: then none of its actions is carried out, and its children go on. */
export function endOrphans(supervisor: Actor<typeof brokerChart>, actors: ActorsBeside): void {
  suspendAll(actors)
  for (const endpoint of Object.values(supervisor.getSnapshot().children)) endpoint?.send({ type: 'close' })
}

/** The actors beside the supervisor hear that it is over: they wait for nothing any more, and begin nothing. */
function suspendAll({ subscribers, exchanges }: ActorsBeside): void {
  subscribers.stopAll()
  exchanges.stopAll()
}

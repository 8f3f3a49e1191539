import { type Actor, assign, enqueueActions, fromPromise } from 'xstate'
import { brokerChart } from '../../machines/broker.ts'
import type { endpointChart } from '../../machines/endpoint.ts'
import type { EndpointName } from '../../machines/vocabulary-endpoint.ts'
import type { Complete } from './complete.ts'
import type { SnapshotExchanges } from './snapshot-exchanges.ts'
import type { Subscribers } from './subscribers.ts'

/** The ports that the three endpoints listen on. */
export type Ports = Readonly<Record<EndpointName, number>>

/** The actors that are started beside the supervisor's chart: it is their parent, and does not know them. */
export interface ActorsBeside {
  readonly subscribers: Subscribers
  readonly exchanges: SnapshotExchanges
}

/** What the supervisor needs of the broker. */
export interface BrokerSurroundings extends ActorsBeside {
  readonly endpoint: typeof endpointChart
  readonly delaysMs: { readonly shutdownTimeout: number }
  /** Opens the subscriptions that an earlier broker gave. */
  restoreSubscribers(): Promise<void>
  /** Publishes nothing any more of what waits to be published with a receipt. */
  refusePublications(): void
  announceServing(ports: Ports): void
  /** Asks at once what has arrived of what was sent: what is not known to have comes again after a restart. */
  askWhatArrived(): void
  reportUndelivered(messages: number): void
  reportActorFailure(actorId: string, error: unknown): void
}

/** How often a draining broker looks whether everything is delivered. */
const drainCheckPauseMs = 10

/** The broker chart, provided with everything it names. */
export function brokerLogic(surroundings: BrokerSurroundings): typeof brokerChart {
  const { subscribers, exchanges } = surroundings
  const implementations: Complete<typeof brokerChart> = {
    actors: {
      endpoint: surroundings.endpoint,
      restoreSubscribers: fromPromise(() => surroundings.restoreSubscribers()),
    },
    actions: {
      rememberPort: assign({
        ports: ({ context, event }) =>
          'port' in event ? { ...context.ports, [event.name]: event.port } : context.ports,
      }),
      rememberFailure: assign({ failure: ({ event }) => ('failure' in event ? event.failure : undefined) }),
      announceServing: ({ context }) => surroundings.announceServing(context.ports),
      carryOutRequest: ({ event }) => {
        if ('carryOut' in event) event.carryOut()
      },
      refuseRequest: ({ event }) => {
        if ('refuse' in event) event.refuse()
      },
      reportActorFailure: ({ event }) => {
        if ('actorId' in event) surroundings.reportActorFailure(event.actorId, event.error)
      },
      closeIntake: ({ self }) => {
        surroundings.refusePublications()
        self.getSnapshot().children.sub?.send({ type: 'close' })
      },
      askWhatArrived: () => surroundings.askWhatArrived(),
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
    guards: { everythingDelivered: () => undelivered(subscribers) === 0 && !isAnythingOnItsWay(subscribers) },
    delays: { ...surroundings.delaysMs, drainCheckPause: drainCheckPauseMs },
  }
  return brokerChart.provide(implementations)
}

/** Messages that wait for subscribers that are there to take them. */
function undelivered(subscribers: Subscribers): number {
  let messages = 0
  for (const { actor, queue } of subscribers) if (actor.getSnapshot().matches('joined')) messages += queue.lag
  return messages
}

/** Was something sent to subscribers whose libraries acknowledge it, and have not? */
function isAnythingOnItsWay(subscribers: Subscribers): boolean {
  for (const { queue } of subscribers) {
    for (const { boundBy, unacknowledgedBytes } of queue.deliveries) {
      if (boundBy === 'window' && unacknowledgedBytes > 0) return true
    }
  }
  return false
}

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

import { type Actor, assign, enqueueActions, fromPromise } from 'xstate'
import { brokerChart } from '../../machines/broker.ts'
import type { endpointChart } from '../../machines/endpoint.ts'
import type { EndpointName } from '../../machines/vocabulary-endpoint.ts'
import type { Complete } from './complete.ts'
import { type DrainingSurroundings, delivered, undelivered } from './draining.ts'
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
export interface BrokerSurroundings extends ActorsBeside, DrainingSurroundings {
  readonly endpoint: typeof endpointChart
  readonly delaysMs: { readonly shutdownTimeout: number }
  /** Opens the subscriptions that an earlier broker gave. */
  restoreSubscribers(): Promise<void>
  /** Publishes nothing any more of what waits to be published with a receipt. */
  refusePublications(): void
  announceServing(ports: Ports): void
  reportUndelivered(messages: number): void
  reportActorFailure(actorId: string, error: unknown): void
}

/** The broker chart, provided with everything it names. */
export function brokerLogic(surroundings: BrokerSurroundings): typeof brokerChart {
  const { subscribers, exchanges } = surroundings
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

import { createActor } from 'xstate'
import type { EndpointName } from '../../machines/vocabulary-endpoint.ts'
import type { Config } from '../config/schema.ts'
import { maxRunBytes } from '../delivery/cursor.ts'
import type { Egress } from '../delivery/egress.ts'
import type { MessageLog } from '../delivery/message-log.ts'
import type { Supplies } from '../delivery/supplies.ts'
import type { History } from '../history/history.ts'
import { type BrokerSurroundings, brokerLogic } from './broker.ts'
import { connectionLogic } from './connection.ts'
import { type EndpointSocket, endpointLogic } from './endpoint.ts'
import { indexTimers } from './indexed-timers.ts'
import { SlicedClock } from './sliced-clock.ts'
import { snapshotExchangeLogic } from './snapshot-exchange.ts'
import { SnapshotExchanges } from './snapshot-exchanges.ts'
import { type SubscriberSurroundings, subscriberLogic } from './subscriber.ts'
import { Subscribers, type SubscribersSurroundings } from './subscribers.ts'
import { Subscribing, type SubscribingSurroundings } from './subscribing.ts'
import { SubscriptionAdmission, type SubscriptionLimit, subscriptionLimits } from './subscription-admission.ts'
import { SubscriptionRecords } from './subscription-records.ts'

/** How often it is written down where subscribers stand: what they were sent since, a crash makes them get again. */
const positionsIntervalMs = 1000

/** What the actors of a broker work with. */
export interface ActorSystemSurroundings {
  readonly messages: MessageLog
  readonly egress: Egress
  /** These two are undefined if there is no history. */
  readonly history: History | undefined
  readonly supplies: Supplies | undefined
  readonly sockets: Readonly<Record<EndpointName, EndpointSocket>> & {
    /** The addresses that they bind. */
    readonly addresses: Readonly<Record<EndpointName, string>>
  }
  /** What the supervisor does that is no work of actors. */
  readonly supervision: Pick<
    BrokerSurroundings,
    'announceServing' | 'refusePublications' | 'askWhatArrived' | 'reportUndelivered'
  >
  readonly reports: ActorReports
}

/** Who hears of what actors do. */
export interface ActorReports
  extends Pick<SubscribersSurroundings, 'missed' | 'crowdedOut'>,
    Pick<SubscribingSurroundings, 'snapshotClosed'> {
  readonly step: SubscriberSurroundings['tell']
  reached(limit: SubscriptionLimit): void
  unreadable(error: unknown): void
  actorFailed(actorId: string, error: unknown): void
}

/** Every actor of a broker: subscribers with their connections, and snapshot exchanges, under the supervisor, which owns the endpoints. */
export type ActorSystem = ReturnType<typeof actorSystem>

/** Makes them. Nothing happens until the supervisor is started. */
export function actorSystem(config: Config, surroundings: ActorSystemSurroundings) {
  const { messages, egress, history, supplies, sockets, supervision, reports } = surroundings
  const { zmq } = config.plugins.apps
  const subscribers = new Subscribers({
    log: messages,
    egress,
    supplies,
    bounds: {
      maxDeliveries: zmq.max_connections_per_subscriber,
      windowBytes: zmq.acknowledgement_window,
      networkBytes: zmq.send_buffer_size + 2 * maxRunBytes + zmq.network_buffer_size,
    },
    connection: () => connection,
    received: (subscription, bytes) => records?.received(subscription, bytes),
    changed: ({ actor }) => subscribing.note(actor.getSnapshot().context),
    missed: (topic, missed) => reports.missed(topic, missed),
    crowdedOut: topic => reports.crowdedOut(topic),
  })
  const exchanges = new SnapshotExchanges({
    subscribers,
    limits: {
      maxOpen: config.snapshot.max_open,
      maxRequestsPerSecond: config.snapshot.max_requests_per_second,
      maxMerged: config.snapshot.max_merged,
    },
    selections: supplies?.selections,
    publish: batch => messages.append(batch),
  })
  const subscriptionAdmission = new SubscriptionAdmission(subscriptionLimits(config), {
    subscribers,
    reached: limit => reports.reached(limit),
    nowMs: () => performance.now(),
  })
  const records =
    history &&
    new SubscriptionRecords(history.subscriptions, zmq.acknowledgement_window, topic => exchanges.openFor(topic))
  const subscribing = new Subscribing({
    subscribers,
    exchanges,
    log: messages,
    oldest: () => history?.store.oldest,
    firstSince: ms => history?.store.firstSince(ms) ?? messages.next,
    nowMs: () => history?.clock.earliestMs ?? Date.now(),
    records,
    supervisor: () => supervisor,
    subscriber: () => subscriber,
    snapshotExchange: () => snapshotExchange,
    snapshotClosed: closed => reports.snapshotClosed(closed),
  })
  const subscriber = subscriberLogic({
    delaysMs: {
      joinTimeout: config.joinTimeoutMs,
      heartbeatTimeout: config.heartbeat.timeoutMs,
      evictAfter: config.evictAfterMs,
    },
    find: topic => subscribers.find(topic),
    forget: topic => subscribing.forget(topic),
    remember: context => subscribing.note(context),
    remembered: context => subscribing.remember(context),
    tell: (topic, step) => reports.step(topic, step),
  })
  const connection = connectionLogic({
    egress,
    supplies,
    delaysMs: { heartbeatTimeout: config.heartbeat.timeoutMs },
    find: ({ topic, number }) => {
      const { queue, connections } = subscribers.find(topic) ?? {}
      return queue && { queue, open: connections?.at(number)?.open }
    },
    remember: async topic => {
      const found = subscribers.find(topic)
      if (found) await subscribing.remember(found.actor.getSnapshot().context)
    },
    reportUnreadable: error => reports.unreadable(error),
  })
  const snapshotExchange = snapshotExchangeLogic({
    delaysMs: {
      answerTimeout: config.snapshot.answerTimeoutMs,
      quietTimeout: config.snapshot.quietTimeoutMs,
    },
    selectFromHistory: snapshotId => exchanges.select(snapshotId),
    queueRequests: snapshotId => exchanges.queueRequests(snapshotId),
    askApplications: snapshotId => exchanges.ask(snapshotId),
    nobodyToAsk: requester => exchanges.nobodyToAsk(requester),
    closeExchange: (snapshotId, outcome) => subscribing.closeExchange(snapshotId, outcome),
  })
  const endpoint = (name: EndpointName) => ({ name, address: sockets.addresses[name] })
  const supervisor = createActor(
    brokerLogic({
      endpoint: endpointLogic({ bindRetryMs: zmq.bindRetryMs, sockets }),
      subscribers,
      exchanges,
      delaysMs: { shutdownTimeout: config.shutdownTimeoutMs },
      restoreSubscribers: () => subscribing.restore(history?.subscriptions.all() ?? []),
      ...supervision,
      reportActorFailure: (id, error) => {
        reports.actorFailed(id, error)
        subscribing.removeFailed()
      },
    }),
    {
      id: 'broker',
      clock: new SlicedClock(),
      input: { endpoints: { manage: endpoint('manage'), pub: endpoint('pub'), sub: endpoint('sub') } },
    },
  )
  indexTimers(supervisor.system)
  const positions = setInterval(() => {
    records?.movePositions(subscribers)
    // Also safe from a power cut, a second later. That it fails is said loudly by the history.
    history?.subscriptions.synced().catch(() => {})
  }, positionsIntervalMs)
  /** Writes down no more where subscribers stand. */
  const close = () => clearInterval(positions)
  return { supervisor, subscribers, exchanges, subscribing, subscriptionAdmission, records, close }
}

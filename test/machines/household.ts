import { createActor, SimulatedClock } from 'xstate'
import { type BrokerSurroundings, brokerLogic } from '../../src/actors/broker.ts'
import { connectionLogic } from '../../src/actors/connection.ts'
import { endpointLogic } from '../../src/actors/endpoint.ts'
import { type SnapshotExchangeSurroundings, snapshotExchangeLogic } from '../../src/actors/snapshot-exchange.ts'
import { SnapshotExchanges } from '../../src/actors/snapshot-exchanges.ts'
import { type SubscriberSurroundings, subscriberLogic } from '../../src/actors/subscriber.ts'
import { Subscribers } from '../../src/actors/subscribers.ts'
import { Subscribing, type SubscribingSurroundings } from '../../src/actors/subscribing.ts'
import type { SubscriptionRecords } from '../../src/actors/subscription-records.ts'
import { Egress } from '../../src/delivery/egress.ts'
import { MessageLog } from '../../src/delivery/message-log.ts'
import type { Supplies } from '../../src/delivery/supplies.ts'
import type { StoredSubscription } from '../../src/history/subscriptions/stored-subscription.ts'

/** How long its supervisor may take to shut down. */
export const shutdownTimeoutMs = 60_000

/** What a household begins with, and what its actors call; what is left out does nothing. */
export interface HouseholdOptions {
  /** Subscriptions that an earlier broker gave. */
  readonly left?: readonly StoredSubscription[]
  /** Snapshot exchanges that may be open. Default 10. */
  readonly maxOpen?: number
  readonly tell?: SubscriberSurroundings['tell']
  readonly remembered?: SubscriberSurroundings['remembered']
  readonly askApplications?: SnapshotExchangeSurroundings['askApplications']
  readonly snapshotClosed?: SubscribingSurroundings['snapshotClosed']
  /** The log, and what is read of it from a store. Default: a log in memory. */
  readonly opened?: { readonly log: MessageLog; readonly supplies: Supplies | undefined }
  /** Where its subscriptions are written down. Default: nowhere. */
  readonly records?: SubscriptionRecords
  /** Default: a second for each. */
  readonly delaysMs?: SubscriberSurroundings['delaysMs']
  readonly askWhatArrived?: BrokerSurroundings['askWhatArrived']
  readonly reportUndelivered?: BrokerSurroundings['reportUndelivered']
}

/**
 * All actors of a broker as they live together, in simulated time: the supervisor with its endpoints, and subscribers and
 * snapshot exchanges beside it. There are no sockets, and nothing is sent; ports are given when the test says so.
 */
export function household(options: HouseholdOptions = {}) {
  const { left = [], maxOpen = 10, tell = () => {}, snapshotClosed = () => {} } = options
  const clock = new SimulatedClock()
  const { log, supplies } = options.opened ?? {
    log: new MessageLog(undefined, { maxRecentMessages: 1000, maxRecentBytes: 1e6, durability: 'background' }),
    supplies: undefined,
  }
  const { delaysMs = { joinTimeout: 1000, heartbeatTimeout: 1000, evictAfter: 1000 }, records } = options
  const egress = new Egress(() => Promise.resolve())
  const subscribers = new Subscribers({
    ...{ log, egress, supplies, bounds: { maxDeliveries: 4, windowBytes: 1e6, networkBytes: 1e6 } },
    connection: () => connection,
    received() {},
    changed: ({ actor }) => subscribing.note(actor.getSnapshot().context),
    missed() {},
    crowdedOut() {},
  })
  const exchanges = new SnapshotExchanges({
    subscribers,
    limits: { maxOpen, maxRequestsPerSecond: 1e6, maxMerged: 10 },
    selections: undefined,
    publish: batch => log.append(batch),
  })
  const subscribing = new Subscribing({
    subscribers,
    exchanges,
    log,
    oldest: () => undefined,
    firstSince: () => 1,
    nowMs: Date.now,
    records,
    supervisor: () => supervisor,
    subscriber: () => subscriber,
    snapshotExchange: () => snapshotExchange,
    snapshotClosed,
  })
  const connection = connectionLogic({
    egress,
    supplies,
    delaysMs,
    find: ({ topic, number }) => {
      const { queue, connections } = subscribers.find(topic) ?? {}
      return queue && { queue, open: connections?.at(number)?.open }
    },
    remember: async topic => {
      const found = subscribers.find(topic)
      if (found) await subscribing.remember(found.actor.getSnapshot().context)
    },
    reportUnreadable() {},
  })
  const subscriber = subscriberLogic({
    delaysMs,
    find: topic => subscribers.find(topic),
    forget: topic => subscribing.forget(topic),
    remember: context => subscribing.note(context),
    remembered: options.remembered ?? (context => subscribing.remember(context)),
    tell,
  })
  const snapshotExchange = snapshotExchangeLogic({
    delaysMs: { answerTimeout: 1000, quietTimeout: 1000 },
    selectFromHistory: id => exchanges.select(id),
    queueRequests: id => exchanges.queueRequests(id),
    askApplications: options.askApplications ?? (id => exchanges.ask(id)),
    nobodyToAsk: requester => exchanges.nobodyToAsk(requester),
    closeExchange: (id, outcome) => subscribing.closeExchange(id, outcome),
  })
  const socket = () => {
    let listen = (_port: number) => {}
    let fail = (_error: Error) => {}
    const bound = new Promise<number>((resolve, reject) => {
      listen = resolve
      fail = reject
    })
    return { bind: () => bound, serve: () => new Promise<void>(() => {}), close() {}, listen, fail }
  }
  const sockets = { manage: socket(), pub: socket(), sub: socket() }
  const input = (name: keyof typeof sockets) => ({ name, address: 'tcp://127.0.0.1:0' })
  const supervisor = createActor(
    brokerLogic({
      endpoint: endpointLogic({ sockets, bindRetryMs: 1000 }),
      subscribers,
      exchanges,
      delaysMs: { shutdownTimeout: shutdownTimeoutMs },
      restoreSubscribers: () => subscribing.restore(left),
      announceServing() {},
      refusePublications() {},
      askWhatArrived: options.askWhatArrived ?? (() => {}),
      reportUndelivered: options.reportUndelivered ?? (() => {}),
      reportActorFailure: () => subscribing.removeFailed(),
    }),
    { clock, input: { endpoints: { manage: input('manage'), pub: input('pub'), sub: input('sub') } } },
  )
  return {
    clock,
    log,
    supervisor,
    subscribers,
    exchanges,
    sockets,
    subscribe: (topics: readonly string[], snapshotDays = 0, confirms = false) => {
      const wish = { address: '127.0.0.1', topics, snapshotDays, confirms }
      const subscription = subscribing.open(wish)
      subscribing.confirm(subscription, wish)
      return subscription
    },
    /** A connection without room subscribes to a p2p topic, several times for overlapping ones. */
    connect: (topic: string) => {
      subscribers.connect(topic, { hasRoom: false, nextPing: 1, send: () => 1, leave() {} })?.wants([''])
    },
    /** Every actor beside the supervisor. */
    *beside() {
      for (const { actor, connections } of subscribers) {
        yield actor
        for (const { actor: connection } of connections) yield connection
      }
      yield* exchanges
    },
    /** What any actor waits for. */
    timers: () => Object.values(supervisor.system.getSnapshot()._scheduledEvents).map(({ event }) => event.type),
  }
}

/** Fulfilled when what promises have to say has been heard, and what goes on in slices has ended: on a busy machine, one for each. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise(resolve => setImmediate(resolve))
}

import { setTimeout as sleep, setImmediate as yieldToEventLoop } from 'node:timers/promises'
import type { Logger } from 'pino'
import { createActor, toPromise, waitFor } from 'xstate'
import type { BrokerOutput, ManagementEvent, ReplyRoute } from '../machines/vocabulary.ts'
import type { EndpointName } from '../machines/vocabulary-endpoint.ts'
import { brokerLogic, endOrphans, type Ports } from './actors/broker.ts'
import { connectionLogic } from './actors/connection.ts'
import { endpointLogic } from './actors/endpoint.ts'
import { snapshotExchangeLogic } from './actors/snapshot-exchange.ts'
import { SnapshotExchanges } from './actors/snapshot-exchanges.ts'
import { subscriberLogic } from './actors/subscriber.ts'
import { Subscribers } from './actors/subscribers.ts'
import { Subscribing, type SubscriptionWish } from './actors/subscribing.ts'
import { SubscriptionRecords } from './actors/subscription-records.ts'
import { inmemBackbone } from './backbone/inmem.ts'
import type { Config } from './config/schema.ts'
import { batchOf } from './delivery/batch.ts'
import { maxRunBytes } from './delivery/cursor.ts'
import { Egress } from './delivery/egress.ts'
import { Intake } from './delivery/intake.ts'
import { MessageLog } from './delivery/message-log.ts'
import { Supplies } from './delivery/supplies.ts'
import type { History } from './history/history.ts'
import type { TraceFile } from './inspector/trace/trace-file.ts'
import { observe } from './observation.ts'
import type { HttpTrouble } from './observe/http/start.ts'
import { RateLimited } from './observe/rate-limited.ts'
import { Story } from './observe/story.ts'
import { Tally } from './observe/tally.ts'
import { subscribedPrefixes } from './protocol/frames.ts'
import {
  decodeRequest,
  errorReply,
  type ManagementReply,
  noHistoryReply,
  receipt,
  subscribeReply,
} from './protocol/management.ts'
import type { Message } from './protocol/message.ts'
import type { RefusalReason } from './protocol/refusal.ts'
import { type MessageType, shortened } from './protocol/topics.ts'
import { addressOf } from './sockets/address.ts'
import { ManageSocket, type RawRequest } from './sockets/manage.ts'
import { PubSocket } from './sockets/pub.ts'
import { SubSocket } from './sockets/sub.ts'
import type { BreakReason } from './sockets/zmtp/break-reason.ts'

/** A running broker. */
export interface Broker {
  /** Fulfilled once all three endpoints listen, with their ports. Rejects if they can't: `stopped` then says why. */
  readonly serving: Promise<Ports>
  /** Fulfilled when the broker has ended, with the failure if it was one. Rejects, then too, with an error that nobody expected. */
  readonly stopped: Promise<BrokerOutput>
  /** Stops taking subscriptions and messages, delivers what is queued for joined subscribers, and ends. */
  stop(): void
}

/** Time that replies on their way have at least when the sockets are closed. */
const leastLingerMs = 100

/** How often it is written down where subscribers stand: what they were sent since, a crash makes them get again. */
const positionsIntervalMs = 1000

/**
 * Starts a broker. Reads top to bottom as the list of what the process is made of.
 *
 * @param history is undefined if nothing is to outlive the process. The broker closes it when it ends.
 * @param trace is where what actors do is recorded from the beginning. The broker closes it when it ends.
 */
export function startBroker(config: Config, log: Logger, history: History | undefined, trace?: TraceFile): Broker {
  const { zmq } = config.plugins.apps
  const repeating = new RateLimited<
    | RefusalReason
    | HttpTrouble
    | 'not_admitted'
    | 'max_subscribers'
    | 'max_connections'
    | `${EndpointName}.${BreakReason}`
    | 'missed'
    | 'crowded_out'
    | 'unreadable'
  >((fields, sentence) => log.warn(fields, sentence))
  const story = new Story(log)
  const tally = new Tally()

  // Delivery: whatever is accepted gets its place in the log; queues are positions in it, drained by the egress.
  const messages = new MessageLog(history?.store, {
    durability: config.history.durability,
    maxRecentMessages: history ? Number.POSITIVE_INFINITY : config.queue.max_messages,
    maxRecentBytes: history ? config.history.recent_bytes : config.queue.max_bytes,
  })
  history?.onWritten(() => messages.trim())
  const supplies =
    history &&
    new Supplies(history.store, {
      maxHeld: config.history.max_pages,
      cachedBytes: config.history.page_cache_bytes,
      maxSelections: config.snapshot.max_selections,
      betweenPages: () => sleep(config.snapshot.page_pause * 1000),
    })
  const egress = new Egress(() => yieldToEventLoop())
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
    changed: ({ actor }) => subscribing.remember(actor.getSnapshot().context),
    missed: (topic, missed) => {
      const because = history ? 'lagged past retention' : 'lagged past what is kept in memory'
      tally.missed += missed
      if (!history) tally.limits.queue++
      const sentence = `a subscriber ${because}: ${missed} messages are not there any more`
      repeating.log('missed', sentence, { subscriber: shortened(topic), missed })
    },
    crowdedOut: topic => {
      tally.limits['plugins.apps.zmq.max_connections_per_subscriber']++
      const sentence =
        'a subscriber has more connections than may be: the one that took nothing for longest was left out'
      repeating.log('crowded_out', sentence, { subscriber: shortened(topic) })
    },
  })
  const backbone = inmemBackbone(batch => messages.append(batch))
  const exchanges = new SnapshotExchanges({
    subscribers,
    limits: { maxOpen: config.snapshot.max_open, maxMerged: config.snapshot.max_merged },
    selections: supplies?.selections,
    publish: batch => messages.append(batch),
  })
  const intake = new Intake(config.validation, {
    publish: batch => backbone.publish(batch),
    deliverEnvelopes: (snapshotId, answers) => exchanges.deliver(snapshotId, answers),
    refused: ({ refused, detail }) => repeating.log(refused, `message refused: ${detail}`, { reason: refused }),
  })
  /** Messages that came to be published with a receipt, until the supervisor has decided on it. */
  const publications = new WeakMap<ReplyRoute, readonly Message<MessageType>[]>()

  // Sockets.
  // What the sockets hold when they are closed may take what is left of the time to shut down.
  const shutdownMs = config.shutdown_timeout * 1000
  let stopAtMs = Number.POSITIVE_INFINITY
  const lingerMs = () => Math.min(shutdownMs, Math.max(leastLingerMs, stopAtMs - performance.now()))
  const listening = {
    host: zmq.host,
    maxConnections: zmq.max_connections,
    sendBufferBytes: zmq.send_buffer_size,
    keepaliveIdleSeconds: zmq.tcp_keepalive,
    handshakeTimeoutMs: zmq.handshake_timeout * 1000,
    lingerMs,
  }
  const troublesOf = (endpoint: EndpointName) => ({
    broken: (reason: BreakReason, detail: string) => {
      tally.brokenConnections[endpoint][reason]++
      const sentence = `a connection to ${endpoint} was closed: ${detail}`
      repeating.log(`${endpoint}.${reason}`, sentence, { endpoint, reason })
    },
    dropped: (reason: string) => {
      tally.limits['plugins.apps.zmq.max_connections']++
      repeating.log('max_connections', `a connection to ${endpoint} was closed at once: ${reason}`)
    },
  })
  const manage = new ManageSocket(
    { ...listening, port: zmq.manage, maxMessageBytes: zmq.max_message_size },
    answer,
    troublesOf('manage'),
  )
  const pub = new PubSocket(
    {
      ...listening,
      port: zmq.pub,
      answerTimeoutMs: config.heartbeat.timeout * 1000,
      windowBytes: zmq.acknowledgement_window,
      maxMessageBytes: zmq.max_message_size,
    },
    {
      ...troublesOf('pub'),
      accept: (topic, link) => subscribers.connect(topic, link),
      refused: () => {
        tally.eavesdroppers++
        const sentence = "it subscribed to something that is nobody's p2p topic"
        repeating.log('not_admitted', `a peer on pub was refused: ${sentence}`)
      },
      changesTooOften: () => void tally.limits.change_rate++,
    },
  )
  const sub = new SubSocket(
    {
      ...listening,
      port: zmq.sub,
      lingerMs: () => 0,
      maxMessageBytes: zmq.max_message_size,
      prefixes: subscribedPrefixes,
    },
    { take: parts => intake.take(parts), flush: forward },
    troublesOf('sub'),
  )

  // Actors: subscribers and snapshot exchanges under the supervisor, which owns the endpoints.
  const records =
    history &&
    new SubscriptionRecords(history.subscriptions, zmq.acknowledgement_window, topic => exchanges.openFor(topic))
  const subscribing = new Subscribing({
    subscribers,
    exchanges,
    log: messages,
    oldest: () => history?.store.oldest,
    records,
    supervisor: () => supervisor,
    subscriber: () => subscriber,
    snapshotExchange: () => snapshotExchange,
    snapshotClosed: ({ snapshotId, requester, outcome, seconds }) => {
      tally.snapshotClosed(outcome, seconds)
      story.snapshotClosed(requester, snapshotId, outcome)
    },
  })
  const subscriber = subscriberLogic({
    delaysMs: {
      joinTimeout: config.join_timeout * 1000,
      heartbeatTimeout: config.heartbeat.timeout * 1000,
      evictAfter: config.evict_after * 1000,
    },
    find: topic => subscribers.find(topic),
    forget: topic => subscribing.forget(topic),
    remember: context => subscribing.remember(context),
    tell: (topic, step) => story.step(topic, step),
  })
  const connection = connectionLogic({
    egress,
    supplies,
    delaysMs: { heartbeatTimeout: config.heartbeat.timeout * 1000 },
    find: ({ topic, number }) => {
      const { queue, connections } = subscribers.find(topic) ?? {}
      return queue && { queue, open: connections?.at(number)?.open }
    },
    remember: async topic => {
      const found = subscribers.find(topic)
      if (found) await subscribing.remember(found.actor.getSnapshot().context)
    },
    reportUnreadable: error =>
      repeating.log('unreadable', 'the history cannot be read; it is tried again', { err: error }),
  })
  const snapshotExchange = snapshotExchangeLogic({
    delaysMs: {
      answerTimeout: config.snapshot.answer_timeout * 1000,
      quietTimeout: config.snapshot.quiet_timeout * 1000,
    },
    selectFromHistory: snapshotId => exchanges.select(snapshotId),
    askApplications: snapshotId => exchanges.ask(snapshotId),
    nobodyToAsk: requester => exchanges.nobodyToAsk(requester),
    closeExchange: (snapshotId, outcome) => subscribing.closeExchange(snapshotId, outcome),
  })
  const endpoint = endpointLogic({
    bindRetryMs: zmq.bind_retry * 1000,
    sockets: { manage, pub, sub },
  })
  const supervisor = createActor(
    brokerLogic({
      endpoint,
      subscribers,
      exchanges,
      delaysMs: { shutdownTimeout: shutdownMs },
      restoreSubscribers: () => subscribing.restore(history?.subscriptions.all() ?? []),
      subscribe,
      publishWithReceipt,
      remember: context => subscribing.remember(context),
      reply: ({ type, route }, reply) => {
        tally.replied(type, reply)
        manage.reply(route, JSON.stringify(reply))
      },
      announceServing: ports => {
        log.info({ host: zmq.host, ...ports }, 'serving')
        history?.describe(`${zmq.host === '*' ? '127.0.0.1' : zmq.host}:${ports.manage}`)
      },
      askWhatArrived: () => void pub.pingNow(),
      reportUndelivered: undelivered => {
        const sentence = history ? 'wait for the next start' : 'could not be delivered in time'
        if (undelivered > 0) log.warn({ messages: undelivered }, `${undelivered} messages ${sentence}`)
      },
      reportActorFailure: (id, error) => {
        log.error(
          { actor: id, err: error },
          'an actor failed; if it was a subscriber, its application has to subscribe again',
        )
        subscribing.removeFailed()
      },
    }),
    {
      id: 'broker',
      input: {
        endpoints: {
          manage: { name: 'manage', address: addressOf(zmq.host, zmq.manage) },
          pub: { name: 'pub', address: addressOf(zmq.host, zmq.pub) },
          sub: { name: 'sub', address: addressOf(zmq.host, zmq.sub) },
        },
      },
    },
  )

  /** Opens a subscription. It is answered when the record of it has left this process: then it survives its end. */
  async function subscribe(wish: SubscriptionWish, ports: Ports): Promise<ManagementReply> {
    const { max_subscribers: max } = config
    if (subscribers.size >= max) {
      tally.limits.max_subscribers++
      repeating.log('max_subscribers', 'a subscription was refused: there are as many subscribers as may be', { max })
      return errorReply(`the broker has as many subscribers as it admits (${max})`)
    }
    const { topic, topics } = subscribing.open(wish)
    story.subscribed(topic, topics, wish.snapshotDays)
    await records?.written()
    return subscribeReply(topic, ports, zmq)
  }

  /** Publishes messages, and answers when they are on disk. */
  async function publishWithReceipt(route: ReplyRoute): Promise<ManagementReply> {
    const published = publications.get(route) ?? []
    if (history === undefined) return noHistoryReply
    const notStored = errorReply('the history cannot be written at present: try again later')
    // What can't be stored isn't delivered, either: its publisher will try again.
    if (history.store.isFailing) return notStored
    const { first } = backbone.publish(batchOf(published))
    for (const { type } of published) tally.published[type]++
    return history.store.committed().then(
      () => {
        tally.receipts += published.length
        return receipt(first + published.length - 1)
      },
      () => notStored,
    )
  }

  /** Answers a management request, or passes it on to the supervisor, who will. */
  function answer({ route, parts }: RawRequest): void {
    const { max_topics: maxTopics, max_publish: maxMessages, validation } = config
    const reached = (limit: 'max_topics' | 'max_publish') => void tally.limits[limit]++
    const decoded = decodeRequest(parts, { maxTopics, maxMessages, validation, reached })
    if ('status' in decoded) {
      tally.replied(undefined, decoded)
      manage.reply(route, JSON.stringify(decoded))
    } else if (decoded.action === 'publish') {
      publications.set(route, decoded.messages)
      supervisor.send({ type: 'management.publish', route })
    } else supervisor.send({ ...decoded, type: `management.${decoded.action}`, route } as ManagementEvent)
  }

  /** Sends what the intake holds on its way, and waits until each subscriber had its turn and the disk keeps up. */
  async function forward(): Promise<void> {
    intake.flush()
    await egress.roundEnded()
    await history?.keepsUp()
    await yieldToEventLoop()
  }

  const positions = setInterval(() => {
    records?.movePositions(subscribers)
    // Also safe from a power cut, a second later. That it fails is said loudly by the history.
    history?.subscriptions.synced().catch(() => {})
  }, positionsIntervalMs)

  const connections = () => ({ manage: manage.connections, pub: pub.connections, sub: sub.connections })
  const observation = observe(
    config,
    { log, repeating },
    { supervisor, connections, subscribers, exchanges, messages, intake, egress, supplies, history, tally },
    trace,
  )
  supervisor.start()

  const serving = waitFor(supervisor, snapshot => snapshot.matches({ running: 'serving' })).then(
    ({ context }) => context.ports,
  )
  // Whoever does not wait for it learns from `stopped` that it will not be.
  serving.catch(() => {})
  return {
    serving,
    stopped: toPromise(supervisor)
      .catch(error => {
        endOrphans(supervisor, { subscribers, exchanges })
        for (const socket of [manage, sub, pub]) socket.close()
        throw error
      })
      .finally(async () => {
        clearInterval(positions)
        await Promise.all([history?.close(), observation.close()])
        repeating.close()
      })
      .then(output => {
        const { accepted, refusals } = intake
        const { delivered, refusals: refusedSends } = egress
        if (!output.failure) log.info({ accepted, refused: refusals, delivered, refusedSends }, 'in all')
        return output
      }),
    stop: () => {
      stopAtMs = performance.now() + shutdownMs
      supervisor.send({ type: 'stop' })
    },
  }
}

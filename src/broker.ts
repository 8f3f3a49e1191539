import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { createActor, toPromise, waitFor } from 'xstate'
import type { BrokerOutput, ManagementEvent, ReplyRoute } from '../machines/vocabulary.ts'
import type { EndpointName } from '../machines/vocabulary-endpoint.ts'
import { brokerLogic, endOrphans, type Ports } from './actors/broker.ts'
import { connectionLogic } from './actors/connection.ts'
import { endpointLogic } from './actors/endpoint.ts'
import { indexTimers } from './actors/indexed-timers.ts'
import { carryOut } from './actors/operator.ts'
import { SlicedClock } from './actors/sliced-clock.ts'
import { snapshotExchangeLogic } from './actors/snapshot-exchange.ts'
import { SnapshotExchanges } from './actors/snapshot-exchanges.ts'
import { subscriberLogic } from './actors/subscriber.ts'
import { Subscribers } from './actors/subscribers.ts'
import { Subscribing, type SubscriptionWish } from './actors/subscribing.ts'
import { SubscriptionAdmission, type SubscriptionLimit } from './actors/subscription-admission.ts'
import { SubscriptionRecords } from './actors/subscription-records.ts'
import { inmemBackbone } from './backbone/inmem.ts'
import type { DecodedRequest } from './checking/crossing.ts'
import { LargeMessages, largePart } from './checking/large-messages.ts'
import type { Config } from './config/schema.ts'
import { batchOf } from './delivery/batch.ts'
import { maxRunBytes } from './delivery/cursor.ts'
import { Egress } from './delivery/egress.ts'
import { Intake } from './delivery/intake.ts'
import { MessageLog } from './delivery/message-log.ts'
import { type Decision, heldBytesOf, PublicationAdmission } from './delivery/publication-admission.ts'
import { Supplies } from './delivery/supplies.ts'
import { type History, openFilesOf } from './history/history.ts'
import type { TraceFile } from './inspector/trace/trace-file.ts'
import { observe } from './observation.ts'
import type { HttpTrouble } from './observe/http/start.ts'
import { RateLimited } from './observe/rate-limited.ts'
import { Story } from './observe/story.ts'
import { subscriberLine } from './observe/subscriber-line.ts'
import { Tally } from './observe/tally.ts'
import { subscribedPrefixes } from './protocol/frames.ts'
import {
  decodeRequest,
  errorReply,
  type ManagementReply,
  noHistoryReply,
  nothingKeptReply,
  type RequestLimit,
  receipt,
  subscribeReply,
  success,
} from './protocol/management.ts'
import type { Message } from './protocol/message.ts'
import { counted } from './protocol/quantities.ts'
import type { RefusalReason } from './protocol/refusal.ts'
import { type MessageType, shortened, vainTopics } from './protocol/topics.ts'
import { addressOf } from './sockets/address.ts'
import { ManageSocket, type RawRequest } from './sockets/manage.ts'
import { descriptorsLeft, isDescriptorLeft, openFiles } from './sockets/open-files.ts'
import { PubSocket } from './sockets/pub.ts'
import { SubSocket } from './sockets/sub.ts'
import type { BreakReason } from './sockets/zmtp/break-reason.ts'
import { ConnectionAdmission, type Shortage } from './sockets/zmtp/connection-admission.ts'
import type { ZmtpPeer } from './sockets/zmtp/peer.ts'
import { PeerBudget } from './sockets/zmtp/peer-budget.ts'
import { nextTurn } from './turns/turn.ts'

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

/** How long a snapshot may go on by what is remembered of it, when further ones wait for that. */
const selectionTurnMs = 10_000
/** An address may have so many subscriptions, unless it is configured: those of one host, where there are few in all. */
const leastShare = 1000
/** What connections may hold together is enough for so many messages at least that have not come whole. */
const leastMessages = 4

/** Files that are kept free for what is open for a moment, or is not known to this program. */
const otherFiles = 32

const endpointsNumber = 3

/** So much of what may be unwritten is for large messages, and for those with receipts: the rest is for small ones on `sub`. */
const patientShare = 0.5

/** What came to be published with a receipt. */
interface Publication {
  readonly messages: readonly Message<MessageType>[]
  /** So many of them were upgraded from STIX 2.0. */
  readonly upgraded: number
}

const nothingPublished: Publication = { messages: [], upgraded: 0 }

/** Why messages can't be published with a receipt now. */
const notStoredReasons: Readonly<Record<Exclude<Decision, 'admitted'>, string>> = {
  failing: 'the history cannot be written at present: try again later',
  crowded_out: 'the disk does not keep up, and too much waits for it already: try again later',
  closed: 'the broker is stopping',
}

/** How often it is written down where subscribers stand: what they were sent since, a crash makes them get again. */
const positionsIntervalMs = 1000

/** How often it is looked whether a file can be opened still. */
const descriptorsIntervalMs = 1000

/** What to do about too few files. */
const moreFiles = 'raise the limit of open files (LimitNOFILE=, ulimit -n), or lower plugins.apps.zmq.max_connections'

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
    | SubscriptionLimit
    | Exclude<Shortage, 'file_descriptors'>
    | 'slow_record'
    | 'not_accepted'
    | `${EndpointName}.${BreakReason}`
    | 'missed'
    | 'crowded_out'
    | 'unreadable'
    | 'topics_match_nothing'
  >((fields, sentence) => log.warn(fields, sentence))
  /** What keeps the broker from its work and may repeat. */
  const failing = new RateLimited<'file_descriptors' | 'no_file'>((fields, sentence) => log.error(fields, sentence))
  const story = new Story(log)
  const tally = new Tally()

  // Delivery: whatever is accepted gets its place in the log; queues are positions in it, drained by the egress.
  const messages = new MessageLog(history?.store, {
    durability: config.history.durability,
    maxRecentMessages: history ? Number.POSITIVE_INFINITY : config.queue.max_messages,
    maxRecentBytes: history ? config.history.recent_bytes : config.queue.max_bytes,
    ...(history && { now: () => history.clock.latestMs }),
  })
  const publicationAdmission =
    history && new PublicationAdmission(history.store, config.history.max_unwritten_bytes * patientShare)
  history?.onWritten(() => {
    messages.trim()
    publicationAdmission?.look()
  })
  const supplies =
    history &&
    new Supplies(history.store, {
      maxHeld: config.history.max_pages,
      cachedBytes: config.history.page_cache_bytes,
      maxSelections: config.snapshot.max_selections,
      turnMs: selectionTurnMs,
      maxPerAddress: config.snapshot.max_per_address,
      betweenPages: () => sleep(config.snapshot.page_pause * 1000),
    })
  const egress = new Egress(nextTurn)
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
    missed: (topic, missed) => {
      const because = history ? 'lagged past retention' : 'lagged past what is kept in memory'
      tally.missed += missed
      if (!history) tally.limits.queue++
      const sentence = `a subscriber ${because}, and missed ${counted(missed, 'message')}`
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
    limits: {
      maxOpen: config.snapshot.max_open,
      maxRequestsPerSecond: config.snapshot.max_requests_per_second,
      maxMerged: config.snapshot.max_merged,
    },
    selections: supplies?.selections,
    publish: batch => messages.append(batch),
  })
  const requestLimits = {
    validation: config.validation,
    stix20: config.stix20,
    maxValues: config.max_message_values,
    maxTopics: config.max_topics,
    maxMessages: config.max_publish,
  }
  const reached = (limit: RequestLimit) => void tally.limits[limit]++
  const upgraded = () => void tally.upgraded++
  const largeMessages = new LargeMessages(
    {
      limits: requestLimits,
      maxMessageBytes: zmq.max_message_size,
      maxUncheckedBytes: config.max_unchecked_bytes,
      ready: async () => history?.keepsUp(patientShare),
    },
    reached,
    upgraded,
  )
  const intake = new Intake(
    { ...requestLimits, upgraded },
    {
      publish: batch => backbone.publish(batch),
      deliverEnvelopes: (snapshotId, answers) => exchanges.deliver(snapshotId, answers),
      refused: ({ refused, detail }) => {
        if (refused === 'too_many_values') tally.limits.max_message_values++
        repeating.log(refused, `message refused: ${detail}`, { reason: refused })
      },
    },
  )
  /** Messages that came to be published with a receipt, until the supervisor has decided on it. */
  const publications = new WeakMap<ReplyRoute, Publication>()

  // Sockets.
  // What the sockets hold when they are closed may take what is left of the time to shut down.
  const shutdownMs = config.shutdown_timeout * 1000
  let stopAtMs = Number.POSITIVE_INFINITY
  const lingerMs = () => Math.min(shutdownMs, Math.max(leastLingerMs, stopAtMs - performance.now()))
  const peerBudget = new PeerBudget({
    maxBytes: Math.max(zmq.max_peer_bytes, leastMessages * zmq.max_message_size),
    messageTimeoutMs: zmq.message_timeout * 1000,
    exceeded: () => void tally.limits['plugins.apps.zmq.max_peer_bytes']++,
  })
  const admission = new ConnectionAdmission(connectionsAtMost(config, log))
  const listening = {
    host: zmq.host,
    maxConnections: zmq.max_connections,
    admission,
    sendBufferBytes: zmq.send_buffer_size,
    keepaliveIdleSeconds: zmq.tcp_keepalive,
    handshakeTimeoutMs: zmq.handshake_timeout * 1000,
    budget: peerBudget,
    lingerMs,
  }
  const troublesOf = (endpoint: EndpointName) => ({
    broken: (reason: BreakReason, detail: string) => {
      tally.brokenConnections[endpoint][reason]++
      const sentence = `a connection to ${endpoint} was closed: ${detail}`
      repeating.log(`${endpoint}.${reason}`, sentence, { endpoint, reason })
    },
    dropped: (shortage: Shortage | undefined, detail: string) => {
      const sentence = `a connection to ${endpoint} was closed at once: ${detail}`
      if (shortage === 'file_descriptors') {
        tally.limits.file_descriptors++
        return failing.log(shortage, `${sentence}; ${moreFiles}`, { endpoint })
      }
      if (shortage === 'max_connections') tally.limits['plugins.apps.zmq.max_connections']++
      repeating.log(shortage ?? 'not_accepted', sentence)
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
      joinTimeoutMs: config.join_timeout * 1000,
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
    { take, flush: forward },
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
    firstSince: ms => history?.store.firstSince(ms) ?? messages.next,
    nowMs: () => history?.clock.earliestMs ?? Date.now(),
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
    remember: context => subscribing.note(context),
    remembered: context => subscribing.remember(context),
    answerHeartbeat: route => reply({ type: 'management.heartbeat', route }, success),
    tell: (topic, step) => {
      if (step.step === 'unsubscribed') tally.departures[step.reason]++
      story.step(topic, step)
    },
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
    queueRequests: snapshotId => exchanges.queueRequests(snapshotId),
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
      reply,
      announceServing: ports => {
        log.info({ host: zmq.host, ...ports }, 'serving')
        history?.describe(`${zmq.host === '*' ? '127.0.0.1' : zmq.host}:${ports.manage}`)
      },
      refusePublications: () => publicationAdmission?.close(),
      askWhatArrived: () => void pub.pingNow(),
      reportUndelivered: undelivered => {
        const sentence = history ? 'left for the next start' : 'not delivered in time, and lost'
        if (undelivered > 0) log.warn({ messages: undelivered }, `${counted(undelivered, 'message')} ${sentence}`)
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
      clock: new SlicedClock(),
      input: {
        endpoints: {
          manage: { name: 'manage', address: addressOf(zmq.host, zmq.manage) },
          pub: { name: 'pub', address: addressOf(zmq.host, zmq.pub) },
          sub: { name: 'sub', address: addressOf(zmq.host, zmq.sub) },
        },
      },
    },
  )

  const maxPerAddress =
    config.max_subscribers_per_address ?? Math.max(leastShare, Math.ceil(config.max_subscribers / 2))
  const subscriptionAdmission = new SubscriptionAdmission(
    { maxSubscribers: config.max_subscribers, maxPerAddress, subscribesPerSecond: config.subscribe_rate },
    { subscribers, reached: limit => void tally.limits[limit]++, nowMs: () => performance.now() },
  )

  /**
   * Opens a subscription. It is answered when the record of it has left this process: then it survives its end. If that takes
   * too long, or nobody is there any more to be answered, it is undone.
   */
  async function subscribe(wish: SubscriptionWish, ports: Ports, route: ReplyRoute): Promise<ManagementReply> {
    const { numbered, since } = wish
    if (history === undefined && (numbered || since)) return nothingKeptReply
    if (records?.isOverdue) return tooSlowToSubscribe()
    const refusal = subscriptionAdmission.admit(wish.address)
    if (refusal !== undefined) {
      const { limit, reason } = refusal
      repeating.log(limit, `a subscription was refused: ${reason}`, { limit, address: wish.address })
      return errorReply(reason)
    }
    const subscription = subscribing.open(wish)
    const { topic, topics, snapshot, queue } = subscription
    const isKept = (await records?.writtenInTime()) ?? true
    // Others may have come while the disk was slow: what it waited for it would not get.
    if (subscribers.find(topic) === undefined) return errorReply('the subscription gave way to others: try again later')
    const isServing = supervisor.getSnapshot().matches({ running: 'serving' })
    if (isKept && isServing && manage.reaches(route)) {
      subscribing.confirm(subscription, wish)
      story.subscribed(topic, topics, wish.snapshotDays)
      warnOfVainTopics(topic, vainTopics(topics))
      const from = snapshot?.from ?? queue.position
      return subscribeReply(topic, ports, zmq, { ...(numbered && { numbered }), ...((numbered || since) && { from }) })
    }
    subscribing.undo(subscription)
    if (!isServing) return errorReply('the broker is stopping')
    if (isKept) return errorReply('nobody is there to be answered')
    return tooSlowToSubscribe()
  }

  function warnOfVainTopics(topic: string, topics: readonly string[]): void {
    if (topics.length === 0) return
    const sentence = 'topics of a subscription match nothing: there are stix2/indicator and stix2/sighting'
    repeating.log('topics_match_nothing', sentence, { subscriber: shortened(topic), topics })
  }

  function tooSlowToSubscribe(): ManagementReply {
    repeating.log('slow_record', 'a subscription was refused: it could not be written down in time')
    return errorReply('the disk does not keep up with subscriptions at present: try again')
  }

  function reply({ type, route }: Pick<ManagementEvent, 'type' | 'route'>, answer: ManagementReply): void {
    tally.replied(type, answer)
    manage.reply(route, JSON.stringify(answer))
  }

  /** Publishes messages as soon as the disk keeps up, and answers when they are on disk. */
  async function publishWithReceipt(route: ReplyRoute): Promise<ManagementReply> {
    const { messages: published, upgraded } = publications.get(route) ?? nothingPublished
    if (history === undefined || publicationAdmission === undefined) return noHistoryReply
    const batch = batchOf(published)
    const bytes = heldBytesOf(batch)
    const decision = await publicationAdmission.enter(manage.clientOf(route), bytes)
    // What can't be stored isn't delivered, either: its publisher will try again.
    if (decision !== 'admitted') return errorReply(notStoredReasons[decision])
    const { first } = backbone.publish(batch)
    for (const { type } of published) tally.published[type]++
    tally.upgraded += upgraded
    const reply = await history.store.committed().then(
      () => {
        tally.receipts += published.length
        return receipt(first + published.length - 1)
      },
      () => errorReply(notStoredReasons.failing),
    )
    publicationAdmission.leave(bytes)
    return reply
  }

  /** Takes what was published. */
  function take(parts: readonly Buffer[], publisher: ZmtpPeer): Promise<void> | undefined {
    const large = largePart(parts)
    if (large === undefined) return void intake.take(parts)
    return largeMessages.frame(large, publisher.address).then(decoded => intake.accept(decoded))
  }

  /** Answers a management request. */
  function answer(request: RawRequest): Promise<void> | undefined {
    const { parts, address } = request
    const large = largePart(parts)
    if (large === undefined) return void handle(request, decodeRequest(parts, { ...requestLimits, reached }))
    return largeMessages.request(large, address).then(decoded => handle(request, decoded))
  }

  /** Answers a request with what came of decoding it, or passes it on to the supervisor, who will. */
  function handle({ route, address }: RawRequest, decoded: DecodedRequest): void {
    if ('status' in decoded) {
      tally.replied(undefined, decoded)
      manage.reply(route, JSON.stringify(decoded))
    } else if (decoded.action === 'publish') {
      publications.set(route, decoded)
      supervisor.send({ type: 'management.publish', route })
    } else if (decoded.action === 'subscribe') {
      supervisor.send({ ...decoded, type: 'management.subscribe', route, address })
    } else supervisor.send({ ...decoded, type: `management.${decoded.action}`, route } as ManagementEvent)
  }

  /** Sends what the intake holds on its way, and waits until each subscriber had its turn and the disk keeps up. */
  async function forward(): Promise<void> {
    intake.flush()
    await egress.roundEnded()
    await history?.keepsUp()
  }

  history?.serve(request =>
    carryOut(request, {
      subscribers,
      describe: subscriberLine,
      dropped: dropped => log.warn({ dropped }, `the operator dropped ${counted(dropped, 'subscription')}`),
    }),
  )

  const positions = setInterval(() => {
    records?.movePositions(subscribers)
    // Also safe from a power cut, a second later. That it fails is said loudly by the history.
    history?.subscriptions.synced().catch(() => {})
  }, positionsIntervalMs)
  const descriptors = setInterval(() => {
    if (isDescriptorLeft()) return
    tally.limits.file_descriptors++
    failing.log('no_file', `no file can be opened and no connection accepted, so many are open: ${moreFiles}`)
  }, descriptorsIntervalMs)

  const connections = () => ({ manage: manage.connections, pub: pub.connections, sub: sub.connections })
  const observation = observe(
    config,
    { log, repeating },
    {
      supervisor,
      portsTried: Promise.all([manage.tried, pub.tried, sub.tried]),
      connections,
      hasDescriptors: () => admission.hasRoom && isDescriptorLeft(),
      peerBytes: () => peerBudget.held,
      subscribers,
      exchanges,
      messages,
      intake,
      largeMessages,
      egress,
      supplies,
      history,
      publicationAdmission,
      tally,
    },
    trace,
  )
  indexTimers(supervisor.system)
  supervisor.start()
  const beginToStop = () => {
    stopAtMs = performance.now() + shutdownMs
  }
  history?.lost.then(error => {
    beginToStop()
    supervisor.send({ type: 'history.lost', failure: { name: 'history', error } })
  })

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
        clearInterval(descriptors)
        publicationAdmission?.close()
        await Promise.all([largeMessages.close(), history?.close(), observation.close()])
        repeating.close()
        failing.close()
      })
      .then(output => {
        const { accepted: sub, refusals } = intake
        const { published } = tally
        const accepted = {
          indicator: sub.indicator + published.indicator,
          sighting: sub.sighting + published.sighting,
        }
        const { delivered, refusals: refusedSends } = egress
        if (!output.failure) log.info({ accepted, refused: refusals, delivered, refusedSends }, 'in all')
        return output
      }),
    stop: () => {
      beginToStop()
      supervisor.send({ type: 'stop' })
    },
  }
}

/** Connections that there are file descriptors for beside what the history and others need. Warns if those are too few. */
function connectionsAtMost({ plugins, history, inspector }: Config, log: Logger): number {
  const files = openFiles()
  if (files === undefined) return Number.POSITIVE_INFINITY
  const httpConnections = inspector.enabled ? inspector.max_connections : 0
  const connections = descriptorsLeft(
    files,
    otherFiles + (history.enabled ? openFilesOf(history) : 0) + httpConnections,
  )
  const wanted = endpointsNumber * plugins.apps.zmq.max_connections
  if (connections < wanted) {
    const { limit } = files
    const allowed = `${endpointsNumber} ports with ${plugins.apps.zmq.max_connections} connections each (plugins.apps.zmq.max_connections)`
    const sentence = `this process may have ${counted(limit, 'file')} open, so ${counted(connections, 'connection')} in all, which is less than ${allowed}`
    log.warn({ limit, connections, wanted }, `${sentence}: ${moreFiles}`)
  }
  return connections
}

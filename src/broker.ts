import { setImmediate as yieldToEventLoop } from 'node:timers/promises'
import type { Logger } from 'pino'
import { createActor, toPromise, waitFor } from 'xstate'
import type { BrokerOutput, ManagementEvent } from '../machines/vocabulary.ts'
import { brokerLogic, type Ports } from './actors/broker.ts'
import { endpointLogic } from './actors/endpoint.ts'
import { snapshotExchangeLogic } from './actors/snapshot-exchange.ts'
import { SnapshotExchanges, snapshotWishes } from './actors/snapshot-exchanges.ts'
import { subscriberLogic } from './actors/subscriber.ts'
import { Subscribers } from './actors/subscribers.ts'
import { inmemBackbone } from './backbone/inmem.ts'
import type { Config } from './config/schema.ts'
import { Egress } from './delivery/egress.ts'
import { Intake } from './delivery/intake.ts'
import { RoutingTable } from './delivery/routing.ts'
import { RateLimited } from './observe/rate-limited.ts'
import { Story } from './observe/story.ts'
import { subscribedPrefixes } from './protocol/frames.ts'
import { decodeRequest, errorReply, type ManagementReply, subscribeReply } from './protocol/management.ts'
import type { RefusalReason } from './protocol/refusal.ts'
import { openContext } from './sockets/context.ts'
import { ManageSocket, type RawRequest } from './sockets/manage.ts'
import { PubSocket } from './sockets/pub.ts'
import { SubSocket } from './sockets/sub.ts'

/** A running broker. */
export interface Broker {
  /** Fulfilled once all three endpoints listen, with their ports. Rejects if they can't: `stopped` then says why. */
  readonly serving: Promise<Ports>
  /** Fulfilled when the broker has ended, with the failure if it was one. */
  readonly stopped: Promise<BrokerOutput>
  /** Stops taking subscriptions and messages, delivers what is queued for joined subscribers, and ends. */
  stop(): void
}

/** Time that replies on their way have at least when the sockets are closed. */
const leastLingerMs = 100

/** Starts a broker. Reads top to bottom as the list of what the process is made of. */
export function startBroker(config: Config, log: Logger): Broker {
  const { zmq } = config.plugins.apps
  const repeating = new RateLimited<RefusalReason | 'not_admitted' | 'max_subscribers' | 'send_failed'>(
    (fields, sentence) => log.warn(fields, sentence),
  )
  const story = new Story(log)

  // Delivery: queues are filled by the routing table and drained by the egress.
  const routing = new RoutingTable()
  const bounds = {
    maxMessages: config.queue.max_messages,
    maxBytes: config.queue.max_bytes,
    whenFull: config.queue.when_full,
  }
  const subscribers = new Subscribers(routing, bounds, {
    overflowed: topic => story.queueOverflowed(topic),
    recovered: (topic, dropped) => story.queueRecovered(topic, dropped),
  })
  const exchanges = new SnapshotExchanges(subscribers, {
    maxOpen: config.snapshot.max_open,
    maxMerged: config.snapshot.max_merged,
  })
  const backbone = inmemBackbone(batch => routing.route(batch))
  const intake = new Intake(config.validation, {
    publish: batch => backbone.publish(batch),
    deliverEnvelopes: (snapshotId, answers) => exchanges.deliver(snapshotId, answers),
    refused: ({ refused, detail }) => repeating.log(refused, `message refused: ${detail}`, { reason: refused }),
  })

  // Sockets.
  const context = openContext(zmq.io_threads)
  const ipv6 = zmq.host.includes(':')
  // What the sockets hold when they are closed may take what is left of the time to shut down.
  const shutdownMs = config.shutdown_timeout * 1000
  let stopAtMs = Number.POSITIVE_INFINITY
  const lingerMs = () => Math.min(shutdownMs, Math.max(leastLingerMs, stopAtMs - performance.now()))
  const manage = new ManageSocket({
    context,
    ipv6,
    maxMessageBytes: zmq.max_message_size,
    receiveHighWaterMark: zmq.receive_high_water_mark,
    lingerMs,
  })
  const pub = new PubSocket(
    { context, ipv6, sendHighWaterMark: zmq.send_high_water_mark, tcpKeepalive: zmq.tcp_keepalive, lingerMs },
    {
      admits: prefix => subscribers.admits(prefix),
      joined: prefix => subscribers.joined(prefix),
      left: prefix => subscribers.left(prefix),
      refused: () =>
        repeating.log('not_admitted', 'a peer on pub was refused: it subscribed to something else than a p2p topic'),
    },
  )
  const sub = new SubSocket({
    context,
    ipv6,
    maxMessageBytes: zmq.max_message_size,
    receiveHighWaterMark: zmq.receive_high_water_mark,
    prefixes: subscribedPrefixes,
  })
  const egress = new Egress(
    frame => pub.send(frame),
    async () => {
      await pub.readSubscriptions()
      await yieldToEventLoop()
    },
    error => repeating.log('send_failed', 'sending failed; it is tried again', { err: error }),
  )

  // Actors: subscribers and snapshot exchanges under the supervisor, which owns the endpoints.
  const subscriber = subscriberLogic({
    egress,
    delaysMs: {
      joinTimeout: config.join_timeout * 1000,
      heartbeatTimeout: config.heartbeat.timeout * 1000,
      evictAfter: config.evict_after * 1000,
    },
    find: topic => subscribers.find(topic),
    forget,
    tell: (topic, step) => story.step(topic, step),
  })
  const snapshotExchange = snapshotExchangeLogic({
    delaysMs: {
      answerTimeout: config.snapshot.answer_timeout * 1000,
      quietTimeout: config.snapshot.quiet_timeout * 1000,
    },
    askApplications: snapshotId => exchanges.ask(snapshotId),
    nobodyToAsk: requester => exchanges.nobodyToAsk(requester),
    closeExchange: (snapshotId, outcome) => {
      const requester = exchanges.close(snapshotId)
      if (requester === undefined) return
      story.snapshotClosed(requester, snapshotId, outcome)
      subscribers.find(requester)?.actor.send({ type: 'snapshot.closed' })
    },
  })
  const endpoint = endpointLogic({
    bindRetryMs: zmq.bind_retry * 1000,
    sockets: {
      manage: {
        bind: address => manage.bind(address),
        serve: () => manage.serve(answer),
        close: () => manage.close(),
      },
      pub,
      sub: {
        bind: address => sub.bind(address),
        serve: () => sub.serve(parts => intake.take(parts), forward),
        close: () => sub.close(),
      },
    },
  })
  const supervisor = createActor(
    brokerLogic({
      endpoint,
      subscribers,
      delaysMs: { shutdownTimeout: shutdownMs },
      subscribe,
      reply: (route, reply) => manage.reply(route, JSON.stringify(reply)),
      announceServing: ports => log.info({ host: zmq.host, ...ports }, 'serving'),
      reportUndelivered: messages => {
        if (messages > 0) log.warn({ messages }, `${messages} messages could not be delivered in time`)
      },
      reportActorFailure: (id, error) => {
        log.error(
          { actor: id, err: error },
          'an actor failed; if it was a subscriber, its application has to subscribe again',
        )
        for (const { actor, topic } of subscribers) if (actor.id === id) forget(topic)
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

  /** Opens a subscription and the snapshot exchanges that go with it. */
  function subscribe(topics: readonly string[], snapshotDays: number, ports: Ports): ManagementReply {
    const { max_subscribers: max } = config
    if (subscribers.size >= max) {
      repeating.log('max_subscribers', 'a subscription was refused: there are as many subscribers as may be', { max })
      return errorReply(`the broker has as many subscribers as it admits (${max})`)
    }
    const wishes = snapshotWishes(topics, snapshotDays)
    const { topic } = subscribers.open(subscriber, supervisor, topics, wishes.length)
    story.subscribed(topic, topics, snapshotDays)
    for (const wish of wishes) exchanges.open(snapshotExchange, supervisor, topic, wish)
    return subscribeReply(topic, ports, zmq)
  }

  /** Ends a subscription: nobody waits for its messages and snapshots any more. */
  function forget(topic: string): void {
    subscribers.forget(topic)
    exchanges.requesterLeft(topic)
  }

  /** Answers a management request, or passes it on to the supervisor, who will. */
  function answer({ route, parts }: RawRequest): void {
    const decoded = decodeRequest(parts, { maxTopics: config.max_topics })
    if ('status' in decoded) manage.reply(route, JSON.stringify(decoded))
    else supervisor.send({ ...decoded, type: `management.${decoded.action}`, route } as ManagementEvent)
  }

  /** Sends what the intake holds on its way, and waits until each subscriber had its turn. */
  async function forward(): Promise<void> {
    intake.flush()
    await egress.roundEnded()
    await yieldToEventLoop()
  }

  supervisor.start()
  const serving = waitFor(supervisor, snapshot => snapshot.matches({ running: 'serving' })).then(
    ({ context }) => context.ports,
  )
  // Whoever does not wait for it learns from `stopped` that it will not be.
  serving.catch(() => {})
  return {
    serving,
    stopped: toPromise(supervisor).then(output => {
      repeating.close()
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

/** The ZeroMQ address of a host and port; an IPv6 address stands in brackets. */
function addressOf(host: string, port: number): string {
  return host.includes(':') ? `tcp://[${host}]:${port}` : `tcp://${host}:${port}`
}

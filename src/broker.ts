import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { toPromise, waitFor } from 'xstate'
import type { BrokerEvent, BrokerOutput } from '../machines/vocabulary.ts'
import { actorSystem } from './actors/actor-system.ts'
import { endOrphans, type Ports } from './actors/broker.ts'
import { ingress } from './actors/ingress.ts'
import { Management, requestLimits } from './actors/management.ts'
import { managementActions } from './actors/management-actions.ts'
import { carryOut } from './actors/operator.ts'
import { inmemBackbone } from './backbone/inmem.ts'
import { LargeMessages } from './checking/large-messages.ts'
import type { Config } from './config/schema.ts'
import { Egress } from './delivery/egress.ts'
import { Intake } from './delivery/intake.ts'
import { MessageLog } from './delivery/message-log.ts'
import { PublicationAdmission } from './delivery/publication-admission.ts'
import { Supplies } from './delivery/supplies.ts'
import { type History, openFilesOf } from './history/history.ts'
import type { TraceFile } from './inspector/trace/trace-file.ts'
import { observe } from './observe/observation.ts'
import { Reports } from './observe/reports.ts'
import { subscriberLine } from './observe/subscriber-line.ts'
import { BrokerSockets } from './sockets/broker-sockets.ts'
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

/** How long a snapshot may go on by what is remembered of it, when further ones wait for that. */
const selectionTurnMs = 10_000

/** So much of what may be unwritten is for large messages, and for those with receipts: the rest is for small ones on `sub`. */
const patientShare = 0.5

/**
 * Starts a broker. Reads top to bottom as the list of what the process is made of.
 *
 * @param history is undefined if nothing is to outlive the process. The broker closes it when it ends.
 * @param trace is where what actors do is recorded from the beginning. The broker closes it when it ends.
 */
export function startBroker(config: Config, log: Logger, history: History | undefined, trace?: TraceFile): Broker {
  const { zmq } = config.plugins.apps
  const reports = new Reports(log, history !== undefined)

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
      betweenPages: () => sleep(config.snapshot.pagePauseMs),
    })
  const egress = new Egress(nextTurn)
  const backbone = inmemBackbone(batch => messages.append(batch))

  // What is accepted: messages on `sub`, and requests; what is large is checked in a thread.
  const limits = requestLimits(config)
  const largeMessages = new LargeMessages(
    {
      limits,
      maxMessageBytes: zmq.max_message_size,
      maxUncheckedBytes: config.max_unchecked_bytes,
      ready: async () => history?.keepsUp(patientShare),
    },
    limit => reports.reached(limit),
    () => reports.upgraded(),
  )
  const intake = new Intake(
    { ...limits, upgraded: () => reports.upgraded() },
    {
      publish: batch => backbone.publish(batch),
      deliverEnvelopes: (snapshotId, answers) => exchanges.deliver(snapshotId, answers),
      refused: refusal => reports.refused(refusal),
    },
  )

  const sockets = new BrokerSockets(
    config,
    {
      filesBeside: config.history.enabled ? openFilesOf(config.history) : 0,
      answer: request => management.answer(request),
      accept: (topic, link) => subscribers.connect(topic, link),
      publications: ingress({ intake, largeMessages, egress, history }),
    },
    reports,
  )

  // Actors: subscribers and snapshot exchanges under the supervisor, which owns the endpoints.
  const actors = actorSystem(config, {
    ...{ messages, egress, supplies, history, sockets, reports },
    supervision: {
      announceServing: ports => {
        reports.serving(zmq.host, ports)
        history?.describe(`${zmq.host === '*' ? '127.0.0.1' : zmq.host}:${ports.manage}`)
      },
      refusePublications: () => publicationAdmission?.close(),
      askWhatArrived: () => void sockets.pub.pingNow(),
      reportUndelivered: undelivered => reports.undelivered(undelivered),
    },
  })
  const { supervisor, subscribers, exchanges } = actors
  const management = new Management({
    ...{ limits, largeMessages, supervisor, clients: sockets.manage, reports },
    actions: managementActions({
      ...{ ...actors, clients: sockets.manage, advertised: zmq, history, publicationAdmission, backbone, reports },
    }),
  })
  history?.serve(request =>
    carryOut(request, { subscribers, describe: subscriberLine, dropped: dropped => reports.dropped(dropped) }),
  )
  const observation = observe(
    config,
    { log, reports },
    {
      ...{ supervisor, subscribers, exchanges, messages, intake, largeMessages, egress, supplies, history },
      ...{ publicationAdmission, sockets },
    },
    trace,
  )

  supervisor.start()
  const end = (event: BrokerEvent) => {
    sockets.beginToStop()
    supervisor.send(event)
  }
  history?.lost.then(error => end({ type: 'history.lost', failure: { name: 'history', error } }))
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
        sockets.close()
        throw error
      })
      .finally(async () => {
        actors.close()
        sockets.endWatch()
        publicationAdmission?.close()
        await Promise.all([largeMessages.close(), history?.close(), observation.close()])
        reports.close()
      })
      .then(output => {
        if (!output.failure) reports.inAll(intake, egress)
        return output
      }),
    stop: () => end({ type: 'stop' }),
  }
}

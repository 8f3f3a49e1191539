import type { Logger } from 'pino'
import type { SubscriberStep } from '../../machines/vocabulary.ts'
import type { EndpointName } from '../../machines/vocabulary-endpoint.ts'
import type { ClosedSnapshot } from '../actors/subscribing.ts'
import type { NotAdmitted, SubscriptionLimit } from '../actors/subscription-admission.ts'
import type { Egress } from '../delivery/egress.ts'
import type { Intake } from '../delivery/intake.ts'
import type { ManagementReply, RequestAction } from '../protocol/management.ts'
import type { Message } from '../protocol/message.ts'
import { counted } from '../protocol/quantities.ts'
import type { Refusal, RefusalReason } from '../protocol/refusal.ts'
import { type MessageType, shortened, vainTopics } from '../protocol/topics.ts'
import type { BreakReason } from '../sockets/zmtp/break-reason.ts'
import type { Shortage } from '../sockets/zmtp/connection-admission.ts'
import type { ListenTroubles } from '../sockets/zmtp/listener.ts'
import type { HttpTrouble } from './http/start.ts'
import { RateLimited } from './rate-limited.ts'
import { Story } from './story.ts'
import { type CountedLimit, Tally } from './tally.ts'

/** What of a broker may repeat without end, and is summed up in the log. */
type Repeated =
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

/** What to do about too few files. */
const moreFiles = 'raise the limit of open files (LimitNOFILE=, ulimit -n), or lower plugins.apps.zmq.max_connections'

/** What happens in a broker: for each thing, what operators are told of it and what is counted stand together. */
export class Reports {
  readonly tally = new Tally()
  readonly repeating: RateLimited<Repeated>
  /** What keeps the broker from its work and may repeat. */
  readonly #failing: RateLimited<'file_descriptors' | 'no_file'>
  readonly #log: Logger
  readonly #story: Story
  readonly #keepsHistory: boolean

  /** @param keepsHistory says what becomes of what can't be delivered now */
  constructor(log: Logger, keepsHistory: boolean) {
    this.#log = log
    this.#story = new Story(log)
    this.#keepsHistory = keepsHistory
    this.repeating = new RateLimited((fields, sentence) => log.warn(fields, sentence))
    this.#failing = new RateLimited((fields, sentence) => log.error(fields, sentence))
  }

  /** A limit was reached: it is counted. */
  reached(limit: CountedLimit): void {
    this.tally.limits[limit]++
  }

  /** What is told of connections that an endpoint can't have. */
  troublesOf(endpoint: EndpointName): ListenTroubles {
    return {
      broken: (reason, detail) => {
        this.tally.brokenConnections[endpoint][reason]++
        const sentence = `a connection to ${endpoint} was closed: ${detail}`
        this.repeating.log(`${endpoint}.${reason}`, sentence, { endpoint, reason })
      },
      dropped: (shortage, detail) => {
        const sentence = `a connection to ${endpoint} was closed at once: ${detail}`
        if (shortage === 'file_descriptors') {
          this.reached('file_descriptors')
          return this.#failing.log(shortage, `${sentence}; ${moreFiles}`, { endpoint })
        }
        if (shortage === 'max_connections') this.reached('plugins.apps.zmq.max_connections')
        this.repeating.log(shortage ?? 'not_accepted', sentence)
      },
    }
  }

  /** No file can be opened. */
  noFile(): void {
    this.reached('file_descriptors')
    this.#failing.log('no_file', `no file can be opened and no connection accepted, so many are open: ${moreFiles}`)
  }

  /** There are files for fewer connections than are `wanted`, at `ports` ports together. */
  fewFiles({
    limit,
    connections,
    wanted,
    ports,
  }: Readonly<Record<'limit' | 'connections' | 'wanted' | 'ports', number>>) {
    const allowed = `${ports} ports with ${wanted / ports} connections each (plugins.apps.zmq.max_connections)`
    const sentence = `this process may have ${counted(limit, 'file')} open, so ${counted(connections, 'connection')} in all, which is less than ${allowed}`
    this.#log.warn({ limit, connections, wanted }, `${sentence}: ${moreFiles}`)
  }

  /** A subscription on `pub` was not admitted. */
  eavesdropper(): void {
    this.tally.eavesdroppers++
    const sentence = "it subscribed to something that is nobody's p2p topic"
    this.repeating.log('not_admitted', `a peer on pub was refused: ${sentence}`)
  }

  /** A message on `sub` was refused. */
  refused({ refused, detail }: Refusal): void {
    if (refused === 'too_many_values') this.reached('max_message_values')
    this.repeating.log(refused, `message refused: ${detail}`, { reason: refused })
  }

  /** A message was upgraded from STIX 2.0. */
  upgraded(): void {
    this.tally.upgraded++
  }

  /** Messages were published by a request; so many of them were upgraded. */
  published(messages: readonly Message<MessageType>[], upgraded: number): void {
    for (const { type } of messages) this.tally.published[type]++
    this.tally.upgraded += upgraded
  }

  /** So many messages have a receipt. */
  receipts(messages: number): void {
    this.tally.receipts += messages
  }

  /** A subscriber came to a place in the log where so many messages are not there any more. */
  missed(topic: string, missed: number): void {
    const because = this.#keepsHistory ? 'lagged past retention' : 'lagged past what is kept in memory'
    this.tally.missed += missed
    if (!this.#keepsHistory) this.reached('queue')
    const sentence = `a subscriber ${because}, and missed ${counted(missed, 'message')}`
    this.repeating.log('missed', sentence, { subscriber: shortened(topic), missed })
  }

  /** The history can't be read. */
  unreadable(error: unknown): void {
    this.repeating.log('unreadable', 'the history cannot be read; it is tried again', { err: error })
  }

  /** A subscription was opened. */
  subscribed(topic: string, topics: readonly string[], snapshotDays: number): void {
    this.#story.subscribed(topic, topics, snapshotDays)
    const vain = vainTopics(topics)
    if (vain.length === 0) return
    const sentence = 'topics of a subscription match nothing: there are stix2/indicator and stix2/sighting'
    this.repeating.log('topics_match_nothing', sentence, { subscriber: shortened(topic), topics: vain })
  }

  /** There is no room for a subscription. */
  notSubscribed({ limit, reason }: NotAdmitted, address: string): void {
    this.repeating.log(limit, `a subscription was refused: ${reason}`, { limit, address })
  }

  /** The disk was too slow for a subscription. */
  slowRecord(): void {
    this.repeating.log('slow_record', 'a subscription was refused: it could not be written down in time')
  }

  /** A step of a subscriber's chart. */
  step(topic: string, step: SubscriberStep): void {
    if (step.step === 'unsubscribed') this.tally.departures[step.reason]++
    this.#story.step(topic, step)
  }

  /** A connection had to leave its topic for a newer one. */
  crowdedOut(topic: string): void {
    this.reached('plugins.apps.zmq.max_connections_per_subscriber')
    const sentence = 'a subscriber has more connections than may be: the one that took nothing for longest was left out'
    this.repeating.log('crowded_out', sentence, { subscriber: shortened(topic) })
  }

  /** A snapshot exchange was closed. */
  snapshotClosed({ snapshotId, requester, outcome, seconds }: ClosedSnapshot): void {
    this.tally.snapshotClosed(outcome, seconds)
    this.#story.snapshotClosed(requester, snapshotId, outcome)
  }

  /** The operator ended subscriptions. */
  dropped(dropped: number): void {
    this.#log.warn({ dropped }, `the operator dropped ${counted(dropped, 'subscription')}`)
  }

  /** A management request was answered. */
  replied(action: RequestAction | 'invalid', reply: ManagementReply): void {
    this.tally.replied(action, reply)
  }

  /** All endpoints listen. */
  serving(host: string, ports: Readonly<Record<EndpointName, number>>): void {
    this.#log.info({ host, ...ports }, 'serving')
  }

  /** An actor failed by an error that nobody expected. */
  actorFailed(actor: string, error: unknown): void {
    const sentence = 'an actor failed; if it was a subscriber, its application has to subscribe again'
    this.#log.error({ actor, err: error }, sentence)
  }

  /** So many messages were not delivered when the broker ended. */
  undelivered(messages: number): void {
    const sentence = this.#keepsHistory ? 'left for the next start' : 'not delivered in time, and lost'
    if (messages > 0) this.#log.warn({ messages }, `${counted(messages, 'message')} ${sentence}`)
  }

  /** What it came to, when the broker ends. */
  inAll({ accepted: sub, refusals: refused }: Intake, { delivered, refusals: refusedSends }: Egress): void {
    const { published } = this.tally
    const accepted = {
      indicator: sub.indicator + published.indicator,
      sighting: sub.sighting + published.sighting,
    }
    this.#log.info({ accepted, refused, delivered, refusedSends }, 'in all')
  }

  /** Logs what waits to be summed up. */
  close(): void {
    this.repeating.close()
    this.#failing.close()
  }
}

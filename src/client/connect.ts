import { type Actor, createActor, toPromise } from 'xstate'
import type { clientChart } from '../../machines/client.ts'
import type { SubscriptionWish } from '../../machines/vocabulary-client.ts'
import type { ClientParts } from '../inspector/client-inspection.ts'
import { maxSnapshotDays } from '../protocol/management.ts'
import { matchesNothing, vainTopics } from '../protocol/topics.ts'
import type { Bus, SnapshotAnswering, SubscribeOptions } from './bus.ts'
import { endpointText } from './endpoint.ts'
import { BusClosedError, InvalidArgumentError } from './errors.ts'
import type { BusEvent } from './events.ts'
import type { Inspection } from './inspection.ts'
import { clientLogic } from './lifecycle.ts'
import type { MessageTypeOf } from './message.ts'
import { openSubscription, type Session } from './open-subscription.ts'
import { type ConnectOptions, type InspectSettings, type Settings, settingsOf } from './options.ts'
import { type Publishable, type ReadyMessage, readyMessage } from './publishable.ts'
import { Publishing } from './publishing.ts'
import { type Receipt, Receipts } from './receipts.ts'
import { Requests } from './requests.ts'
import type { AnswerSnapshot } from './snapshot-answers.ts'
import type { BusStatus } from './status.ts'
import type { OpenSubscription, Subscription } from './subscription.ts'

/** What ends the waiting for something. */
interface SignalOption {
  readonly signal?: AbortSignal | undefined
}

/**
 * Begins a connection to a bus. Nothing is sent yet: whether there is a bus shows when something is asked of it.
 *
 * `Custom` are the custom properties that the application knows of objects on this bus, as `{ x_score?: number }`. Nobody
 * checks them: each may be absent or of another type.
 *
 * Throws `InvalidArgumentError` if the options can't be meant.
 */
export function connect<Custom extends object = object>(options: ConnectOptions = {}): Bus<Custom> {
  return openConnection(options) as Bus<object> as Bus<Custom>
}

/** The same, for what looks into it. */
export function openConnection(options: ConnectOptions = {}): Connection {
  const bus = new Connection(settingsOf(options))
  options.signal?.addEventListener('abort', () => bus.close(), { once: true })
  if (options.signal?.aborted) bus.close()
  return bus
}

/** A connection to a bus, in its parts. */
export class Connection implements Bus {
  readonly #settings: Settings
  readonly #requests: Requests
  readonly #publishing: Publishing
  readonly #receipts: Receipts
  readonly #open = new Set<OpenSubscription>()
  readonly #closing = new AbortController()
  readonly #actor: Actor<typeof clientChart>
  readonly #closed: Promise<unknown>
  readonly #sessions = new Set<Session>()
  #published = 0
  /** Messages that were given to {@link publish} and are not settled yet. */
  #unsettled = 0
  /** Messages that sessions received which have ended. */
  #takenBefore = 0
  readonly #inspection: Promise<Inspection | undefined>

  constructor(settings: Settings) {
    this.#settings = settings
    this.#requests = new Requests(settings.manage, settings)
    this.#publishing = new Publishing(settings, this.#requests, () => this.#receipts.askAgain())
    this.#receipts = new Receipts(
      settings,
      this.#requests,
      (message, signals) => this.#withoutReceipt(message, signals),
      event => this.#tell(event),
    )
    this.#actor = createActor(
      clientLogic({
        refuseWork: () => this.#closing.abort(new BusClosedError()),
        endSubscriptions: async () => {
          await Promise.all([...this.#open].map(subscription => subscription.close()))
        },
        awaitReceipts: () => this.#receipts.close(),
        sendRest: () => this.#publishing.close(),
        tellAbandoned: () => this.#tell({ event: 'flush_abandoned' }),
      }),
      { id: 'client' },
    ).start()
    this.#closed = toPromise(this.#actor)
    this.#inspection = settings.inspect === undefined ? Promise.resolve(undefined) : this.#inspect(settings.inspect)
  }

  async subscribe<Topic extends string>(
    topics: Topic | readonly Topic[],
    options: SubscribeOptions = {},
  ): Promise<Subscription<MessageTypeOf<Topic>>> {
    const wish = readWish(topics, options)
    const vain = vainTopics(wish.topics)
    if (vain.length > 0) this.#tell({ event: 'topics_match_nothing', topics: vain })
    const subscription: Subscription = await this.#subscribe(wish, options)
    // It passes over messages that its topics do not match.
    return subscription as Subscription<MessageTypeOf<Topic>>
  }

  async publish(message: Publishable, { signal }: SignalOption = {}): Promise<Receipt | undefined> {
    this.#throwIfClosed()
    signal?.throwIfAborted()
    const ready = readyMessage(message, this.#settings, event => this.#tell(event))
    const publish = this.#settings.receipts
      ? this.#receipts.publish(ready, signal)
      : this.#withoutReceipt(ready, signal === undefined ? [] : [signal])
    this.#unsettled++
    try {
      const receipt = await publish
      this.#published++
      return receipt ?? undefined
    } finally {
      this.#unsettled--
    }
  }

  status(): BusStatus {
    const { manage, receipts } = this.#settings
    const areGiven = receipts ? this.#receipts.areGiven : false
    const { status, value } = this.#actor.getSnapshot()
    const { taken } = this.parts
    return {
      endpoint: endpointText(manage),
      state: status === 'done' ? 'closed' : value === 'open' ? 'open' : 'closing',
      published: this.#published,
      publishing: this.#unsettled,
      receipts: areGiven === undefined ? 'unknown' : areGiven ? 'given' : 'not_given',
      received: taken,
      subscriptions: [...this.#open].map(subscription => subscription.status()),
    }
  }

  get inspector(): Promise<string | undefined> {
    return this.#inspection.then(inspection => inspection?.address)
  }

  /** What an inspector sees of this connection. */
  get parts(): ClientParts {
    const bus = this
    return {
      client: this.#actor,
      sessions: () => this.#sessions,
      get published() {
        return bus.#published
      },
      get taken() {
        return [...bus.#sessions].reduce((sum, { taken }) => sum + taken, bus.#takenBefore)
      },
    }
  }

  #withoutReceipt({ type, text }: ReadyMessage, signals: readonly AbortSignal[]): Promise<void> {
    return this.#publishing.publish(`stix2/${type}`, text, signals)
  }

  async answerSnapshots(answer: AnswerSnapshot, { signal }: SignalOption = {}): Promise<SnapshotAnswering> {
    const wish = { topics: [matchesNothing], snapshotDays: 0 }
    const subscription = await this.#subscribe(wish, { answerSnapshots: answer, signal })
    // Reading is what gets the requests answered. That it failed has been told.
    subscription[Symbol.asyncIterator]()
      .next()
      .catch(() => {})
    return { close: () => subscription.close(), [Symbol.asyncDispose]: () => subscription.close() }
  }

  async ping({ signal }: SignalOption = {}): Promise<number> {
    this.#throwIfClosed()
    const startMs = performance.now()
    // That no subscription has this topic is an answer as well, and takes as long.
    await this.#requests.heartbeat(matchesNothing, 0, {
      timeoutMs: this.#settings.requestTimeoutMs,
      signals: signal === undefined ? [this.#closing.signal] : [this.#closing.signal, signal],
    })
    return performance.now() - startMs
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async close(): Promise<void> {
    // XState warns of events to an actor that has ended.
    if (this.#actor.getSnapshot().status === 'active') this.#actor.send({ type: 'close' })
    await this.#closed
    await (await this.#inspection)?.close()
  }

  /** Loaded when it is asked for: an application that is not inspected has nothing of it. */
  async #inspect(settings: InspectSettings): Promise<Inspection | undefined> {
    const failed = (error: unknown) => this.#tell({ event: 'inspector_failed', error })
    try {
      const { startInspection } = await import('./inspection.ts')
      return await startInspection(settings, this.parts, failed)
    } catch (error) {
      failed(error)
      return undefined
    }
  }

  async #subscribe(wish: SubscriptionWish, options: SubscribeOptions): Promise<OpenSubscription> {
    this.#throwIfClosed()
    const subscription = await openSubscription(wish, options, {
      settings: this.#settings,
      requests: this.#requests,
      publishing: this.#publishing,
      closing: this.#closing.signal,
      client: this.#actor,
      began: session => this.#sessions.add(session),
      ended: session => {
        this.#sessions.delete(session)
        this.#takenBefore += session.taken
      },
      tell: event => this.#tell(event),
    })
    this.#open.add(subscription)
    subscription.ended.then(() => this.#open.delete(subscription))
    return subscription
  }

  #throwIfClosed(): void {
    this.#closing.signal.throwIfAborted()
  }

  #tell(event: BusEvent): void {
    queueMicrotask(() => this.#settings.onEvent(event))
  }
}

function readWish(
  topics: string | readonly string[],
  { snapshotDays = 0, since, numbered = true, durable }: SubscribeOptions,
): SubscriptionWish {
  const list: readonly unknown[] = typeof topics === 'string' ? [topics] : topics
  if (!Array.isArray(list) || list.length === 0 || !list.every(topic => typeof topic === 'string')) {
    throw new InvalidArgumentError('a subscription wants a topic, or a list of at least one')
  }
  if (list.includes('')) throw new InvalidArgumentError('a topic must not be empty: stix2 is everything')
  if (!Number.isInteger(snapshotDays) || snapshotDays < 0 || snapshotDays > maxSnapshotDays) {
    throw new InvalidArgumentError(`a snapshot reaches back 0 to ${maxSnapshotDays} whole days, not ${snapshotDays}`)
  }
  if (snapshotDays > 0 && since !== undefined) {
    throw new InvalidArgumentError('a subscription begins with a snapshot, or since something, not both')
  }
  const isNumbered = numbered || durable !== undefined
  return { topics: list, snapshotDays, numbered: isNumbered, ...(since !== undefined && { since: readSince(since) }) }
}

function readSince(since: number | Date): number | string {
  if (typeof since === 'number' && Number.isSafeInteger(since) && since >= 0) return since
  if (since instanceof Date && !Number.isNaN(since.getTime())) return since.toISOString()
  throw new InvalidArgumentError('since is a sequence number, 0 or more, or a Date')
}

import { type Actor, createActor, toPromise } from 'xstate'
import type { clientChart } from '../../machines/client.ts'
import type { SubscriptionWish } from '../../machines/vocabulary-client.ts'
import type { ClientParts } from '../inspector/client-inspection.ts'
import { maxSnapshotDays } from '../protocol/management.ts'
import { matchesNothing, vainTopics } from '../protocol/topics.ts'
import { BusClosedError, InvalidArgumentError } from './errors.ts'
import type { BusEvent } from './events.ts'
import type { Inspection } from './inspection.ts'
import { clientLogic } from './lifecycle.ts'
import { openSubscription, type Session, type SubscribeOptions } from './open-subscription.ts'
import { type ConnectOptions, type InspectSettings, type Settings, settingsOf } from './options.ts'
import { type Publishable, type ReadyMessage, readyMessage } from './publishable.ts'
import { Publishing } from './publishing.ts'
import { type Receipt, Receipts } from './receipts.ts'
import { Requests } from './requests.ts'
import type { AnswerSnapshot } from './snapshot-answers.ts'
import type { Subscription } from './subscription.ts'

/** An application that answers snapshot requests. */
export interface SnapshotAnswering {
  /** Answers no more. Answers under way are broken off. */
  close(): Promise<void>
}

/**
 * Begins a connection to a bus. Nothing is sent yet: whether there is a bus shows when something is asked of it.
 *
 * Throws `InvalidArgumentError` if the options can't be meant.
 */
export function connect(options: ConnectOptions = {}): Bus {
  const bus = new Bus(settingsOf(options))
  options.signal?.addEventListener('abort', () => bus.close(), { once: true })
  if (options.signal?.aborted) bus.close()
  return bus
}

/** A connection to a bus: any number of subscriptions, and one way to publish. Made by {@link connect}. */
export class Bus {
  readonly #settings: Settings
  readonly #requests: Requests
  readonly #publishing: Publishing
  readonly #receipts: Receipts
  readonly #open = new Set<Subscription>()
  readonly #closing = new AbortController()
  readonly #actor: Actor<typeof clientChart>
  readonly #closed: Promise<unknown>
  readonly #sessions = new Set<Session>()
  #published = 0
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

  /**
   * Subscribes to topics: `stix2/indicator`, `stix2/sighting`, or a prefix of them that ends anywhere. Fulfilled when the
   * bus has granted it; from then on nothing is missed, whenever it is read. Of topics that match nothing an event tells.
   *
   * Throws `InvalidArgumentError` for topics or days that can't be meant, `BusUnavailableError` if the bus does not answer
   * in time, `UnintelligibleReplyError` if something else does, `SubscriptionRefusedError` if it does not want to,
   * `BusClosedError`, or the signal's reason.
   */
  async subscribe(topics: string | readonly string[], options: SubscribeOptions = {}): Promise<Subscription> {
    const wish = readWish(topics, options.snapshotDays ?? 0)
    const vain = vainTopics(wish.topics)
    if (vain.length > 0) this.#tell({ event: 'topics_match_nothing', topics: vain })
    return this.#subscribe(wish, options)
  }

  /**
   * Publishes an indicator or a sighting; text travels byte for byte, but for STIX 2.0 with `upgradeStix20`. Fulfilled with a receipt when it is on the bus's disk.
   * On a bus that gives no receipts, which an event tells, or with `receipts: false`, fulfilled with undefined when the
   * connection took it.
   * Messages keep their order, also when they are not awaited: then many go at once. Await them to go no faster than the bus.
   *
   * Throws `InvalidMessageError` if it is neither or the bus refuses it, `BusUnavailableError` if the bus did not take it in
   * time, `SubscriptionRefusedError` if it does not say where to publish, `BusClosedError`, or the signal's reason.
   */
  async publish(message: Publishable, { signal }: { signal?: AbortSignal } = {}): Promise<Receipt | undefined> {
    this.#throwIfClosed()
    signal?.throwIfAborted()
    const ready = readyMessage(message, this.#settings, event => this.#tell(event))
    const publish = this.#settings.receipts
      ? this.#receipts.publish(ready, signal)
      : this.#withoutReceipt(ready, signal === undefined ? [] : [signal])
    const receipt = await publish
    this.#published++
    return receipt ?? undefined
  }

  /** The address of the inspector, to be opened in a browser; undefined without `inspect`, or if it can't listen. */
  get inspector(): Promise<string | undefined> {
    return this.#inspection.then(inspection => inspection?.address)
  }

  /** What an inspector sees of this connection. Not for applications. */
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

  /**
   * Answers snapshot requests in a subscription that hears nothing else. Fulfilled when the bus has granted it; throws as
   * {@link subscribe} does.
   *
   * To the bus it is an application of its own, so it is also asked for the snapshots that other subscriptions of this
   * process want. An application that does both gives `answerSnapshots` to {@link subscribe} instead.
   */
  async answerSnapshots(answer: AnswerSnapshot, { signal }: { signal?: AbortSignal } = {}): Promise<SnapshotAnswering> {
    const wish = { topics: [matchesNothing], snapshotDays: 0 }
    const subscription = await this.#subscribe(wish, {
      answerSnapshots: answer,
      ...(signal === undefined ? {} : { signal }),
    })
    // Reading is what gets the requests answered. That it failed has been told.
    subscription[Symbol.asyncIterator]()
      .next()
      .catch(() => {})
    return { close: () => subscription.close() }
  }

  /**
   * Measures how long the bus takes to answer a heartbeat, in milliseconds.
   *
   * Throws `BusUnavailableError` if it does not answer in time, `UnintelligibleReplyError` if something else does, or the
   * signal's reason.
   */
  async ping({ signal }: { signal?: AbortSignal } = {}): Promise<number> {
    this.#throwIfClosed()
    const startMs = performance.now()
    // That no subscription has this topic is an answer as well, and takes as long.
    await this.#requests.heartbeat(matchesNothing, 0, {
      timeoutMs: this.#settings.requestTimeoutMs,
      signals: signal === undefined ? [this.#closing.signal] : [this.#closing.signal, signal],
    })
    return performance.now() - startMs
  }

  /**
   * Ends all subscriptions, sends what was accepted, and closes. Closing again waits for the same end. Takes at most three
   * times the closing timeout. Never throws.
   */
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

  async #subscribe(wish: SubscriptionWish, options: SubscribeOptions): Promise<Subscription> {
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

function readWish(topics: string | readonly string[], snapshotDays: number): SubscriptionWish {
  const list: readonly unknown[] = typeof topics === 'string' ? [topics] : topics
  if (!Array.isArray(list) || list.length === 0 || !list.every(topic => typeof topic === 'string')) {
    throw new InvalidArgumentError('a subscription wants a topic, or a list of at least one')
  }
  if (list.includes('')) throw new InvalidArgumentError('a topic must not be empty: stix2 is everything')
  if (!Number.isInteger(snapshotDays) || snapshotDays < 0 || snapshotDays > maxSnapshotDays) {
    throw new InvalidArgumentError(`a snapshot reaches back 0 to ${maxSnapshotDays} whole days, not ${snapshotDays}`)
  }
  return { topics: list, snapshotDays }
}

import { matchesNothing } from '../protocol/topics.ts'
import { PublishSocket } from '../sockets/client/publisher.ts'
import { type Patience, throwIfAborted } from '../sockets/client/request.ts'
import { BusClosedError, BusUnavailableError, SubscriptionRefusedError } from './errors.ts'
import type { Settings } from './options.ts'
import type { Requests } from './requests.ts'

/** The bus's `sub` address, and the connection to it. */
interface Connection {
  readonly address: string
  readonly socket: PublishSocket
}

/**
 * The way to the bus of everything that one application publishes: one connection, one message at a time, in order.
 *
 * It is opened when the first message wants to go. Where to is known from a subscription, or asked for with one.
 */
export class Publishing {
  readonly #settings: Settings
  readonly #requests: Requests
  readonly #disconnected: () => void
  readonly #gaveUp = new AbortController()
  #knownAddress: string | undefined
  #connection: Connection | undefined
  /** Fulfilled when everything that was to be published before has had its turn. */
  #turn: Promise<unknown> = Promise.resolve()
  /** Connections that were replaced, while they send what they hold. */
  readonly #closing = new Set<Promise<boolean>>()

  /** `disconnected` hears when the connection broke: the bus that it led to may have ended. */
  constructor(settings: Settings, requests: Requests, disconnected: () => void) {
    this.#settings = settings
    this.#requests = requests
    this.#disconnected = disconnected
  }

  /** The bus said where it listens. If it moved, what comes next goes there. */
  listensAt(address: string): void {
    this.#knownAddress = address
  }

  /**
   * Publishes a body under a topic, once everything before it was. Fulfilled when the connection took it.
   *
   * Throws `BusUnavailableError` if it did not in time, `BusClosedError` when the bus was closed, or the reason of a signal
   * that is aborted.
   */
  publish(topic: string, body: string, signals: readonly AbortSignal[] = []): Promise<void> {
    const published = this.#turn.then(() => this.#send(topic, body, [this.#gaveUp.signal, ...signals]))
    // One message that can't be sent does not hold up the next.
    this.#turn = published.catch(() => {})
    return published
  }

  /**
   * Sends what is to be published, and closes the connection once it is sent. Says whether all of it was in time: after
   * the closing timeout the rest is given up.
   */
  async close(): Promise<boolean> {
    const timeoutMs = this.#settings.closeTimeoutMs
    const startMs = performance.now()
    const timer = setTimeout(() => this.#giveUp(), timeoutMs)
    await this.#turn
    clearTimeout(timer)
    this.#giveUp()
    this.#replace(Math.max(0, timeoutMs - (performance.now() - startMs)))
    return (await Promise.all(this.#closing)).every(flushed => flushed)
  }

  #giveUp(): void {
    this.#gaveUp.abort(new BusClosedError())
  }

  async #send(topic: string, body: string, signals: readonly AbortSignal[]): Promise<void> {
    throwIfAborted(signals)
    const socket = await this.#connect(topic, { timeoutMs: this.#settings.connectTimeoutMs, signals })
    const timeoutMs = this.#settings.publishTimeoutMs
    if (await socket.send(`${topic} ${body}`, { timeoutMs, signals })) return
    // Perhaps the bus listens somewhere else by now: the next message asks.
    this.#knownAddress = undefined
    throw new BusUnavailableError(`the bus did not take the message within ${timeoutMs} ms`)
  }

  /** The connection, once the bus listens to `topic` on it: before, everything that is sent is lost. */
  async #connect(topic: string, patience: Patience): Promise<PublishSocket> {
    const address = this.#knownAddress ?? (await this.#askAddress(patience))
    this.#knownAddress = address
    if (this.#connection?.address !== address) {
      this.#replace(this.#settings.closeTimeoutMs)
      const socket = new PublishSocket(address, this.#settings.highWaterMark, this.#disconnected)
      this.#connection = { address, socket }
    }
    const { socket } = this.#connection
    if (await socket.awaitListener(topic, patience)) return socket
    this.#knownAddress = undefined
    throw new BusUnavailableError(`the bus does not listen at ${address} within ${patience.timeoutMs} ms`)
  }

  /** Closes the connection, if there is one, in the background. */
  #replace(lingerMs: number): void {
    if (this.#connection === undefined) return
    const closing = this.#connection.socket.close(lingerMs)
    this.#connection = undefined
    this.#closing.add(closing)
    closing.then(() => this.#closing.delete(closing))
  }

  /** The bus says where it listens only to those who subscribe: asks for a subscription to nothing, and ends it. */
  async #askAddress(patience: Patience): Promise<string> {
    const wish = { topics: [matchesNothing], snapshotDays: 0 }
    const answer = await this.#requests.subscribe(wish, patience)
    if (answer.answer === 'refused') {
      throw new SubscriptionRefusedError(`the bus does not say where it listens: ${answer.reason}`)
    }
    await this.#requests.unsubscribe(answer.grant.topic, patience)
    return answer.grant.subAddress
  }
}

import type { Grant, HeartbeatAnswer, SubscribeAnswer, SubscriptionWish } from '../../machines/vocabulary-client.ts'
import { decodeUtf8, isJsonObject, parseJson } from '../protocol/json.ts'
import { type Absence, lookAt } from '../sockets/client/look.ts'
import { type Patience, request } from '../sockets/client/request.ts'
import { addressOf, type Endpoint, readEndpoint, readPort } from './endpoint.ts'
import { BusUnavailableError, UnintelligibleReplyError } from './errors.ts'
import type { ReceiptLack } from './events.ts'

/** The bus's answer to what was published with a receipt. */
export type PublishAnswer =
  /** Everything is on disk; the number is the sequence number of the last message. */
  | { readonly answer: 'stored'; readonly last: number }
  /** Nothing was stored, because of one of the messages. */
  | { readonly answer: 'refused'; readonly index: number; readonly reason: string }
  /** Nothing was stored: the bus can't, at present. */
  | { readonly answer: 'unable'; readonly reason: string }
  /** This bus gives no receipts. */
  | { readonly answer: 'unsupported'; readonly reason: ReceiptLack }

/**
 * The management requests of the protocol (PROTOCOL "Management"), each on a connection of its own.
 *
 * Each of them throws `BusUnavailableError` if there is no answer in time, `UnintelligibleReplyError` if the answer is
 * none that a bus gives, and the reason of a signal that is aborted.
 */
export class Requests {
  readonly #manage: Endpoint
  readonly #waits: boolean
  /** Was the last request answered? Then nobody needs to look who is there. */
  #isThere = false
  #absence: Absence | undefined

  /** Requests that wait do so while nobody is there; the others throw at once. */
  constructor(manage: Endpoint, { waitForBus = true }: { readonly waitForBus?: boolean } = {}) {
    this.#manage = manage
    this.#waits = waitForBus
  }

  /** What is thrown when there was no answer in time. It says why, as far as that is known. */
  noAnswer(timeoutMs: number): BusUnavailableError {
    return noAnswer(this.#manage, `within ${timeoutMs} ms`, this.#absence)
  }

  /** Asks for a subscription, of which heartbeats will say how much was received. */
  async subscribe(wish: SubscriptionWish, patience: Patience): Promise<SubscribeAnswer> {
    const { topics, snapshotDays, numbered, since } = wish
    const [topic, ...more] = topics
    const wanted = more.length === 0 ? topic : topics
    const asked = { ...(numbered && { numbered }), ...(since !== undefined && { since }) }
    const subscribe = { action: 'subscribe', topic: wanted, snapshot: snapshotDays, received: 0, ...asked }
    const reply = await this.#ask(subscribe, patience)
    if (reply.status === 'success') {
      const grant = this.#readGrant(reply)
      if (since === undefined || grant.from !== undefined) return { answer: 'granted', grant }
      await this.unsubscribe(grant.topic, patience)
      return { answer: 'refused', reason: 'it has no history that a subscription could begin in' }
    }
    // A bus without a history has no numbers to tell.
    if (reply.history === false && numbered && since === undefined) {
      return this.subscribe({ ...wish, numbered: false }, patience)
    }
    return { answer: 'refused', reason: typeof reply.reason === 'string' ? reply.reason : `${reply.status}` }
  }

  /**
   * Asks whether the bus knows a subscription, and keeps it alive. `received` is how many frames came since the subscribe
   * reply: where the bus goes on when the connection broke. Undefined: that is not known at the moment.
   */
  async heartbeat(topic: string, received: number | undefined, patience: Patience): Promise<HeartbeatAnswer> {
    const reply = await this.#ask({ action: 'heartbeat', topic, received }, patience)
    return reply.status === 'success' ? 'known' : 'forgotten'
  }

  /** Ends a subscription. That the bus does not know it is just as well. */
  async unsubscribe(topic: string, patience: Patience): Promise<void> {
    await this.#ask({ action: 'unsubscribe', topic }, patience)
  }

  /**
   * Publishes the JSON texts of messages, byte for byte, and waits until they are on the bus's disk: all of them, or none.
   */
  async publish(texts: readonly string[], patience: Patience): Promise<PublishAnswer> {
    const message = `{"action":"publish","topic":"stix2/","message":[${texts.join()}]}`
    const reply = await this.#send(message, patience)
    const { status, sequence, reason, index, history } = reply
    if (status === 'success' && typeof sequence === 'number') return { answer: 'stored', last: sequence }
    if (history === false) return { answer: 'unsupported', reason: 'no_history' }
    // The original knows no such request.
    if (status !== 'error') return { answer: 'unsupported', reason: 'unknown_request' }
    const because = typeof reason === 'string' ? reason : 'the bus gave no reason'
    if (typeof index === 'number' && index in texts) return { answer: 'refused', index, reason: because }
    return { answer: 'unable', reason: because }
  }

  #ask(message: object, patience: Patience): Promise<Record<string, unknown>> {
    return this.#send(JSON.stringify(message), patience)
  }

  async #send(text: string, patience: Patience): Promise<Record<string, unknown>> {
    const parts = this.#isThere
      ? await request(addressOf(this.#manage), text, patience)
      : await this.#requestAndLook(text, patience)
    this.#isThere = parts !== undefined
    if (parts === undefined) throw this.noAnswer(patience.timeoutMs)
    const [bytes] = parts
    const reply = parts.length === 1 && bytes !== undefined ? parseJson(decodeUtf8(bytes) ?? '') : undefined
    if (isJsonObject(reply) && typeof reply.status === 'string') return reply
    throw this.#unintelligible('it is not a JSON object with a status')
  }

  /** Requests, and looks meanwhile who is there. What can't become an answer any more is thrown at once. */
  async #requestAndLook(text: string, patience: Patience): Promise<readonly Buffer[] | undefined> {
    const { host, port } = this.#manage
    const looking = new AbortController()
    const hopeless = new AbortController()
    const looked = lookAt(host, port, looking.signal).then(absence => {
      this.#absence = absence
      if (absence?.who === 'stranger') hopeless.abort(this.#unintelligible(absence.because))
      else if (absence !== undefined && !this.#waits) hopeless.abort(noAnswer(this.#manage, undefined, absence))
    })
    try {
      return await request(addressOf(this.#manage), text, {
        ...patience,
        signals: [...patience.signals, hopeless.signal],
      })
    } finally {
      looking.abort()
      await looked
    }
  }

  /** Reads what a granted subscription came with. Ports may be text or numbers, endpoints may be absent. */
  #readGrant(reply: Record<string, unknown>): Grant {
    const { topic } = reply
    if (typeof topic !== 'string' || topic === '') throw this.#unintelligible('it names no p2p topic')
    return {
      topic,
      pubAddress: this.#readAddress(reply.pub_endpoint, reply.pub_port),
      subAddress: this.#readAddress(reply.sub_endpoint, reply.sub_port),
      ...(Number.isSafeInteger(reply.from) && { from: reply.from as number }),
    }
  }

  #readAddress(endpoint: unknown, port: unknown): string {
    const advertised = typeof endpoint === 'string' ? readEndpoint(endpoint) : undefined
    if (advertised !== undefined) return addressOf(advertised)
    const read = readPort(port)
    if (read === undefined) throw this.#unintelligible('it names no ports')
    return addressOf({ host: this.#manage.host, port: read })
  }

  #unintelligible(why: string): UnintelligibleReplyError {
    const { host, port } = this.#manage
    return new UnintelligibleReplyError(`what answers at ${host} port ${port} is no bus: ${why}`)
  }
}

function noAnswer(
  { host, port }: Endpoint,
  inTime: string | undefined,
  absence: Absence | undefined,
): BusUnavailableError {
  const where = `no answer from ${host} port ${port}`
  const words = [
    inTime === undefined ? where : `${where} ${inTime}`,
    ...(absence === undefined ? [] : [absence.because]),
  ]
  return new BusUnavailableError(words.join(': '))
}

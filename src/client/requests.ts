import type { Grant, HeartbeatAnswer, SubscribeAnswer, SubscriptionWish } from '../../machines/vocabulary-client.ts'
import { decodeUtf8, isJsonObject, parseJson } from '../protocol/json.ts'
import { type Patience, request } from '../sockets/client/request.ts'
import { addressOf, type Endpoint, readEndpoint, readPort } from './endpoint.ts'
import { BusUnavailableError, UnintelligibleReplyError } from './errors.ts'

/**
 * The management requests of the protocol (PROTOCOL "Management"), each on a connection of its own.
 *
 * Each of them throws `BusUnavailableError` if there is no answer in time, `UnintelligibleReplyError` if the answer is
 * none that a bus gives, and the reason of a signal that is aborted.
 */
export class Requests {
  readonly #manage: Endpoint

  constructor(manage: Endpoint) {
    this.#manage = manage
  }

  /** Asks for a subscription. */
  async subscribe({ topics, snapshotDays }: SubscriptionWish, patience: Patience): Promise<SubscribeAnswer> {
    const [topic, ...more] = topics
    const wanted = more.length === 0 ? topic : topics
    const reply = await this.#ask({ action: 'subscribe', topic: wanted, snapshot: snapshotDays }, patience)
    if (reply.status === 'success') return { answer: 'granted', grant: this.#readGrant(reply) }
    return { answer: 'refused', reason: typeof reply.reason === 'string' ? reply.reason : `${reply.status}` }
  }

  /** Asks whether the bus knows a subscription, and keeps it alive. */
  async heartbeat(topic: string, patience: Patience): Promise<HeartbeatAnswer> {
    const reply = await this.#ask({ action: 'heartbeat', topic }, patience)
    return reply.status === 'success' ? 'known' : 'forgotten'
  }

  /** Ends a subscription. That the bus does not know it is just as well. */
  async unsubscribe(topic: string, patience: Patience): Promise<void> {
    await this.#ask({ action: 'unsubscribe', topic }, patience)
  }

  async #ask(message: object, patience: Patience): Promise<Record<string, unknown>> {
    const parts = await request(addressOf(this.#manage), JSON.stringify(message), patience)
    if (parts === undefined) throw noAnswer(this.#manage, patience.timeoutMs)
    const [bytes] = parts
    const reply = parts.length === 1 && bytes !== undefined ? parseJson(decodeUtf8(bytes) ?? '') : undefined
    if (isJsonObject(reply) && typeof reply.status === 'string') return reply
    throw this.#unintelligible('it is not a JSON object with a status')
  }

  /** Reads what a granted subscription came with. Ports may be text or numbers, endpoints may be absent. */
  #readGrant(reply: Record<string, unknown>): Grant {
    const { topic } = reply
    if (typeof topic !== 'string' || topic === '') throw this.#unintelligible('it names no p2p topic')
    return {
      topic,
      pubAddress: this.#readAddress(reply.pub_endpoint, reply.pub_port),
      subAddress: this.#readAddress(reply.sub_endpoint, reply.sub_port),
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

/** What is thrown when a bus does not answer in time. */
export function noAnswer({ host, port }: Endpoint, timeoutMs: number): BusUnavailableError {
  return new BusUnavailableError(`no answer from ${host} port ${port} within ${timeoutMs} ms`)
}

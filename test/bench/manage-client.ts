import { Request } from 'zeromq'
import type { Endpoint } from './wires/connection.ts'

/** Subscriptions, and where their messages come from and go to. */
export interface Subscriptions {
  readonly p2pTopics: readonly string[]
  readonly pubPort: number
  readonly subPort: number
}

/** Asks a broker's `manage` endpoint, one request after the other. */
export class ManageClient {
  readonly #address: string
  readonly #socket: Request

  /** @param patience how long to wait for a reply, in milliseconds */
  constructor({ host, port }: Endpoint, patience = 5_000) {
    this.#address = `${host}:${port}`
    this.#socket = new Request({ linger: 0, sendTimeout: patience, receiveTimeout: patience, reconnectInterval: 5 })
    this.#socket.connect(`tcp://${this.#address}`)
  }

  /** Resolves when the broker replies, whatever its reply is. */
  async awaitReady(): Promise<void> {
    await this.#ask({ action: 'heartbeat', topic: 'x'.repeat(32) })
  }

  async subscribe(topic: string, count: number): Promise<Subscriptions> {
    const p2pTopics: string[] = []
    let ports = { pubPort: 0, subPort: 0 }
    while (p2pTopics.length < count) {
      const reply = await this.#ask({ action: 'subscribe', topic })
      if (reply.status !== 'success') throw new Error(`the broker refused a subscription: ${JSON.stringify(reply)}`)
      p2pTopics.push(String(reply.topic))
      ports = { pubPort: Number(reply.pub_port), subPort: Number(reply.sub_port) }
    }
    return { p2pTopics, ...ports }
  }

  async unsubscribe(p2pTopics: readonly string[]): Promise<void> {
    for (const topic of p2pTopics) await this.#ask({ action: 'unsubscribe', topic })
  }

  close(): void {
    this.#socket.close()
  }

  async #ask(request: object): Promise<Record<string, unknown>> {
    try {
      await this.#socket.send(JSON.stringify(request))
      const [reply] = await this.#socket.receive()
      return JSON.parse(String(reply))
    } catch (error) {
      throw new Error(`no reply from manage at ${this.#address}`, { cause: error })
    }
  }
}

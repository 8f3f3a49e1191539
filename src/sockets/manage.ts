import { Router } from 'zeromq'
import { splitRoute } from '../protocol/management.ts'
import { boundPort } from './bound-port.ts'
import type { IoThreads } from './io-threads.ts'

/** What a {@link ManageSocket} needs to know. */
export interface ManageSocketOptions {
  readonly io: IoThreads
  /** Is the address to bind an IPv6 address? */
  readonly ipv6: boolean
  /** Largest frame in bytes; a larger one closes its connection (PROTOCOL: the one case without a reply). */
  readonly maxMessageBytes: number
  /** Requests of one connection that may wait to be read. */
  readonly receiveHighWaterMark: number
  /** Asked when the socket is closed: how long replies on their way may take then. */
  lingerMs(): number
}

/** A management request as it came: the route back to its client, and its parts. */
export interface RawRequest {
  readonly route: readonly Buffer[]
  readonly parts: readonly Buffer[]
}

/**
 * The `manage` endpoint. A Router, not a Reply socket: a client that hangs up or sends nonsense costs nobody else an
 * answer (PROTOCOL "Points that were asked about").
 */
export class ManageSocket {
  readonly #socket: Router
  readonly #lingerMs: () => number

  constructor(options: ManageSocketOptions) {
    this.#lingerMs = options.lingerMs
    this.#socket = new Router({
      ...options.io,
      ipv6: options.ipv6,
      maxMessageSize: options.maxMessageBytes,
      receiveHighWaterMark: options.receiveHighWaterMark,
      // A client that does not read its replies loses them; it never makes the others wait.
      sendTimeout: 0,
    })
  }

  /** Binds to `address` and answers the port. Rejects with the code `EADDRINUSE` while another process has it. */
  async bind(address: string): Promise<number> {
    await this.#socket.bind(address)
    return boundPort(this.#socket)
  }

  /** Hands over each request until the socket is closed. Rejects if the socket fails. */
  async serve(handle: (request: RawRequest) => void): Promise<void> {
    while (!this.#socket.closed) {
      let frames: Buffer[]
      try {
        frames = await this.#socket.receive()
      } catch (error) {
        if (this.#socket.closed) return
        throw error
      }
      handle(splitRoute(frames))
    }
  }

  /** Sends a reply to the client behind `route`. A client that has gone meanwhile is not an error. */
  reply(route: readonly Uint8Array[], text: string): void {
    this.#socket.send([...(route as Buffer[]), text]).catch(() => {})
  }

  /** Closes the socket; replies on their way get the linger time. */
  close(): void {
    this.#socket.linger = this.#lingerMs()
    this.#socket.close()
  }
}

import { Subscriber } from 'zeromq'
import { boundPort } from './bound-port.ts'
import type { IoThreads } from './io-threads.ts'

/** What a {@link SubSocket} needs to know. */
export interface SubSocketOptions {
  readonly io: IoThreads
  /** Is the address to bind an IPv6 address? */
  readonly ipv6: boolean
  /** Largest frame in bytes; a larger one closes its connection. */
  readonly maxMessageBytes: number
  /** Messages of one connection that may wait to be read. */
  readonly receiveHighWaterMark: number
  readonly prefixes: readonly string[]
}

/** Messages handed over at once. */
const maxBatch = 256

/** The `sub` endpoint: where applications publish. */
export class SubSocket {
  readonly #socket: Subscriber

  constructor(options: SubSocketOptions) {
    this.#socket = new Subscriber({
      ...options.io,
      ipv6: options.ipv6,
      maxMessageSize: options.maxMessageBytes,
      receiveHighWaterMark: options.receiveHighWaterMark,
      linger: 0,
    })
    this.#socket.subscribe(...options.prefixes)
  }

  /** Binds to `address` and answers the port. Rejects with the code `EADDRINUSE` while another process has it. */
  async bind(address: string): Promise<number> {
    await this.#socket.bind(address)
    return boundPort(this.#socket)
  }

  /**
   * Drains the socket: `take` gets each message, and `flush` is awaited whenever the socket ran dry or {@link maxBatch}
   * messages were taken. While that is pending nothing is read, so ZeroMQ holds the publishers back. Ends when the
   * socket is closed; rejects if it fails.
   *
   * Between two flushes the receive timeout is zero: ZeroMQ is then asked for a message, not for its events first, and
   * answers EAGAIN when it has none (ARCHITECTURE "The two habits that triple the throughput").
   */
  async serve(take: (parts: readonly Buffer[]) => void, flush: () => Promise<void>): Promise<void> {
    while (!this.#socket.closed) {
      try {
        this.#socket.receiveTimeout = -1
        take(await this.#socket.receive())
        this.#socket.receiveTimeout = 0
        for (let taken = 1; taken < maxBatch; taken++) take(await this.#socket.receive())
      } catch (error) {
        if (this.#socket.closed) return
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
      }
      await flush()
    }
  }

  /** Closes the socket; what it holds unread is lost. */
  close(): void {
    this.#socket.close()
  }
}

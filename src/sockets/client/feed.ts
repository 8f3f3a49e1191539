import { Subscriber } from 'zeromq'
import { connectionOptions, isUnready } from './connection.ts'

/** Wait without end. */
const forever = -1

/**
 * How long a retired feed waits for another message before it counts as dry, in milliseconds. Longer than an instant:
 * what still lies in the connection reaches the socket only as there is room.
 */
const retiredPatienceMs = 250

/** A message as it came: the parts of a ZeroMQ message, of which the protocol knows only one. */
export type Parts = readonly Buffer[]

/**
 * What the bus publishes under one p2p topic. It reads only when it is asked to: what is not read fills the socket up to
 * its high-water mark, then the connection, and then waits in the bus.
 *
 * The socket reconnects by itself, and what it held before is still read.
 */
export class Feed {
  readonly #socket: Subscriber
  #patienceMs = forever

  /** Connects to where the bus publishes. `highWaterMark` is how many messages the socket may hold. */
  constructor(address: string, p2pTopic: string, highWaterMark: number) {
    this.#socket = new Subscriber({ ...connectionOptions(address), receiveHighWaterMark: highWaterMark })
    this.#socket.connect(address)
    this.#socket.subscribe(p2pTopic)
  }

  /**
   * Waits for a message and answers it with those right behind it, at most `atMost`. None means that there will be no
   * more: the feed was closed, or retired and read to its end. One call at a time.
   */
  async receive(atMost: number): Promise<readonly Parts[]> {
    const batch: Parts[] = []
    if (this.#socket.closed) return batch
    try {
      this.#socket.receiveTimeout = this.#patienceMs
      batch.push(await this.#socket.receive())
      // Without a timeout the socket is read without being asked for its state first (ARCHITECTURE "What was measured").
      this.#socket.receiveTimeout = 0
      while (batch.length < atMost && !this.#socket.closed) batch.push(await this.#socket.receive())
    } catch (error) {
      if (!isUnready(error)) throw error
      if (batch.length === 0) this.#socket.close()
    }
    return batch
  }

  /** Nothing new is expected under this topic: once it is read to its end the feed closes. */
  retire(): void {
    this.#patienceMs = retiredPatienceMs
    // A read that is under way can't be given less patience. If there is nothing to read, it is at the end anyway.
    if (!this.#socket.closed && !this.#socket.readable) this.#socket.close()
  }

  /** Closes the connection; what was not read is gone. */
  close(): void {
    this.#socket.close()
  }
}

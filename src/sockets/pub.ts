import { setTimeout as sleep } from 'node:timers/promises'
import { XPublisher } from 'zeromq'
import { boundPort } from './bound-port.ts'
import type { IoThreads } from './io-threads.ts'

/** What a {@link PubSocket} needs to know. */
export interface PubSocketOptions {
  readonly io: IoThreads
  /** Is the address to bind an IPv6 address? */
  readonly ipv6: boolean
  /** Frames that a connection may hold before a send is refused. */
  readonly sendHighWaterMark: number
  /** Bytes that the system may hold for a connection (it takes twice as much, for its own). */
  readonly sendBufferBytes: number
  /** TCP keepalive: idle and interval in seconds, and the number of probes. A peer that vanished is noticed after about idle + interval × count. */
  readonly tcpKeepalive: { readonly idle: number; readonly interval: number; readonly count: number }
  /** Asked when the socket is closed: how long frames on their way may take then. */
  lingerMs(): number
}

/** What a {@link PubSocket} tells of its peers. */
export interface PubSocketPeers {
  /** May a peer that subscribes to `prefix` hear what begins with it? The answer is final for this subscription. */
  admits(prefix: string): boolean
  /** A peer's subscription to `prefix` was admitted. */
  joined(prefix: string): void
  /** A peer unsubscribed from `prefix`, or disconnected. Also said of prefixes that were not admitted. */
  left(prefix: string): void
  /** A peer's subscription to `prefix` was not admitted. */
  refused(prefix: string): void
}

/** ZeroMQ's option numbers for what zeromq.js has no property for on an XPublisher. */
const ZMQ_SUBSCRIBE = 6
const ZMQ_UNSUBSCRIBE = 7

/** Subscriptions are p2p topics, perhaps with a type: a longer frame is no subscription, and closes its connection. */
const maxSubscriptionBytes = 256

/** While nothing is sent, how long one wait for subscriptions lasts. */
const idleWaitMs = 100

/** While something is sent, how often subscriptions are read at least. */
const busyTickMs = 10

/** After so many ticks without a send, waiting for subscriptions is worth it again: on a busy machine one tick may pass between two batches. */
const quietTicksToIdle = 20

/** An XPublisher that decides itself which subscriptions it honours (`manual`). */
class AdmittingPublisher extends XPublisher {
  /** Admits the subscription that was received last, for the peer that sent it. */
  admit(prefix: Buffer): void {
    this.setStringOption(ZMQ_SUBSCRIBE, prefix)
  }

  /** Forgets the subscription whose end was received last, if its peer is still connected. */
  forget(prefix: Buffer): void {
    this.setStringOption(ZMQ_UNSUBSCRIBE, prefix)
  }
}

/**
 * The `pub` endpoint: where subscribers receive.
 *
 * Every subscription passes by `peers.admits`, so an eavesdropper's is never honoured. A full connection refuses
 * (`noDrop`), so nothing is lost silently. ZMTP heartbeats stay off: they disconnect slow but living subscribers.
 */
export class PubSocket {
  readonly #socket: AdmittingPublisher
  readonly #peers: PubSocketPeers
  readonly #lingerMs: () => number
  #sends = 0

  constructor(options: PubSocketOptions, peers: PubSocketPeers) {
    this.#peers = peers
    this.#lingerMs = options.lingerMs
    this.#socket = new AdmittingPublisher({
      ...options.io,
      ipv6: options.ipv6,
      manual: true,
      noDrop: true,
      sendTimeout: 0,
      sendHighWaterMark: options.sendHighWaterMark,
      sendBufferSize: options.sendBufferBytes,
      maxMessageSize: maxSubscriptionBytes,
      tcpKeepalive: 1,
      tcpKeepaliveIdle: options.tcpKeepalive.idle,
      tcpKeepaliveInterval: options.tcpKeepalive.interval,
      tcpKeepaliveCount: options.tcpKeepalive.count,
    })
  }

  /** Binds to `address` and answers the port. Rejects with the code `EADDRINUSE` while another process has it. */
  async bind(address: string): Promise<number> {
    await this.#socket.bind(address)
    return boundPort(this.#socket)
  }

  /** Sends a frame at once, or rejects with the code `EAGAIN` if a peer that would receive it holds as much as it may. */
  send(frame: string): Promise<void> {
    this.#sends++
    return this.#socket.send(frame)
  }

  /**
   * Reads subscriptions until the socket is closed. Rejects if it fails.
   *
   * A receive that is pending makes every send ask ZeroMQ for its events first, two system calls each (ARCHITECTURE
   * "The two habits that triple the throughput"). So a receive is pending only while nothing is sent; otherwise what has
   * arrived is read by a slow tick, which falls between the rounds of sending.
   */
  async serve(): Promise<void> {
    while (!this.#socket.closed) {
      const sends = this.#sends
      this.#socket.receiveTimeout = idleWaitMs
      await this.#receive()
      await this.#readSubscriptions()
      if (this.#sends !== sends) await this.#readWhileSending()
    }
  }

  /** Until nothing has been sent for a while. */
  async #readWhileSending(): Promise<void> {
    for (let quietTicks = 0; quietTicks < quietTicksToIdle && !this.#socket.closed; quietTicks++) {
      const sends = this.#sends
      await sleep(busyTickMs)
      await this.#readSubscriptions()
      if (this.#sends !== sends) quietTicks = -1
    }
  }

  /** Reads the subscriptions that have arrived. */
  async #readSubscriptions(): Promise<void> {
    while (!this.#socket.closed && this.#socket.readable) {
      this.#socket.receiveTimeout = 0
      await this.#receive()
    }
  }

  async #receive(): Promise<void> {
    try {
      const [frame] = await this.#socket.receive()
      // Nothing may come between the receive and the admission: ZeroMQ admits for the peer it received from last.
      if (frame !== undefined) this.#read(frame)
    } catch (error) {
      if (!this.#socket.closed && (error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
    }
  }

  /** A subscription is the byte 1 and the prefix, its end the byte 0 and the prefix; peers may send other messages, too. */
  #read(frame: Buffer): void {
    const bytes = frame.subarray(1)
    const prefix = bytes.toString('latin1')
    if (frame[0] === 1 && this.#peers.admits(prefix)) {
      this.#socket.admit(bytes)
      this.#peers.joined(prefix)
    } else if (frame[0] === 1) this.#peers.refused(prefix)
    else if (frame[0] === 0) {
      this.#socket.forget(bytes)
      this.#peers.left(prefix)
    }
  }

  /** Closes the socket; what it holds unsent gets the linger time. */
  close(): void {
    this.#socket.linger = this.#lingerMs()
    this.#socket.close()
  }
}

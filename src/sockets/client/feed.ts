import { setTimeout as sleep } from 'node:timers/promises'
import { Subscriber } from 'zeromq'
import { connectionOptions, isUnready } from './connection.ts'

/** Wait without end. */
const forever = -1

/**
 * How long a retired feed waits for another message before it counts as dry, in milliseconds. Longer than an instant:
 * what still lies in the connection reaches the socket only as there is room.
 */
const retiredPatienceMs = 250

/** After a connection broke: so long without another message, in milliseconds, and what it held is read. */
const quietMs = 20

/** A message as it came: the parts of a ZeroMQ message, of which the protocol knows only one. */
export type Parts = readonly Buffer[]

/** What a {@link Feed} tells of its connection. */
export interface FeedEvents {
  /** It has broken. */
  broke(): void
  /** It is there again. */
  reconnected(): void
}

/**
 * What the bus publishes under one p2p topic. It reads only when it is asked to: what is not read fills the socket up to
 * its high-water mark, then the connection, and then waits in the bus.
 *
 * The socket reconnects by itself, and what it held before is still read: it comes before anything new.
 */
export class Feed {
  readonly #socket: Subscriber
  #patienceMs = forever
  #received = 0
  #connections = 0
  /** Read ahead, when the connection had broken. At most what the connection held. */
  #held: Parts[] = []
  #reading: Promise<readonly Parts[]> | undefined
  #readingAhead: Promise<void> | undefined
  #countedConnections = 1
  #isBroken = false

  /** Connects to where the bus publishes. `highWaterMark` is how many messages the socket may hold. */
  constructor(address: string, p2pTopic: string, highWaterMark: number, { broke, reconnected }: FeedEvents) {
    this.#socket = new Subscriber({ ...connectionOptions(address), receiveHighWaterMark: highWaterMark })
    this.#socket.events.on('handshake', () => {
      this.#connections++
      this.#isBroken = false
      if (this.#connections > 1) reconnected()
    })
    this.#socket.events.on('disconnect', () => {
      this.#isBroken = true
      broke()
    })
    this.#socket.connect(address)
    this.#socket.subscribe(p2pTopic)
  }

  /**
   * How many messages have come. After the connection broke, with all that it still held: until it is told this number the
   * bus sends nothing, so there is an end to it. Undefined while it is broken: more may come of what it held, and the bus would
   * take a number of before for one of after.
   */
  async received(): Promise<number | undefined> {
    const connections = this.#connections
    if (connections > this.#countedConnections) {
      if (this.#reading === undefined) await this.#readAhead()
      else for (let before = -1; before !== this.#received; await sleep(quietMs)) before = this.#received
      this.#countedConnections = connections
    }
    return this.#isBroken || connections !== this.#connections ? undefined : this.#received
  }

  /** Reads what the connection holds, for whoever reads next. */
  async #readAhead(): Promise<void> {
    this.#readingAhead ??= this.#readWithin(quietMs, Number.POSITIVE_INFINITY).then(parts => {
      this.#held.push(...parts)
      this.#readingAhead = undefined
    })
    await this.#readingAhead
  }

  /**
   * Waits for a message and answers it with those right behind it, at most `atMost`. None means that there will be no
   * more: the feed was closed, or retired and read to its end. One call at a time.
   */
  async receive(atMost: number): Promise<readonly Parts[]> {
    await this.#readingAhead
    if (this.#held.length > 0) return this.#held.splice(0, atMost)
    this.#reading = this.#readWithin(this.#patienceMs, atMost)
    const batch = await this.#reading
    this.#reading = undefined
    if (batch.length === 0 && !this.#socket.closed) this.#socket.close()
    return batch
  }

  /** Waits so long for a message, and reads it and those right behind it. */
  async #readWithin(patienceMs: number, atMost: number): Promise<readonly Parts[]> {
    const batch: Parts[] = []
    if (this.#socket.closed) return batch
    try {
      this.#socket.receiveTimeout = patienceMs
      batch.push(await this.#socket.receive())
      // Without a timeout the socket is read without being asked for its state first (ARCHITECTURE "What was measured").
      this.#socket.receiveTimeout = 0
      while (batch.length < atMost && !this.#socket.closed) batch.push(await this.#socket.receive())
    } catch (error) {
      if (!isUnready(error)) throw error
    }
    this.#received += batch.length
    return batch
  }

  /** Nothing new is expected under this topic: once it is read to its end the feed closes. */
  retire(): void {
    this.#patienceMs = retiredPatienceMs
    // A read that is under way can't be given less patience. If there is nothing to read, it is at the end anyway.
    if (!this.#socket.closed && !this.#socket.readable && this.#held.length === 0) this.#socket.close()
  }

  /** Closes the connection; what was not read is gone. */
  close(): void {
    this.#socket.close()
  }
}

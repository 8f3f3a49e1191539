import { once } from 'node:events'
import { setImmediate, setTimeout } from 'node:timers/promises'
import { XPublisher } from 'zeromq'
import { connectionOptions, isUnready } from './connection.ts'
import { type Patience, throwIfAborted } from './request.ts'

/** Sends after which the event loop gets its turn: a send that succeeds at once never yields by itself. */
const sendsPerTurn = 256

/** First and longest pause before a refused send is tried again, in milliseconds. */
const shortestPauseMs = 1
const longestPauseMs = 20

/** How much earlier than by our clock a time may be over by ZeroMQ's, in milliseconds. */
const clockSlackMs = 10

/** What a subscription's frame begins with, before the topic. */
const subscribes = 1
const unsubscribes = 0

/**
 * The connection on which an application publishes.
 *
 * A PUB socket drops what it can't send, and everything until the bus's subscription has arrived. This one is an XPUB
 * that drops nothing: it sees the subscriptions, and refuses while the connection holds as much as it may. While the bus
 * is away it takes what fits and sends it when the bus is back.
 */
export class PublishSocket {
  readonly #socket: XPublisher
  readonly #listenedTo = new Set<string>()
  #nextSubscription: Promise<'arrived' | 'closed'> | undefined
  #sendsThisTurn = 0

  /**
   * Connects to where the bus listens. `highWaterMark` is how many messages the connection may hold; `disconnected` is
   * called when it broke.
   */
  constructor(address: string, highWaterMark: number, disconnected: () => void) {
    this.#socket = new XPublisher({
      ...connectionOptions(address),
      noDrop: true,
      // An XPUB calls itself writable even when it will refuse, so waiting is done here and not by the socket.
      sendTimeout: 0,
      sendHighWaterMark: highWaterMark,
    })
    this.#socket.events.on('disconnect', disconnected)
    this.#socket.connect(address)
  }

  /**
   * Waits until the bus listens to `topic`, and says whether it does. One call at a time, and none while sending.
   * Throws the reason of a signal that is aborted.
   */
  async awaitListener(topic: string, { timeoutMs, signals }: Patience): Promise<boolean> {
    throwIfAborted(signals)
    if (this.#isListenedTo(topic)) return true
    const late = AbortSignal.timeout(timeoutMs)
    const over = once(AbortSignal.any([late, ...signals]), 'abort')
    while (!this.#isListenedTo(topic)) {
      // Still pending when the time is over, it is what the next call waits for. Nothing is pending while sending: that
      // would make each send ask for the socket's state (ARCHITECTURE "What was measured").
      this.#nextSubscription ??= this.#receiveSubscription()
      const event = await Promise.race([this.#nextSubscription, over])
      throwIfAborted(signals)
      if (event !== 'arrived') return false
      this.#nextSubscription = undefined
    }
    return true
  }

  /**
   * Sends a frame, and says whether the connection took it in time. One call at a time.
   * Throws the reason of a signal that is aborted.
   */
  async send(frame: string, { timeoutMs, signals }: Patience): Promise<boolean> {
    throwIfAborted(signals)
    if (++this.#sendsThisTurn >= sendsPerTurn) await this.#yield()
    const deadlineMs = performance.now() + timeoutMs
    for (let pauseMs = shortestPauseMs; ; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
      try {
        await this.#socket.send(frame)
        return true
      } catch (error) {
        if (!isUnready(error)) throw error
      }
      if (performance.now() >= deadlineMs) return false
      await this.#yield(pauseMs)
      throwIfAborted(signals)
    }
  }

  /**
   * Closes the connection once everything it took is sent, and says whether it was: after `lingerMs` it closes anyway.
   */
  async close(lingerMs: number): Promise<boolean> {
    if (this.#socket.closed) return true
    const startMs = performance.now()
    // A closed socket lives on until nothing lingers in it. Its monitor's end is the only sign of that.
    const ended = new Promise<void>(resolve => this.#socket.events.on('end', () => resolve()))
    this.#socket.linger = Math.ceil(lingerMs)
    this.#socket.close()
    await ended
    return performance.now() - startMs < lingerMs - clockSlackMs
  }

  #isListenedTo(topic: string): boolean {
    for (const prefix of this.#listenedTo) if (topic.startsWith(prefix)) return true
    return false
  }

  async #receiveSubscription(): Promise<'arrived' | 'closed'> {
    try {
      const [frame] = await this.#socket.receive()
      if (frame?.[0] === subscribes) this.#listenedTo.add(frame.toString('utf8', 1))
      if (frame?.[0] === unsubscribes) this.#listenedTo.delete(frame.toString('utf8', 1))
      return 'arrived'
    } catch (error) {
      if (isUnready(error)) return 'closed'
      throw error
    }
  }

  async #yield(pauseMs = 0): Promise<void> {
    this.#sendsThisTurn = 0
    await (pauseMs === 0 ? setImmediate() : setTimeout(pauseMs))
  }
}

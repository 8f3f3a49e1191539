import { setImmediate } from 'node:timers/promises'
import { type Actor, toPromise } from 'xstate'
import type { clientSessionChart } from '../../machines/client-session.ts'
import type { MessageType } from '../protocol/topics.ts'
import type { IgnoredFrame } from './events.ts'
import type { FeedChain } from './feed-chain.ts'
import { type BusMessage, readFrame, type SnapshotRequest } from './message.ts'
import type { Place } from './place.ts'
import { type SubscriptionStatus, subscriptionStatus } from './status.ts'

/** Messages read from the connection at once. */
const readAtOnce = 256

/**
 * How long messages are handed out before the event loop has its turn, in milliseconds: heartbeats go out however fast
 * messages come, and however long the reader takes for one.
 */
const longestTurnMs = 10

/** What a subscription does with frames that are no messages, and when it ends. */
export interface SubscriptionSurroundings {
  /** The types that its topics match. */
  readonly types: readonly MessageType[]
  /** How far the application is. */
  readonly place: Place
  /** Awaited before the next message is read. */
  snapshotRequested(request: SnapshotRequest): Promise<void>
  ignored(reason: IgnoredFrame): void
  /** The application wants no more. Awaited before it is told that the subscription ended. */
  closing(): Promise<void>
}

/**
 * What the bus delivers under one subscription, as an async iterable of messages.
 *
 * It reads from the connection only when it is asked for the next message: a slow reader makes the bus wait, and holds
 * no more in memory than the connection's high-water mark. It goes on when the bus was away or forgot the subscription.
 * Leaving the loop closes it. Its iterators share one stream: each message goes to one of them.
 */
export interface Subscription<Type extends MessageType = MessageType, Custom extends object = object>
  extends AsyncIterable<BusMessage<Type, Custom>> {
  [Symbol.asyncIterator](): AsyncIterator<BusMessage<Type, Custom>, void, undefined>
  /** How it is at the moment, as far as is known here. */
  status(): SubscriptionStatus
  /** Fulfilled when the subscription has ended, however that came about. */
  readonly ended: Promise<void>
  /** Ends the subscription at the bus, and with it the iteration. Closing again waits for the same end. Never throws. */
  close(): Promise<void>
  /** The same, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>
}

/** A subscription, from its session and what that receives. */
export class OpenSubscription implements Subscription {
  readonly #session: Actor<typeof clientSessionChart>
  readonly #feeds: FeedChain
  readonly #surroundings: SubscriptionSurroundings
  readonly #ended: Promise<void>
  readonly #messages: AsyncGenerator<BusMessage, void, undefined>

  /** `session` is started, and joins and leaves `feeds`. */
  constructor(session: Actor<typeof clientSessionChart>, feeds: FeedChain, surroundings: SubscriptionSurroundings) {
    this.#session = session
    this.#feeds = feeds
    this.#surroundings = surroundings
    this.#ended = toPromise(session).then(
      () => {},
      // Whoever reads is told: see #throwFailure.
      () => feeds.leave(),
    )
    this.#messages = this.#read()
  }

  [Symbol.asyncIterator](): AsyncIterator<BusMessage, void, undefined> {
    return {
      // A generator takes one request at a time, as the connection does.
      next: () => this.#messages.next(),
      return: async () => {
        await this.close()
        return { done: true, value: undefined }
      },
    }
  }

  get ended(): Promise<void> {
    return this.#ended
  }

  async close(): Promise<void> {
    if (this.#isActive) this.#session.send({ type: 'close' })
    await Promise.all([this.#ended, this.#surroundings.closing()])
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  status(): SubscriptionStatus {
    return subscriptionStatus(this.#session.getSnapshot(), this.#feeds.taken)
  }

  async *#read(): AsyncGenerator<BusMessage, void, undefined> {
    const { types, place } = this.#surroundings
    let turnEndsMs = performance.now() + longestTurnMs
    for (;;) {
      const { messages, topicBytes, mayRepeat } = await this.#feeds.receive(readAtOnce)
      if (messages.length === 0) break
      for (const parts of messages) {
        if (performance.now() > turnEndsMs) {
          await setImmediate()
          turnEndsMs = performance.now() + longestTurnMs
        }
        if (!this.#isActive) break
        const frame = readFrame(parts, topicBytes)
        if (frame.kind === 'message') {
          const { message } = frame
          const { sequence } = message
          if (mayRepeat && sequence !== undefined && sequence <= (place.read ?? 0)) continue
          place.read = sequence
          if (types.includes(message.type)) yield message
          else this.#surroundings.ignored('unwanted_type')
          if (sequence !== undefined) place.processed(sequence)
        } else if (frame.kind === 'snapshot_request') await this.#surroundings.snapshotRequested(frame.request)
        else this.#surroundings.ignored(frame.reason)
      }
    }
    this.#throwFailure()
  }

  get #isActive(): boolean {
    return this.#session.getSnapshot().status === 'active'
  }

  #throwFailure(): void {
    const snapshot = this.#session.getSnapshot()
    if (snapshot.status === 'error') throw snapshot.error
  }
}

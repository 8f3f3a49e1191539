import type { MessageTypeOf } from './message.ts'
import type { Publishable } from './publishable.ts'
import type { Receipt } from './receipts.ts'
import type { AnswerSnapshot } from './snapshot-answers.ts'
import type { BusStatus } from './status.ts'
import type { Subscription } from './subscription.ts'

/** How to subscribe. */
export interface SubscribeOptions {
  /** How far back a snapshot reaches that comes before what is live, in whole days. Default 0: none. */
  snapshotDays?: number | undefined
  /**
   * Begins in the bus's history, with every message behind the one of this sequence number, or that was accepted at this time or
   * later; what is live follows. Not together with a snapshot. A bus without a history refuses.
   */
  since?: number | Date | undefined
  /**
   * A name, under which a file in `stateDirectory` keeps how far the application is: with the same name it goes on there after its
   * restart. The message that it was at, and those of the last moments before a crash, come again. `snapshotDays` and `since` are
   * for the first time. One subscription at a time has a name. A bus without a history refuses.
   */
  durable?: string | undefined
  /** Do messages say their sequence number and when they were accepted, if the bus can tell? Default true. */
  numbered?: boolean | undefined
  /** Answers the bus's snapshot requests, of which one's own are no part. Without it they are passed over. */
  answerSnapshots?: AnswerSnapshot | undefined
  /** Ends the subscription when it is aborted, and the waiting for it. The iteration then ends as after `close`. */
  signal?: AbortSignal | undefined
}

/** An application that answers snapshot requests. */
export interface SnapshotAnswering {
  /** Answers no more. Answers under way are broken off. */
  close(): Promise<void>
  /** The same, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * A connection to a bus: any number of subscriptions, and one way to publish. Made by {@link connect}.
 *
 * `Custom` are the custom properties that its objects may have.
 */
export interface Bus<Custom extends object = object> {
  /**
   * Subscribes to topics: `stix2/indicator`, `stix2/sighting`, or a prefix of them that ends anywhere. Fulfilled when the
   * bus has granted it; from then on nothing is missed, whenever it is read.
   *
   * Throws `InvalidArgumentError` for topics or days that can't be meant, `BusUnavailableError` if the bus does not answer
   * in time, `SubscriptionRefusedError` if it does not want to, `BusClosedError`, or the signal's reason.
   */
  subscribe<const Topic extends string>(
    topics: Topic | readonly Topic[],
    options?: SubscribeOptions,
  ): Promise<Subscription<MessageTypeOf<Topic>, Custom>>

  /**
   * Publishes an indicator or a sighting; text travels byte for byte. Fulfilled with a receipt when it is on the bus's disk.
   * On a bus that gives no receipts, which an event tells, or with `receipts: false`, fulfilled with undefined when the
   * connection took it.
   * Messages keep their order, also when they are not awaited: then many go at once. Await them to go no faster than the bus.
   *
   * Throws `InvalidMessageError` if it is neither or the bus refuses it, `BusUnavailableError` if the bus did not take it in
   * time, `SubscriptionRefusedError` if it does not say where to publish, `BusClosedError`, or the signal's reason.
   */
  publish(message: Publishable<Custom>, options?: { signal?: AbortSignal | undefined }): Promise<Receipt | undefined>

  /**
   * Answers snapshot requests in a subscription that hears nothing else. Fulfilled when the bus has granted it; throws as
   * {@link subscribe} does.
   *
   * To the bus it is an application of its own, so it is also asked for the snapshots that other subscriptions of this
   * process want. An application that does both gives `answerSnapshots` to {@link subscribe} instead.
   */
  answerSnapshots(answer: AnswerSnapshot, options?: { signal?: AbortSignal | undefined }): Promise<SnapshotAnswering>

  /**
   * Measures how long the bus takes to answer a heartbeat, in milliseconds.
   *
   * Throws `BusUnavailableError` if it does not answer in time, `UnintelligibleReplyError` if something else does, or the
   * signal's reason.
   */
  ping(options?: { signal?: AbortSignal | undefined }): Promise<number>

  /** How this connection and its subscriptions are at the moment. Asks nobody: it is what is known here. */
  status(): BusStatus

  /** The address of the inspector, to be opened in a browser; undefined without `inspect`, or if it can't listen. */
  readonly inspector: Promise<string | undefined>

  /**
   * Ends all subscriptions, sends what was accepted, and closes. Closing again waits for the same end. Takes at most three
   * times the closing timeout. Never throws.
   */
  close(): Promise<void>
  /** The same, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>
}

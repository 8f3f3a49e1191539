/**
 * The package's one public entry: the client library, with which an application joins the bus.
 *
 *     const bus = connect({ endpoint: 'localhost:13370' })
 *     for await (const message of await bus.subscribe('stix2/indicator')) …
 */
export type { Bus, SnapshotAnswering, SubscribeOptions } from './client/bus.ts'
export { connect } from './client/connect.ts'
export {
  BusClosedError,
  BusError,
  type BusErrorCode,
  BusUnavailableError,
  InvalidArgumentError,
  InvalidMessageError,
  SubscriptionRefusedError,
  UnintelligibleReplyError,
} from './client/errors.ts'
export type { BusEvent, IgnoredFrame, ReceiptLack } from './client/events.ts'
export type { BusMessage, MessageTypeOf, SnapshotRequest } from './client/message.ts'
export type { ConnectOptions, InspectOptions } from './client/options.ts'
export type { Publishable } from './client/publishable.ts'
export type { Receipt } from './client/receipts.ts'
export type { AnswerSnapshot } from './client/snapshot-answers.ts'
export type { BusStatus, SubscriptionState, SubscriptionStatus } from './client/status.ts'
export type { Subscription } from './client/subscription.ts'
export type * from './protocol/stix/types.ts'
export type { MessageType } from './protocol/topics.ts'

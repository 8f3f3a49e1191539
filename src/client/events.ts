import type { SessionStep } from '../../machines/vocabulary-client.ts'
import type { MessageType } from '../protocol/topics.ts'

/** Why a frame from the bus was passed over. */
export type IgnoredFrame =
  | 'multipart'
  | 'no_separator'
  | 'unknown_type'
  /** The topics do not match it: an application answered a snapshot request with an object of another type. */
  | 'unwanted_type'
  | 'malformed_snapshot_request'

/** Why a bus gives no receipts: it does not know the request for them, or has no history that messages could be in. */
export type ReceiptLack = 'unknown_request' | 'no_history'

/**
 * What happens by itself in a connection to the bus, for logs. Nothing here has to be acted upon.
 *
 * `subscription` is the p2p topic, shortened: enough to tell subscriptions apart.
 */
export type BusEvent =
  /** A step in a subscription's life. `error` says why, for those that something was wrong with. */
  | {
      readonly event: SessionStep['step']
      readonly subscription: string
      readonly topics: readonly string[]
      readonly error?: unknown
    }
  /** These topics of a subscription match nothing that travels the bus: there are `stix2/indicator` and `stix2/sighting`. */
  | { readonly event: 'topics_match_nothing'; readonly topics: readonly string[] }
  | { readonly event: 'frame_ignored'; readonly subscription: string; readonly reason: IgnoredFrame }
  | {
      readonly event: 'snapshot_answered'
      readonly snapshotId: string
      readonly type: MessageType
      readonly objects: number
    }
  /** The function that answers snapshot requests threw, or what it yielded could not be published. */
  | {
      readonly event: 'snapshot_failed'
      readonly snapshotId: string
      readonly type: MessageType
      readonly error: unknown
    }
  /** Messages from one number to before another are not in the bus's history any more; some may have been for this subscription. */
  | { readonly event: 'missed'; readonly subscription: string; readonly from: number; readonly to: number }
  /** How far a durable subscription is could not be written down: after a restart more would come again. Told once. */
  | { readonly event: 'place_not_kept'; readonly subscription: string; readonly error: unknown }
  /** The inspector (`inspect`) can't listen, or could not answer. The connection to the bus goes on without. */
  | { readonly event: 'inspector_failed'; readonly error: unknown }
  /**
   * The bus gives no receipts, or none any more: it is the original, which knows no such request, or it keeps no history.
   * What is published is handed to the connection; whether the bus has it is not known.
   */
  | { readonly event: 'without_receipts'; readonly reason: ReceiptLack }
  /** A bus that gave no receipts gives them now. What the connection still held may come behind what has a receipt. */
  | { readonly event: 'with_receipts' }
  /** What is being published was STIX 2.0, and was upgraded (`upgradeStix20`). */
  | { readonly event: 'stix20_upgraded'; readonly type: MessageType; readonly id: string | undefined }
  /** On closing, the bus did not take everything that was accepted in the time it had. */
  | { readonly event: 'flush_abandoned' }

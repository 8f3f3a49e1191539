import * as z from 'zod'
import type { Positions } from '../../delivery/positions.ts'
import { keptTopics, p2pTopicLength } from '../../protocol/topics.ts'

/** What the broker remembers of a subscription, so that it goes on where it was after a restart. */
export interface StoredSubscription {
  /** Its p2p topic, which is a secret: never logged or shown whole. */
  readonly topic: string
  /** What is kept of the topics that it subscribed to. */
  readonly topics: readonly string[]
  /** Where it was subscribed from, as it is counted; absent in records of older brokers. */
  readonly address?: string
  /** When it was subscribed, in milliseconds since the epoch; absent in records of older brokers. */
  readonly subscribedMs?: number
  /** The snapshot out of the history that it is getting, or got; absent if it asked for none. */
  readonly snapshot?: {
    /** Messages accepted at this time or later, in milliseconds since the epoch. */
    readonly sinceMs: number
    /** Sequence number of the first message that can be in it. */
    readonly from: number
    /** Sequence number of the last message that can be in it. */
    readonly upTo: number
    /** It is every message, and not only the latest version of each object. */
    readonly everything?: true
  }
  /** Its messages say their number. */
  readonly numbered?: true
  /** Ids of its snapshot exchanges that are open. */
  readonly exchanges: readonly string[]
  /** Sequence number of the next message of the log that it is to get. */
  readonly position: number
  /** Frames that it had been sent before that position, counted from the reply to its subscribe request. */
  readonly frames: number
  /**
   * Places from each of which on it was sent what it had joined for then; absent while that is one place, and everything.
   * The first is what `position` and `frames` say to older brokers.
   */
  readonly places?: readonly StoredPlace[]
  /** Do its heartbeats say how many frames it received? */
  readonly confirms: boolean
  /** While it is not known what it received: no message from this sequence number on was ever sent to it. */
  readonly unsentFrom?: number
  /** Does it send heartbeats at all? */
  readonly sendsHeartbeats: boolean
  /** Since when it has been stale, in milliseconds since the epoch; absent while it is joined. */
  readonly staleSinceMs?: number
  /** Its SUB socket never joined. Older brokers do not say it: theirs are taken for joined, and never give way. */
  readonly neverJoined?: true
}

/** A place in the log, as it is on disk. */
export interface StoredPlace {
  /** Sequence number of the next message of each type. */
  readonly positions: Positions
  readonly frames: number
  /** The types that were wanted from there on. */
  readonly types: readonly string[]
}

/** How far a sequence number or a count can go: whole, and exact as a number of JavaScript. */
export const countSchema = z.int().min(0)

/**
 * A p2p topic as it is drawn, and nothing else: what is read from disk becomes the prefix of frames, and an empty one
 * would be everybody's.
 */
export const topicSchema = z.string().regex(new RegExp(`^[a-z]{${p2pTopicLength}}$`))

/** The longest address, in characters: the network of an IPv6 address. */
const longestAddress = 64

/** A subscription as it is read from disk. */
export const storedSubscriptionSchema: z.ZodType<StoredSubscription> = z.object({
  topic: topicSchema,
  // Earlier versions kept all of them.
  topics: z.array(z.string()).transform(keptTopics),
  address: z.string().max(longestAddress).exactOptional(),
  subscribedMs: z.number().exactOptional(),
  snapshot: z
    .object({ sinceMs: z.number(), from: z.int(), upTo: z.int(), everything: z.literal(true).exactOptional() })
    .exactOptional(),
  numbered: z.literal(true).exactOptional(),
  exchanges: z.array(z.string()),
  position: countSchema,
  frames: countSchema,
  places: z
    .array(
      z.object({
        positions: z.object({ indicator: countSchema, sighting: countSchema, snapshotrequest: countSchema }),
        frames: countSchema,
        types: z.array(z.string()),
      }),
    )
    .min(1)
    .exactOptional(),
  confirms: z.boolean(),
  unsentFrom: countSchema.exactOptional(),
  sendsHeartbeats: z.boolean(),
  staleSinceMs: z.number().exactOptional(),
  neverJoined: z.literal(true).exactOptional(),
})

import type { FrameReader } from './frame-reader.ts'
import type { TakesPings } from './takes-pings.ts'
import type { Handshake, Version } from './version.ts'

/**
 * The life of a connection, with what each phase needs:
 *
 *     signature ──▶ greeting ──▶ handshake ──▶ ready ──▶ closed
 *
 * It may be closed in each of them; until it is ready, a timer sees to that.
 */
export type Phase =
  /** So much of its greeting has come, and does not tell yet which version the peer speaks. */
  | { readonly name: 'signature'; readonly came: Buffer }
  /** That is known, and so much of its greeting has come. */
  | { readonly name: 'greeting'; readonly version: Version; readonly came: Buffer }
  /** Both have greeted, and say what they are. */
  | {
      readonly name: 'handshake'
      readonly version: Version
      readonly handshake: Handshake
      readonly frames: FrameReader
      readonly greeting: Buffer
    }
  /** Messages come and go. */
  | {
      readonly name: 'ready'
      readonly version: Version
      readonly frames: FrameReader
      readonly takesPings: TakesPings
    }
  | { readonly name: 'closed' }

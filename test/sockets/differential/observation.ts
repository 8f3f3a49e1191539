import type { Bytes } from './script.ts'

/**
 * What was seen of a script, without what may differ: the padding and the minor version of a greeting, the order of
 * properties, and what was on its way when a connection was closed.
 */
export interface Observation {
  /** Who ended the connection, if anyone did; `silent` if something that had to come never did. */
  readonly outcome: 'kept' | 'closed' | 'left' | `silent: ${string}`
  /** The other end's greeting, as far as it had to come. */
  readonly greeting?: Bytes | undefined
  /** The properties of the other end's READY; of version 2, its identity. */
  readonly ready?: readonly Bytes[] | undefined
  /** What the other end subscribed to. */
  readonly subscriptions?: readonly Bytes[]
  /** The commands and messages that came. */
  readonly commands: readonly Bytes[]
  readonly messages: readonly (readonly Bytes[])[]
  /** What the user of the other end was handed. */
  readonly handed: readonly (readonly Bytes[])[]
}

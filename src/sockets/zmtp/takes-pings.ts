import type { SocketType, Version } from './version.ts'

/**
 * May a peer be sent PINGs that it has not asked for? (RFC 37 "Connection Heartbeating" has them answered by everyone; libraries
 * differ.)
 */
export type TakesPings =
  | 'always'
  /** It may hand what it does not know to its application, behind a filter: not if that lets everything pass. */
  | 'filtered'
  | 'never'

/** Where a greeting has a number that tells who wrote it, and the minor version. */
const lengthAt = 1
const lengthEnd = 9
const minorAt = 11

/**
 * What a peer does with PINGs, by its greeting and the type of socket that it names.
 *
 * libzmq, JeroMQ and NetMQ write the length of an identity into the signature, where the others that were read (go-zeromq,
 * chumak, zmq.rs, …) write zeros. Of those several hand a PING to their application, or close the connection for it.
 * Of the three, those that do not answer (libzmq 4.0 and 4.1, JeroMQ 0.4) call themselves 3.0, as some that do; to them a PING
 * is a message that no subscription matches, and an XSUB socket has no filter.
 */
export function takesPingsAfter(greeting: Buffer, { hasCommands }: Version, type: SocketType | undefined): TakesPings {
  if (!hasCommands || !greeting.subarray(lengthAt, lengthEnd).some(byte => byte !== 0)) return 'never'
  if ((greeting[minorAt] as number) > 0) return 'always'
  return type === 'SUB' ? 'filtered' : 'never'
}

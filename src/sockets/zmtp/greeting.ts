import { ZmtpError } from './break-reason.ts'
import type { Version } from './version.ts'
import { zmtp2 } from './zmtp-2.ts'
import { zmtp3 } from './zmtp-3.ts'

// How two sides find out which versions they speak (https://rfc.zeromq.org/spec/23 "Version Negotiation"): each sends what
// all versions from 2.0 on begin with, waits for as much, and goes on in the lower of both.

/** Where the signature ends, and where the version follows. */
const signatureEnd = 9
const versionAt = 10

/** What this side sends first: the signature, and the version that it would speak. */
export const opening = Buffer.of(0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0x7f, 3)

/**
 * The version to speak with a peer that begins so; undefined if more has to come. Throws a {@link ZmtpError} if there is
 * none ("Detecting ZMTP 1.0 and 2.0 Peers").
 */
export function versionFor(greeting: Buffer): Version | undefined {
  const [first = 0xff, second] = greeting
  if (first !== 0xff) {
    // ZMTP 1.0 (https://rfc.zeromq.org/spec/13) begins with the frame of an identity: the length of what follows, which is
    // not 0, then flags, which are.
    if (second === undefined) return undefined
    throw new ZmtpError(first > 0 && second === 0 ? 'zmtp_1' : 'not_zmtp')
  }
  if (greeting.length <= signatureEnd) return undefined
  // It begins so, too, when its identity is long: then the flags stand here.
  if (((greeting[signatureEnd] as number) & 1) === 0) throw new ZmtpError('zmtp_1')
  const version = greeting[versionAt]
  if (version === undefined) return undefined
  if (version === 0) throw new ZmtpError('zmtp_1')
  return version < 3 ? zmtp2 : zmtp3
}

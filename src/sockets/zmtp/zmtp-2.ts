import { ZmtpError } from './break-reason.ts'
import { encodeFrames } from './frame-reader.ts'
import type { Handshake, Role, SocketType, Version } from './version.ts'

// ZMTP 2.0 (https://rfc.zeromq.org/spec/15), which libzmq 3.2, JeroMQ 0.3 and NetMQ before 4.0.1 speak. Its frames are
// those of later versions; it has no commands, and subscriptions are messages.

const typeAt = 11
const greetingBytes = 12

/** An identity is a short frame ("Formal Grammar"). */
const maxIdentityBytes = 255

/**
 * The socket types by their numbers ("Formal Grammar"). To the RFC, XPUB and XSUB are PUB and SUB ("Publish-Subscribe"), and
 * so does this side name itself; the libraries have numbers for them.
 */
const types: Readonly<Record<number, SocketType>> = {
  1: 'PUB',
  2: 'SUB',
  3: 'REQ',
  5: 'DEALER',
  6: 'ROUTER',
  9: 'XPUB',
  10: 'XSUB',
}

const numbers: Readonly<Record<SocketType, number>> = {
  PUB: 1,
  SUB: 2,
  REQ: 3,
  REP: 4,
  DEALER: 5,
  ROUTER: 6,
  XPUB: 1,
  XSUB: 2,
}

/** ZMTP 2.0. */
export const zmtp2: Version = {
  greetingBytes,
  hasCommands: false,
  greetingRest({ socketType }: Role): Buffer {
    return Buffer.of(numbers[socketType])
  },
  handshakeAfter(greeting: Buffer, { talksTo }: Role): Handshake {
    const type = types[greeting[typeAt] as number]
    if (type === undefined || !talksTo.includes(type)) throw new ZmtpError('socket_type')
    return identities
  },
}

/** Each side names its identity; this one has none, and routes to its peers without. */
const identities: Handshake = {
  frame: encodeFrames([Buffer.alloc(0)]),
  maxFrameBytes: maxIdentityBytes,
  take({ more, isCommand }): undefined {
    if (more || isCommand) throw new ZmtpError('malformed_identity')
  },
}

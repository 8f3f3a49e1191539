import type { Frame } from './frame-reader.ts'

/** The socket types there are, as far as the broker's endpoints and its clients talk to them. */
export type SocketType = 'PUB' | 'SUB' | 'XPUB' | 'XSUB' | 'REQ' | 'REP' | 'ROUTER' | 'DEALER'

/** What an endpoint is to its peers. */
export interface Role {
  /** What this side is. */
  readonly socketType: SocketType
  /** The socket types of the other side that it talks to. */
  readonly talksTo: readonly SocketType[]
}

/** A version of the protocol: how connections begin in it, and what follows from it for what comes then. */
export interface Version {
  /** Bytes of a greeting, with the signature. */
  readonly greetingBytes: number
  /** Do its peers understand commands? */
  readonly hasCommands: boolean
  /** What follows on signature and version in this side's greeting. */
  greetingRest(role: Role): Buffer
  /** Reads a peer's greeting, and answers how to go on. Throws a {@link ZmtpError} if there is no way to. */
  handshakeAfter(greeting: Buffer, role: Role): Handshake
}

/** What follows on the greetings, until messages may: each side sends one frame that says what it is. */
export interface Handshake {
  /** This side's frame. */
  readonly frame: Buffer
  /** The peer's may be so long. */
  readonly maxFrameBytes: number
  /**
   * Takes the peer's frame, and answers the type of socket that it names, if it does. Throws a {@link ZmtpError} if it is none,
   * or says what does not belong here.
   */
  take(frame: Frame): SocketType | undefined
}

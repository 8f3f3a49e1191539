/**
 * Every reason for which this side ends a connection, each with the sentence that explains it. A closed list: logs, metrics
 * and tests use these names and no others.
 */
export const breakSentences = {
  not_zmtp: 'it does not speak ZMTP',
  zmtp_1: 'it speaks ZMTP 1.0, as ZeroMQ 2 did',
  security_mechanism: 'it wants a security mechanism',
  handshake_timeout: 'it has not said what it is in time',
  no_ready: 'it does not say what it is',
  malformed_identity: 'its identity is not one short frame',
  refused_by_peer: 'it ended the handshake with an error',
  malformed_ready: 'what it says of itself is malformed',
  socket_type: 'its type of socket does not belong here',
  malformed_command: 'a command without a name',
  frame_too_long: 'a frame is longer than may be',
  message_too_long: 'the frames of a message are longer together than may be',
  too_many_subscriptions: 'it subscribes to more than anybody needs',
  too_slow: 'a message of its does not come on',
  crowded_out: 'it held most, or was the slowest, when connections held more together than may be',
  gave_way: 'it had done nothing yet, and there was no room for others',
  not_subscribed: 'it is subscribed to nothing that is its own, and had time to',
  superseded: 'its subscriber has newer connections, as many as may be',
  expired: 'nothing came from it within the time to live of its ping',
  unanswered: 'it has vanished: it answers no PING any more',
} as const

/** The name of a reason for ending a connection. */
export type BreakReason = keyof typeof breakSentences

/** All of them. */
export const breakReasons = Object.keys(breakSentences) as readonly BreakReason[]

/** Hears of a connection that this side ends: why, by name, and what exactly it was, for people. */
export type Broken = (reason: BreakReason, detail: string) => void

/** A peer does not keep to ZMTP, or to a bound: its connection is closed. `detail` defaults to the reason's own sentence. */
export class ZmtpError extends Error {
  override name = 'ZmtpError'
  readonly reason: BreakReason

  constructor(reason: BreakReason, detail: string = breakSentences[reason]) {
    super(detail)
    this.reason = reason
  }
}

import { commandFrame } from './zmtp/handshake.ts'

/** A PING's time to live: 0, the peer need not find out by it that this side has gone (RFC 37 "Connection Heartbeating"). */
const noTimeToLive = 0

/** Bytes of a PING before its context, and of the context: the PING's number, which never comes to its end. */
const ttlBytes = 2
const numberBytes = 6

/** PINGs go with what is sent after so many milliseconds at the earliest, unless much was sent meanwhile. */
const leastPauseMs = 50

/**
 * The PINGs of one connection, and what their answers say: a peer's library takes frames in order, and puts each message
 * where its application reads before it looks at the next. So a PONG says that everything sent before its PING has arrived
 * (README "What a peer's library acknowledges").
 */
export class Pings {
  readonly #everyBytes: number
  #sent = 0
  #answered = 0
  /** Bytes that were sent since the last PING. */
  #bytes = 0
  #lastMs = Number.NEGATIVE_INFINITY
  #isMessageOpen = false

  /** @param everyBytes a PING follows at the latest when so much was sent */
  constructor(everyBytes: number) {
    this.#everyBytes = everyBytes
  }

  /** Number of the next PING. */
  get next(): number {
    return this.#sent + 1
  }

  /** Was something sent that no PING follows yet? */
  get areDue(): boolean {
    return this.#bytes > 0
  }

  /** Is there a PING that was not answered? */
  get areOpen(): boolean {
    return this.#answered < this.#sent
  }

  /** Was a message sent that no answered PING follows? */
  get isMessageOpen(): boolean {
    return this.#isMessageOpen
  }

  /** Has the peer ever answered? */
  get wereAnswered(): boolean {
    return this.#answered > 0
  }

  /** So many bytes were sent. Answers whether a PING is to follow at once; else one is due soon. */
  follow(bytes: number, nowMs: number): boolean {
    this.#bytes += bytes
    this.#isMessageOpen = true
    if (this.#bytes >= this.#everyBytes) return true
    return !this.areOpen && nowMs - this.#lastMs >= leastPauseMs
  }

  /** The next PING, as a frame. */
  frame(nowMs: number): Buffer {
    this.#sent++
    this.#bytes = 0
    this.#lastMs = nowMs
    const body = Buffer.alloc(ttlBytes + numberBytes)
    body.writeUInt16BE(noTimeToLive)
    body.writeUIntBE(this.#sent, ttlBytes, numberBytes)
    return commandFrame('PING', body)
  }

  /**
   * The number of the PING that a PONG answers; undefined if it answers none. libzmq before 4.3 leaves out the context: its
   * PONGs answer in order.
   */
  answered(context: Buffer): number | undefined {
    const number = context.length === numberBytes ? context.readUIntBE(0, numberBytes) : this.#answered + 1
    if (number <= this.#answered || number > this.#sent) return undefined
    this.#answered = number
    if (number === this.#sent && this.#bytes === 0) this.#isMessageOpen = false
    return number
  }
}

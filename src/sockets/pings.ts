import { commandFrame } from './zmtp/command.ts'

/** A PING's time to live: 0, the peer need not find out by it that this side has gone (RFC 37 "Connection Heartbeating"). */
const noTimeToLive = 0

/** Bytes of a PING before its context, and of the context: the PING's number, which never comes to its end. */
const ttlBytes = 2
const numberBytes = 6

/**
 * Commands that everybody passes over, together longer than what libzmq reads at once (8,192 bytes); each is short, since an
 * application may have bounded what a message may be (`ZMQ_MAXMSGSIZE`).
 *
 * Every libzmq from 4.2 on aborts its process ("Assertion failed: !_io_error", libzmq issue 4841) if a connection is reset while
 * a PING stands in what it has read, behind a message that its application has no room for. Behind this no PING does: it is
 * read when there was room for everything before it, or not at all.
 */
const padding = Buffer.concat(Array.from({ length: 33 }, () => commandFrame('PAD', Buffer.alloc(251))))

/**
 * The PINGs of one connection, and what their answers say: a peer's library takes frames in order, and puts each message
 * where its application reads before it looks at the next. So a PONG says that everything sent before its PING has arrived
 * (PROTOCOL "What a peer's library acknowledges").
 *
 * There is one at a time: libzmq keeps room for one answer, and before 4.3 does not say to which PING.
 */
export class Pings {
  readonly #everyBytes: number
  /** Numbers of the last PING, and of the last that was answered. */
  #last = 0
  #answered = 0
  /** The PING that was not answered yet. */
  #open: number | undefined
  /** Bytes that were sent since the last PING, or since a number was given without one. */
  #bytes = 0
  #isMessageOpen = false

  /** @param everyBytes a PING is worth it when so much was sent */
  constructor(everyBytes: number) {
    this.#everyBytes = everyBytes
  }

  /** Number of the PING that will follow what is sent next. */
  get next(): number {
    return this.#last + 1
  }

  /** Was something sent that no PING follows yet, and may one? */
  get areDue(): boolean {
    return this.#open === undefined && (this.#bytes > 0 || this.#isNumberOpen)
  }

  /** Was so much sent that a PING should follow at once, and may one? */
  get areDueAtOnce(): boolean {
    return this.areDue && (this.#bytes >= this.#everyBytes || this.#isNumberOpen)
  }

  /** Was a number given that no PING had, before it was known that there are answers? */
  get #isNumberOpen(): boolean {
    return this.#answered < this.#last
  }

  /** Is there a PING that was not answered? */
  get areOpen(): boolean {
    return this.#open !== undefined
  }

  /** Was a message sent that no answered PING follows? */
  get isMessageOpen(): boolean {
    return this.#isMessageOpen
  }

  /** Has the peer ever answered? */
  get wereAnswered(): boolean {
    return this.#answered > 0
  }

  /** So many bytes were sent. */
  follow(bytes: number): void {
    this.#bytes += bytes
    this.#isMessageOpen = true
    // Numbers go on without answers, too: what is sent to those who give none is told apart by them.
    if (this.wereAnswered || this.#bytes < this.#everyBytes) return
    this.#last++
    this.#bytes = 0
  }

  /** The next PING, in pieces to be written; or the open one once more. */
  pieces(): Buffer[] {
    const isBehindMessages = this.#open === undefined && this.#isMessageOpen
    if (this.#open === undefined) {
      this.#open = ++this.#last
      this.#bytes = 0
    }
    const body = Buffer.alloc(ttlBytes + numberBytes)
    body.writeUInt16BE(noTimeToLive)
    body.writeUIntBE(this.#open, ttlBytes, numberBytes)
    const ping = commandFrame('PING', body)
    return isBehindMessages ? [padding, ping] : [ping]
  }

  /** The number of the PING that a PONG answers; undefined if it answers none. libzmq before 4.3 leaves out the context. */
  answered(context: Buffer): number | undefined {
    const open = this.#open
    if (open === undefined) return undefined
    if (context.length > 0 && (context.length !== numberBytes || context.readUIntBE(0, numberBytes) !== open))
      return undefined
    this.#open = undefined
    this.#answered = open
    if (open === this.#last && this.#bytes === 0) this.#isMessageOpen = false
    return open
  }
}

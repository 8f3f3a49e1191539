import type { Message } from '../protocol/message.ts'
import { p2pTopicLength } from '../protocol/topics.ts'
import { type Cursor, maxRunBytes } from './cursor.ts'
import { type Evidence, InFlight, type Mark } from './in-flight.ts'
import type { Wanted } from './wanted.ts'

/** A connection that is subscribed to a subscriber's p2p topic. */
export interface Line {
  /** Can it take more? */
  readonly hasRoom: boolean
  /** Number of the PING that will follow what is sent next. */
  readonly nextPing: number
  /** Sends a run. */
  send(run: readonly Message[]): void
  /** The subscriber has newer connections, as many as may be: the connection is not one of the topic's any more. */
  leave(): void
}

/** What may be under way on one connection. */
export interface InFlightBounds {
  /** Bytes that may be sent before the peer has acknowledged them, if it acknowledges. */
  readonly windowBytes: number
  /**
   * Bytes that a connection may hold that its subscriber has not received: in this process, and in the systems at both ends.
   * (A peer that reads too slowly does not read what its system still holds once the connection broke: libzmq closes it.)
   */
  readonly networkBytes: number
}

/** What goes with each message: the p2p topic, and the header of a frame. */
const headBytes = p2pTopicLength + 9

/** What bounds what is under way: the window of who acknowledges, or else what the network can hold. */
export type FlightBound = 'window' | 'network'

/** What one connection is sent: where it reads, and what of it is under way. */
export class Delivery {
  readonly #line: Line
  readonly #bounds: InFlightBounds
  readonly #sent: (delivery: Delivery) => void
  /** What it is subscribed to. */
  wanted: Wanted
  /** What bounds what is under way: until it is known whether the peer acknowledges, it is taken to do so. */
  boundBy: FlightBound = 'window'
  /** When it was last seen to take something, or began: a higher number is later. */
  lastSign = 0
  #reading: { readonly cursor: Cursor; readonly inFlight: InFlight } | undefined
  #bytes = 0
  /** Number of the PING that follows what was sent last. */
  #ping = 0

  /** @param sent hears of each run, after it was sent */
  constructor(line: Line, wanted: Wanted, bounds: InFlightBounds, sent: (delivery: Delivery) => void) {
    this.#line = line
    this.wanted = wanted
    this.#bounds = bounds
    this.#sent = sent
  }

  /** Where it reads; undefined while it is not known where it has to begin. */
  get cursor(): Cursor | undefined {
    return this.#reading?.cursor
  }

  /** What was sent and is not known to be received; undefined as {@link cursor} is. */
  get inFlight(): InFlight | undefined {
    return this.#reading?.inFlight
  }

  /** Bytes that were sent and that no answered PING follows. */
  get unacknowledgedBytes(): number {
    return this.#reading?.inFlight.unacknowledgedBytes(this.#bytes) ?? 0
  }

  /** Frames that were sent and are not known to be received. */
  get unsettledFrames(): number {
    return this.#reading === undefined ? 0 : this.#reading.cursor.frames - this.#reading.inFlight.settled.frames
  }

  /** May more be sent? */
  get hasRoom(): boolean {
    if (!this.#line.hasRoom) return false
    if (this.boundBy === 'network') return true
    const { unacknowledgedBytes } = this
    // What is longer than the window goes alone.
    return unacknowledgedBytes === 0 || unacknowledgedBytes + maxRunBytes <= this.#bounds.windowBytes
  }

  /** It is not one of its subscriber's connections any more. */
  leave(): void {
    this.#line.leave()
  }

  /** Begins to read, where the cursor is. */
  begin(cursor: Cursor): void {
    this.#ping = this.#line.nextPing
    this.#reading = { cursor, inFlight: new InFlight(this.#markAt(cursor)) }
  }

  /** A run is about to be read with its cursor. */
  beginRun(): void {
    // A PING went out since the last one: it follows what was sent until here.
    if (this.#ping !== this.#line.nextPing) this.#mark()
  }

  /** Sends a run, of so many bytes, that was read since {@link beginRun}. */
  send(run: readonly Message[], bytes: number): void {
    this.#line.send(run)
    this.#bytes += bytes + run.length * headBytes
    this.#sent(this)
  }

  /** Everything that was sent is received: it stands where it reads. */
  settle(): void {
    const { cursor, inFlight } = this.#reading ?? {}
    if (cursor && inFlight) inFlight.restart(this.#markAt(cursor))
  }

  /** What the network can't hold any more is received. */
  settleByBytes(): void {
    const { cursor, inFlight } = this.#reading ?? {}
    if (cursor && inFlight) inFlight.holdAtMost(this.#bounds.networkBytes, cursor.heldBytes)
  }

  /** The peer answered this PING. */
  acknowledge(ping: number, evidence: Evidence): void {
    // Nothing was sent since that PING, or it would be known where it stands.
    if (ping >= this.#ping) this.#mark()
    this.#reading?.inFlight.acknowledge(ping, evidence)
  }

  /** From now on it is subscribed to this. */
  want(wanted: Wanted): void {
    this.wanted = wanted
    this.#reading?.cursor.want(wanted)
    this.#mark()
  }

  #mark(): void {
    const { cursor, inFlight } = this.#reading ?? {}
    if (cursor && inFlight) inFlight.reach(this.#markAt(cursor))
    this.#ping = this.#line.nextPing
  }

  #markAt({ positions, frames, wanted, heldBytes }: Cursor): Mark {
    return { positions, frames, wanted, heldBytes, bytes: this.#bytes, ping: this.#ping }
  }
}

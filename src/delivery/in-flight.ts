import type { Place } from './cursor.ts'

/** A place up to which messages were sent, and what tells that they arrived. */
export interface Mark extends Place {
  /** Bytes that were sent before, on this connection. */
  readonly bytes: number
  /** Bytes of those that connections can hold: of each run no more than one can be long. */
  readonly heldBytes: number
  /** Number of the PING behind which everything before is received: its answer acknowledges this place. */
  readonly ping: number
}

/** Marks of one connection; beyond, every second one is let go. */
export const maxMarks = 64

/**
 * Changes of what is wanted that are kept of one connection, so that a subscriber that counts can be followed; beyond, it can't
 * be any more.
 */
export const maxChanges = 16

/** By what a subscriber's messages are taken as received. */
export type Evidence =
  /** Its connection's library answers the PINGs that follow them. */
  | 'acknowledgement'
  /** It says how many frames it has received. */
  | 'count'

/**
 * What was sent on one connection and is not known to be received: a frame that was handed to a socket is not. The first
 * mark is the place before which everything is.
 */
export class InFlight {
  #marks: Mark[]
  #acknowledgedBytes: number

  constructor(start: Mark) {
    this.#marks = [start]
    this.#acknowledgedBytes = start.bytes
  }

  /** The furthest place before which everything is known to be received. */
  get settled(): Mark {
    return this.#marks[0] as Mark
  }

  /** The marks behind the settled place at which it changed what is wanted. */
  get changes(): readonly Mark[] {
    return this.#marks.filter((mark, index) => index > 0 && mark.wanted !== this.#marks[index - 1]?.wanted)
  }

  /** The last mark at which the subscriber had received at most so many frames. */
  before(frames: number): Mark {
    return this.#marks.findLast(mark => mark.frames <= frames) ?? this.settled
  }

  /** Bytes of what was sent up to `bytes` that no answered PING follows. */
  unacknowledgedBytes(bytes: number): number {
    return bytes - this.#acknowledgedBytes
  }

  /** Everything up to this place was sent. Of places with the same PING the last counts, and where what is wanted changed. */
  reach(mark: Mark): void {
    const last = this.#marks.at(-1) as Mark
    const isChange = last.wanted !== mark.wanted || this.#marks.at(-2)?.wanted !== mark.wanted
    if (last.ping === mark.ping && !(isChange && this.#keepsChanges)) this.#marks[this.#marks.length - 1] = mark
    else this.#marks.push(mark)
    if (this.#marks.length > maxMarks) this.#thinOut()
  }

  /** This PING was answered: what was sent before it is received by the peer's library. */
  acknowledge(ping: number, evidence: Evidence): void {
    let newest = -1
    while ((this.#marks[newest + 1]?.ping ?? Number.POSITIVE_INFINITY) <= ping) newest++
    if (newest < 0) return
    this.#acknowledgedBytes = Math.max(this.#acknowledgedBytes, (this.#marks[newest] as Mark).bytes)
    if (evidence === 'acknowledgement') this.#settle(newest)
  }

  /** No connection holds more than so many bytes: of what was `sent` the rest is received, whatever its peer says. */
  holdAtMost(bytes: number, sent: number): void {
    this.#settle(this.#marks.findLastIndex(mark => sent - mark.heldBytes >= bytes))
  }

  /** The subscriber has received so many frames. */
  count(frames: number): void {
    this.#settle(this.#marks.findLastIndex(mark => mark.frames <= frames))
  }

  /** Everything before this place is received, and nothing after it was sent. */
  restart(mark: Mark): void {
    this.#marks = [mark]
    this.#acknowledgedBytes = mark.bytes
  }

  /** Is it known where what is wanted changed? Else only what is received is. */
  get #keepsChanges(): boolean {
    return this.changes.length <= maxChanges
  }

  #settle(mark: number): void {
    if (mark > 0) this.#marks.splice(0, mark)
    this.#acknowledgedBytes = Math.max(this.#acknowledgedBytes, this.settled.bytes)
  }

  #thinOut(): void {
    const last = this.#marks.length - 1
    const keepsChanges = this.#keepsChanges
    this.#marks = this.#marks.filter((mark, index) => {
      const isChange = mark.wanted !== this.#marks[index - 1]?.wanted
      return index % 2 === 0 || index === last || (isChange && keepsChanges)
    })
  }
}

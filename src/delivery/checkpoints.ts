/** A place in the log, and how many frames a subscriber was sent before it. */
export interface Checkpoint {
  /** Sequence number of the next message that it was, or is, to get. */
  readonly position: number
  /** Frames that it was sent before that one, since the subscribe reply. */
  readonly frames: number
  /** Bytes of those frames. */
  readonly bytes: number
}

/** Checkpoints of one subscriber; beyond, every second one is let go. */
const maxCheckpoints = 64

/** So many checkpoints stand in what a connection may hold. */
const perInFlight = 16

/**
 * Where a subscriber has to go back to when its connection broke. A frame handed to the socket is not yet received: the
 * oldest checkpoint is one before which everything was.
 */
export class Checkpoints {
  readonly #inFlightBytes: number
  #points: Checkpoint[]

  /**
   * @param inFlightBytes what a connection may hold that its subscriber has not received: in this process, and in the
   *   systems at both ends. (A peer that reads too slowly does not read what its system still holds once the connection
   *   broke: libzmq closes it.)
   */
  constructor(inFlightBytes: number, start: Checkpoint) {
    this.#inFlightBytes = inFlightBytes
    this.#points = [start]
  }

  /** The newest place before which everything is known to be received. */
  get settled(): Checkpoint {
    return this.#points[0] as Checkpoint
  }

  /** Is it time for the next one, at so many bytes? */
  isDue(bytes: number): boolean {
    return bytes - (this.#points.at(-1) as Checkpoint).bytes >= this.#inFlightBytes / perInFlight
  }

  /**
   * The subscriber is at this place. Unless it `confirms`, what no connection can hold any more counts as received.
   */
  reach(point: Checkpoint, confirms: boolean): void {
    this.#points.push(point)
    if (!confirms) this.#settle(point)
    this.#thinOut()
  }

  /** The subscriber has received so many frames. */
  confirm(frames: number): void {
    let newest = 0
    while ((this.#points[newest + 1]?.frames ?? Number.POSITIVE_INFINITY) <= frames) newest++
    this.#points.splice(0, newest)
  }

  /** Everything before this place is received, and nothing after it was sent. */
  restart(point: Checkpoint): void {
    this.#points = [point]
  }

  /**
   * At the settled place the subscriber counts `frames`, whatever was counted here: its count is the right one. Answers how
   * much more it is.
   */
  recount(frames: number): number {
    const difference = frames - this.settled.frames
    this.#points = this.#points.map(point => ({ ...point, frames: point.frames + difference }))
    return difference
  }

  #settle(sent: Checkpoint): void {
    const received = this.#points.findLastIndex(point => sent.bytes - point.bytes >= this.#inFlightBytes)
    if (received > 0) this.#points.splice(0, received)
  }

  #thinOut(): void {
    if (this.#points.length <= maxCheckpoints) return
    const last = this.#points.length - 1
    this.#points = this.#points.filter((_, index) => index % 2 === 0 || index === last)
  }
}

/** A place in the log, and how many frames a subscriber was sent before it. */
export interface Checkpoint {
  /** Sequence number of the next message that it was, or is, to get. */
  readonly position: number
  /** Frames that it was sent before that one, since the subscribe reply. */
  readonly frames: number
  /** Bytes of those frames. */
  readonly bytes: number
}

/**
 * What a connection may hold that its subscriber has not received: frames in ZeroMQ's pipe, and behind them bytes in the
 * buffers of ZeroMQ's encoder and of the systems at both ends. (A peer that reads too slowly does not read what its system
 * still holds once the connection broke: libzmq closes it.)
 */
export interface InFlight {
  readonly frames: number
  readonly bytes: number
}

/** Checkpoints of one subscriber; beyond, every second one is let go. */
const maxCheckpoints = 64

/**
 * Where a subscriber has to go back to when its connection broke. A frame handed to the socket is not yet received: the
 * oldest checkpoint is one before which everything was.
 */
export class Checkpoints {
  readonly #inFlight: InFlight
  readonly #spacing: number
  #points: Checkpoint[]

  constructor(inFlight: InFlight, start: Checkpoint) {
    this.#inFlight = inFlight
    this.#spacing = Math.max(1, Math.ceil(inFlight.frames / 16))
    this.#points = [start]
  }

  /** The newest place before which everything is known to be received. */
  get settled(): Checkpoint {
    return this.#points[0] as Checkpoint
  }

  /** Is it time for the next one, at so many frames? */
  isDue(frames: number): boolean {
    return frames - (this.#points.at(-1) as Checkpoint).frames >= this.#spacing
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
    const { frames, bytes } = this.#inFlight
    // Frames before `left` have left ZeroMQ's pipe, for it holds no more than the frames after it.
    const left = this.#points.findLast(point => sent.frames - point.frames >= frames)
    if (left === undefined) return
    const received = this.#points.findLastIndex(point => left.bytes - point.bytes >= bytes)
    if (received > 0) this.#points.splice(0, received)
  }

  #thinOut(): void {
    if (this.#points.length <= maxCheckpoints) return
    const last = this.#points.length - 1
    this.#points = this.#points.filter((_, index) => index % 2 === 0 || index === last)
  }
}

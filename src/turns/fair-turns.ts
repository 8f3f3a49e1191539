import { inNextTurn } from './turn.ts'

/** Somebody for whom there may be much to do. */
export interface Client {
  /**
   * Does the next piece of it.
   *
   * @param nowMs the time of `performance.now`
   * @returns `more`: there is another piece; `later`: not yet, but after a pause; `nothing`: all is done
   */
  next(nowMs: number): 'more' | 'later' | 'nothing'
}

/**
 * How much of such a time, in milliseconds, it takes before whatever else there is to do has its turn; but some pieces are
 * always done, on a busy machine, too.
 */
const maxStretchMs = 2
const stretchEveryMs = 10
const minPieces = 16

/**
 * Does what is to be done for many: at once, while there is little, or else a piece for each in turn. Who has much to be done
 * holds up nobody but himself.
 */
export class FairTurns {
  readonly #pauseMs: number
  readonly #failed: (error: unknown) => void
  /** For whom something is to be done, the next one first. */
  readonly #waiting = new Set<Client>()
  readonly #pausing = new Set<Client>()
  /** What was done since then. */
  #sinceMs = Number.NEGATIVE_INFINITY
  #spentMs = 0
  #pieces = 0
  #isRunning = false
  #isAwaitingTurn = false

  /**
   * @param pauseMs who has something to be done `later` is asked again after so long, or up to twice as long
   * @param failed hears of an error that somebody's piece threw
   */
  constructor(pauseMs: number, failed: (error: unknown) => void) {
    this.#pauseMs = pauseMs
    this.#failed = failed
  }

  /** There is something to do for somebody. */
  add(client: Client): void {
    this.#waiting.add(client)
    if (this.#isRunning) return
    if (this.#isOver) {
      this.#goOnLater()
      return
    }
    const nowMs = performance.now()
    // Without a turn in between only if the last one was not used up.
    if (this.#spentMs < maxStretchMs && nowMs - this.#sinceMs >= stretchEveryMs) this.#beginStretch(nowMs)
    this.#run(nowMs)
  }

  #beginStretch(nowMs: number): void {
    this.#sinceMs = nowMs
    this.#spentMs = 0
    this.#pieces = 0
  }

  /** Is there no more time before the next turn of the event loop? */
  get #isOver(): boolean {
    return this.#spentMs >= maxStretchMs && this.#pieces >= minPieces
  }

  #run(beganMs: number): void {
    this.#isRunning = true
    let nowMs = beganMs
    try {
      for (const client of this.#waiting) {
        this.#waiting.delete(client)
        const left = client.next(nowMs)
        // Behind everybody else.
        if (left === 'more') this.#waiting.add(client)
        else if (left === 'later') this.#addLater(client)
        const pieceBeganMs = nowMs
        nowMs = performance.now()
        this.#spentMs += nowMs - pieceBeganMs
        this.#pieces++
        if (this.#isOver) break
      }
    } catch (error) {
      this.#failed(error)
    }
    this.#isRunning = false
    if (this.#waiting.size > 0) this.#goOnLater()
  }

  #goOnLater(): void {
    if (this.#isAwaitingTurn) return
    this.#isAwaitingTurn = true
    inNextTurn(() => {
      this.#isAwaitingTurn = false
      const nowMs = performance.now()
      this.#beginStretch(nowMs)
      this.#run(nowMs)
    })
  }

  #addLater(client: Client): void {
    if (this.#pausing.has(client)) return
    this.#pausing.add(client)
    // Who began together does not go on together.
    const pauseMs = this.#pauseMs * (1 + Math.random())
    setTimeout(() => {
      this.#pausing.delete(client)
      this.add(client)
    }, pauseMs)
  }
}

/** What a {@link WallClock} reads. Both are in milliseconds. */
export interface ClockSources {
  /** The time since the epoch, as the machine has it. It may be set at any moment. */
  wall(): number
  /** The time that has passed since whenever. It never jumps. */
  monotonic(): number
}

const machine: ClockSources = { wall: () => Date.now(), monotonic: () => performance.now() }

/** What the wall clock may differ by from the time that has passed, before it has jumped. */
const toleranceMs = 60_000

/** How long a jump has to last before it is believed. Who set the clock wrong has so long to set it right. */
export const beliefMs = 3_600_000

/**
 * The time, with what is known of it: a clock that jumps may have been wrong before or be wrong now, so for an hour there is
 * an earliest and a latest time that it may be. Otherwise both are what the clock says.
 */
export class WallClock {
  readonly #sources: ClockSources
  readonly #onJump: (byMs: number) => void
  /** When the clock was right. */
  #believed: { readonly wallMs: number; readonly atMs: number }
  /** What it jumped to, which is not believed yet. */
  #jump: { readonly wallMs: number; readonly atMs: number } | undefined

  /** @param onJump the clock has jumped by so many milliseconds, ahead or, below zero, back; said when it is noticed */
  constructor(onJump: (byMs: number) => void = () => {}, sources = machine) {
    this.#sources = sources
    this.#onJump = onJump
    this.#believed = { wallMs: sources.wall(), atMs: sources.monotonic() }
  }

  /** Milliseconds since the epoch: it is not earlier. */
  get earliestMs(): number {
    return Math.min(...this.#read())
  }

  /** Milliseconds since the epoch: it is not later. */
  get latestMs(): number {
    return Math.max(...this.#read())
  }

  /** Milliseconds that have passed since whenever: this one never jumps. */
  get passedMs(): number {
    return this.#sources.monotonic()
  }

  /** What the clock says, and what it would if it had not jumped. */
  #read(): readonly [number, number] {
    const now = { wallMs: this.#sources.wall(), atMs: this.#sources.monotonic() }
    const expectedMs = continued(this.#believed, now.atMs)
    if (Math.abs(now.wallMs - expectedMs) <= toleranceMs) {
      this.#believed = now
      this.#jump = undefined
    } else if (this.#jump === undefined || Math.abs(now.wallMs - continued(this.#jump, now.atMs)) > toleranceMs) {
      this.#jump = now
      this.#onJump(now.wallMs - expectedMs)
    } else if (now.atMs - this.#jump.atMs >= beliefMs) {
      this.#believed = now
      this.#jump = undefined
    }
    return [now.wallMs, this.#jump === undefined ? now.wallMs : expectedMs]
  }
}

function continued({ wallMs, atMs }: { readonly wallMs: number; readonly atMs: number }, nowMs: number): number {
  return wallMs + nowMs - atMs
}

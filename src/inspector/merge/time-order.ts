import type { TraceRecord } from '../trace/records.ts'

/** Says when records of one program come in the order of all, so that they stay in their own order. */
export class SourceClock {
  #latest = Number.NEGATIVE_INFINITY

  /**
   * The time of a record. Only steps tell it: what describes actors is made after the steps that follow it, and has to come
   * before them.
   */
  timeOf(record: TraceRecord): number {
    if (record.type === '@xstate.snapshot') this.#latest = Math.max(this.#latest, record.at)
    return this.#latest
  }
}

interface Held {
  readonly record: TraceRecord
  readonly time: number
  readonly arrivedMs: number
}

/** How long a record is held back for those of other programs that are older, in milliseconds: batches come every 100. */
const holdMs = 250

/** Records that are held back at most; beyond, they go as they are. */
const maxHeld = 20_000

/** Puts what several programs tell, each in batches of its own, into the order in which it happened. */
export class TimeOrder {
  #held: Held[] = []

  /** Takes records of one program, whose clock that is, at a time (by `performance.now()`). */
  add(records: readonly TraceRecord[], clock: SourceClock, nowMs: number): void {
    for (const record of records) this.#held.push({ record, time: clock.timeOf(record), arrivedMs: nowMs })
  }

  /** What was held back for long enough, and what is older than that, in order. */
  take(nowMs: number): readonly TraceRecord[] {
    const isFull = this.#held.length > maxHeld
    const ripe = this.#held.filter(({ arrivedMs }) => isFull || arrivedMs <= nowMs - holdMs)
    if (ripe.length === 0) return []
    const upTo = ripe.reduce((latest, { time }) => Math.max(latest, time), Number.NEGATIVE_INFINITY)
    // The sort is stable: what is of one time stays as it came.
    const inOrder = this.#held.toSorted((one, other) => one.time - other.time)
    this.#held = inOrder.filter(({ time }) => time > upTo)
    return inOrder.filter(({ time }) => time <= upTo).map(({ record }) => record)
  }
}

/** When each message is due that is published by the clock. */
export interface Schedule {
  /** The first message's sequence number. */
  readonly first: number
  /** When it is due, on the clock of {@link now}. */
  readonly start: number
  /** Milliseconds from one message to the next. */
  readonly interval: number
}

/** Milliseconds on a clock that all threads share. */
export function now(): number {
  return Number(process.hrtime.bigint()) / 1e6
}

const scheduleOffset = 16
const progressOffset = 64

/**
 * What the publisher and the threads of receivers tell each other while messages flow: memory, because posting messages
 * between threads would cost more than receiving some.
 */
export class SharedState {
  readonly memory: SharedArrayBuffer
  /** 0: how often there was progress; 1: never changes, to sleep on. */
  readonly #signals: Int32Array
  readonly #schedule: Float64Array
  /** For each thread: the next sequence number of its slowest subscriber, and how many messages it received. */
  readonly #progress: Float64Array

  constructor(memory: SharedArrayBuffer) {
    this.memory = memory
    this.#signals = new Int32Array(memory, 0, 2)
    this.#schedule = new Float64Array(memory, scheduleOffset, 3)
    this.#progress = new Float64Array(memory, progressOffset)
  }

  static for(threads: number): SharedState {
    const state = new SharedState(new SharedArrayBuffer(progressOffset + threads * 16))
    state.schedule = { first: Number.POSITIVE_INFINITY, start: 0, interval: 0 }
    for (let thread = 0; thread < threads; thread++) state.noteProgress(thread, -1, 0)
    return state
  }

  noteProgress(thread: number, slowest: number, received: number): void {
    this.#progress[2 * thread] = slowest
    this.#progress[2 * thread + 1] = received
    Atomics.add(this.#signals, 0, 1)
    Atomics.notify(this.#signals, 0)
  }

  /** Blocks until there was progress since `seen` progresses; returns how often there was. */
  waitForProgress(seen: number, milliseconds: number): number {
    Atomics.wait(this.#signals, 0, seen, milliseconds)
    return Atomics.load(this.#signals, 0)
  }

  /** Blocks. Timers would be late by up to a millisecond. */
  sleep(milliseconds: number): void {
    if (milliseconds > 0) Atomics.wait(this.#signals, 1, 0, milliseconds)
  }

  /** The next sequence number of the slowest subscriber of all; -1 while one has nothing yet. */
  slowest(): number {
    let slowest = Number.POSITIVE_INFINITY
    for (let at = 0; at < this.#progress.length; at += 2) slowest = Math.min(slowest, this.#progress[at] ?? -1)
    return slowest
  }

  /** How many messages all subscribers received together. */
  received(): number {
    let received = 0
    for (let at = 1; at < this.#progress.length; at += 2) received += this.#progress[at] ?? 0
    return received
  }

  /** From which message on latencies are measured, and against which times. */
  set schedule({ first, start, interval }: Schedule) {
    this.#schedule.set([first, start, interval])
  }

  /** When a message was due; undefined if its latency is not measured. */
  dueTime(sequence: number): number | undefined {
    const [first = 0, start = 0, interval = 0] = this.#schedule
    return sequence >= first ? start + (sequence - first) * interval : undefined
  }
}

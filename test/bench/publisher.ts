import { setImmediate as nextTurn } from 'node:timers/promises'
import type { IndicatorMint } from './indicators.ts'
import { now, type Schedule, type SharedState } from './shared-state.ts'
import type { Connection, Endpoint } from './wires/connection.ts'
import type { Wire } from './wires/wire.ts'

/** Says which messages may be published by now, and passes the time until it may be more. */
export interface Pace {
  /** The end of what may be published: a sequence number. */
  readonly due: () => number
  /** Blocks, for a few milliseconds at most. */
  readonly wait: () => void
}

/** The longest time to block the thread, in milliseconds. */
const longestWait = 5

/** As fast as the broker can, with at most `window` messages that the slowest subscriber has not received. */
export function flatOut(shared: SharedState, window: number): Pace {
  let progress = 0
  return {
    due: () => shared.slowest() + window,
    wait() {
      progress = shared.waitForProgress(progress, longestWait)
    },
  }
}

/** By the clock, whether the broker keeps up or not. */
export function onSchedule(shared: SharedState, { first, start, interval }: Schedule): Pace {
  const due = () => first + Math.floor((now() - start) / interval) + 1
  return {
    due,
    wait: () => shared.sleep(Math.min(longestWait, start + (due() - first) * interval - now())),
  }
}

/** Publishes indicators on one connection, numbered from 0. */
export class Publisher {
  /** How many messages were published, which is the sequence number of the next. */
  published = 0
  readonly #mint: IndicatorMint
  readonly #connection: Connection

  constructor(mint: IndicatorMint, connection: Connection) {
    this.#mint = mint
    this.#connection = connection
  }

  static async connect(mint: IndicatorMint, wire: Wire, endpoint: Endpoint): Promise<Publisher> {
    return new Publisher(mint, await wire.connectPublisher(endpoint))
  }

  /** Publishes all that is due, until `isOver`. */
  async keepPace(pace: Pace, isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      const due = pace.due()
      if (due > this.published) this.publishUpTo(due)
      else pace.wait()
      await nextTurn()
    }
  }

  /** Publishes the messages below `end` that were not published yet. */
  publishUpTo(end: number): void {
    this.#connection.write(this.#mint.coin(this.published, end))
    this.published = end
  }

  close(): void {
    this.#connection.close()
  }
}

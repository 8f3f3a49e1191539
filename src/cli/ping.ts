import { setTimeout } from 'node:timers/promises'
import { BusUnavailableError } from '../index.ts'
import { type BusOptions, connectTo, sayFailure } from './bus-options.ts'
import { exitCodes } from './exit-codes.ts'
import { LineOutput } from './line-output.ts'
import { abortOnSignal } from './signals.ts'

/** Options of `threatbus ping`. */
export interface PingOptions extends BusOptions {
  /** Heartbeats after which the command ends; without, it goes on until it is stopped. */
  readonly count?: number
  /** Seconds from one heartbeat to the next. */
  readonly interval: number
}

/**
 * Measures the round trip of heartbeats, until it is stopped or has sent `count`. Answers the exit code: `unavailable`
 * unless at least one was answered.
 */
export async function ping(options: PingOptions): Promise<number> {
  const { count = Number.POSITIVE_INFINITY, interval, endpoint } = options
  const output = new LineOutput(process.stdout)
  const signal = AbortSignal.any([abortOnSignal(), output.closed])
  const trips = new RoundTrips()
  let sent = 0
  try {
    const bus = connectTo(options)
    while (sent < count && !signal.aborted) {
      sent++
      try {
        const tripMs = await bus.ping({ signal })
        trips.count(tripMs)
        await output.write(`answer from ${endpoint}: seq=${sent} time=${tripMs.toFixed(2)} ms`)
      } catch (error) {
        if (!(error instanceof BusUnavailableError)) throw error
        await output.write(`${error.message} (seq=${sent})`)
      }
      if (sent < count) await setTimeout(interval * 1000, undefined, { signal })
    }
    await bus.close()
  } catch (error) {
    if (!signal.aborted) return sayFailure(error)
  }
  await output.write(`${sent} sent, ${trips}`)
  await output.flush()
  if (output.closed.aborted && !output.readerLeft) return sayFailure(output.closed.reason)
  return trips.answered > 0 ? exitCodes.ok : exitCodes.unavailable
}

/** Round trips summed up, however many they are. */
class RoundTrips {
  answered = 0
  #sumMs = 0
  #shortestMs = Number.POSITIVE_INFINITY
  #longestMs = 0

  count(tripMs: number): void {
    this.answered++
    this.#sumMs += tripMs
    this.#shortestMs = Math.min(this.#shortestMs, tripMs)
    this.#longestMs = Math.max(this.#longestMs, tripMs)
  }

  toString(): string {
    if (this.answered === 0) return '0 answered'
    const times = [this.#shortestMs, this.#sumMs / this.answered, this.#longestMs].map(ms => ms.toFixed(2))
    return `${this.answered} answered, min/avg/max = ${times.join('/')} ms`
  }
}

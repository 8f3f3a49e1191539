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
  const trips: number[] = []
  let sent = 0
  try {
    const bus = connectTo(options, () => {})
    while (sent < count && !signal.aborted) {
      sent++
      try {
        const trip = await bus.ping({ signal })
        trips.push(trip)
        await output.write(`answer from ${endpoint}: seq=${sent} time=${trip.toFixed(2)} ms`)
      } catch (error) {
        if (!(error instanceof BusUnavailableError)) throw error
        await output.write(`no answer from ${endpoint}: seq=${sent} after ${options.timeout} s`)
      }
      if (sent < count) await setTimeout(interval * 1000, undefined, { signal })
    }
    await bus.close()
  } catch (error) {
    if (!signal.aborted) return sayFailure(error)
  }
  await output.write(summary(sent, trips))
  await output.flush()
  if (output.closed.aborted && !output.readerLeft) return sayFailure(output.closed.reason)
  return trips.length > 0 ? exitCodes.ok : exitCodes.unavailable
}

function summary(sent: number, trips: readonly number[]): string {
  const counted = `${sent} sent, ${trips.length} answered`
  if (trips.length === 0) return counted
  const sum = trips.reduce((total, trip) => total + trip, 0)
  const times = [Math.min(...trips), sum / trips.length, Math.max(...trips)].map(ms => ms.toFixed(2))
  return `${counted}, min/avg/max = ${times.join('/')} ms`
}

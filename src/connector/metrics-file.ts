import { lookup, lookupService } from 'node:dns/promises'
import { appendFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { resolve } from 'node:path'
import type { Counters } from './counters.ts'

/** Appends what changed to a file, one InfluxDB line each time (CONNECTOR "Metrics for InfluxDB"). */
export class MetricsFile {
  readonly #counters: Counters
  readonly #path: string
  readonly #failed: (error: unknown) => void
  readonly #host: Promise<string>
  readonly #timer: NodeJS.Timeout | undefined
  #writing: Promise<void> = Promise.resolve()

  /** `intervalMs` is from one line to the next, 0 for none; `failed` hears of lines that could not be written. */
  constructor(counters: Counters, fileName: string, intervalMs: number, failed: (error: unknown) => void) {
    this.#counters = counters
    // Absolute from the start, wherever the process goes.
    this.#path = resolve(fileName)
    this.#failed = failed
    this.#host = intervalMs > 0 ? fullHostName() : Promise.resolve('')
    if (intervalMs > 0) this.#timer = setInterval(() => this.#write(), intervalMs).unref()
  }

  /** Writes what changed since the last line, and no more. Never throws. */
  async close(): Promise<void> {
    if (this.#timer === undefined) return
    clearInterval(this.#timer)
    this.#write()
    await this.#writing
  }

  #write(): void {
    const nanoseconds = `${BigInt(Date.now()) * 1_000_000n}`
    const fields = this.#counters.takeFields()
    if (fields.length === 0) return
    this.#writing = this.#writing
      .then(async () => appendFile(this.#path, `${metricsLine(await this.#host, fields, nanoseconds)}\n`))
      .catch(this.#failed)
  }
}

/** A line of InfluxDB's line protocol. Tag values have a backslash before what separates. */
export function metricsLine(host: string, fields: readonly string[], nanoseconds: string): string {
  return `vast-threatbus,host=${host.replace(/[,= ]/g, '\\$&')} ${fields.join()} ${nanoseconds}`
}

/** The name of this machine with its domain, if the system knows it, as Python's `getfqdn` finds it. */
async function fullHostName(): Promise<string> {
  const name = hostname()
  try {
    const { address } = await lookup(name)
    const { hostname: full } = await lookupService(address, 0)
    return full.includes('.') && full !== address ? full : name
  } catch {
    return name
  }
}

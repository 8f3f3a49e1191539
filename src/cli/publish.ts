import { type Bus, InvalidMessageError } from '../index.ts'
import type { ValidationMode } from '../protocol/stix/check.ts'
import { type BusOptions, connectTo, sayFailure } from './bus-options.ts'
import { exitCodes } from './exit-codes.ts'
import { type ObjectInFile, objectsInFiles, type ReadingJob, totalBytes } from './input-files.ts'
import { showProgress } from './progress.ts'
import { PublishReport } from './publish-report.ts'
import { abortOnSignal, signalExitCode } from './signals.ts'

/** Options of `threatbus publish`. */
export interface PublishOptions extends BusOptions {
  /** How the bus validates, as far as one knows: what it would refuse is not sent. */
  readonly validation: ValidationMode
  /** Upgrade objects of STIX 2.0? */
  readonly upgrade?: true
  /** Wait until each message is on the bus's disk? */
  readonly receipts: boolean
}

/** Messages that may wait for their receipts, and bytes: many go in one request, and reading goes on meanwhile. */
const maxUnacknowledged = 2000
const maxUnacknowledgedBytes = 16_777_216

/** Bytes that an object may have: what a bus takes if it is not told otherwise, and the client library sends. */
const maxObjectBytes = 16_777_216

/** How long a busy bus may take for what it was sent but has not taken yet, at the end. */
const flushTimeoutMs = 30_000

/**
 * Publishes the indicators and sightings in files, byte for byte unless they are upgraded. Answers the exit code: `ok` only if everything that
 * travels the bus was published and, where the bus gives receipts, acknowledged; the summary says where it does not.
 */
export async function publish(files: readonly string[], options: PublishOptions): Promise<number> {
  const signal = abortOnSignal()
  const progress = showProgress(process.stderr, totalBytes(files))
  const report = new PublishReport(progress.writeLine)
  const exitCode = await publishFiles(files, options, { report, progress, signal, maxObjectBytes })
    .catch(error => (signal.aborted ? signalExitCode(signal.reason) : sayFailure(error)))
    .finally(progress.stop)
  report.saySummary()
  report.sayUnconfirmed(options.receipts ? 'the bus gives no receipts' : 'the bus was not asked for receipts')
  return exitCode === exitCodes.ok ? report.exitCode : exitCode
}

async function publishFiles(files: readonly string[], options: PublishOptions, job: ReadingJob): Promise<number> {
  let exitCode: number = exitCodes.ok
  const rules = { validation: options.validation, upgrade: options.upgrade === true }
  const bus = connectTo(options, {
    receipts: options.receipts,
    closeTimeoutMs: flushTimeoutMs,
    onEvent: ({ event }) => {
      if (event !== 'flush_abandoned') return
      job.progress.writeLine('threatbus: the bus did not take everything in time')
      exitCode = exitCodes.unavailable
    },
  })
  const unacknowledged = new Unacknowledged()
  try {
    for await (const object of objectsInFiles(files, rules, job)) {
      await unacknowledged.add(publishObject(bus, object, job), object.text.length)
    }
    await unacknowledged.all()
  } finally {
    await bus.close()
  }
  return exitCode
}

/** What was published and is not acknowledged yet. */
class Unacknowledged {
  #oldestFirst: Promise<void>[] = []
  #bytes = 0

  /** Fulfilled when there is room for one more; rejects if one failed. `bytes` is about what it holds. */
  async add(published: Promise<void>, bytes: number): Promise<void> {
    // That it failed is found out in its turn.
    published.catch(() => {})
    this.#bytes += bytes
    const acknowledged = published.then(() => {
      this.#bytes -= bytes
    })
    acknowledged.catch(() => {})
    this.#oldestFirst.push(acknowledged)
    while (this.#oldestFirst.length >= maxUnacknowledged || this.#bytes > maxUnacknowledgedBytes) {
      await Promise.all(this.#oldestFirst.splice(0, Math.ceil(this.#oldestFirst.length / 2)))
    }
  }

  /** Fulfilled when all are acknowledged; rejects if one failed. */
  async all(): Promise<void> {
    await Promise.all(this.#oldestFirst)
  }
}

async function publishObject(bus: Bus, object: ObjectInFile, { report, signal }: ReadingJob): Promise<void> {
  try {
    report.countPublished(object.type, await bus.publish(object.text, { signal }))
    if (object.isUpgraded) report.countUpgraded()
  } catch (error) {
    if (!(error instanceof InvalidMessageError)) throw error
    report.refuse(object, error.message)
  }
}

import { createReadStream, statSync } from 'node:fs'
import { addAbortSignal } from 'node:stream'
import { type Bus, InvalidMessageError } from '../index.ts'
import { checkObject, type ValidationMode } from '../protocol/stix/check.ts'
import type { MessageType } from '../protocol/topics.ts'
import { type BusOptions, connectTo, sayFailure } from './bus-options.ts'
import { exitCodes } from './exit-codes.ts'
import { type Progress, showProgress } from './progress.ts'
import { PublishReport } from './publish-report.ts'
import { abortOnSignal, signalExitCode } from './signals.ts'
import { type InputItem, readObjects } from './stix-input.ts'

/** Options of `threatbus publish`. */
export interface PublishOptions extends BusOptions {
  /** How the bus validates, as far as one knows: what it would refuse is not sent. */
  readonly validation: ValidationMode
  /** Wait until each message is on the bus's disk? */
  readonly receipts: boolean
}

/** Messages that may wait for their receipts: many go in one request, and reading goes on meanwhile. */
const maxUnacknowledged = 2000

/** How long a busy bus may take for what it was sent but has not taken yet, at the end. */
const flushTimeoutMs = 30_000

/** The name that stands for standard input. */
const standardInput = '-'

/**
 * Publishes the indicators and sightings in files, byte for byte. Answers the exit code: `ok` only if everything that
 * travels the bus was published and, where the bus gives receipts, acknowledged.
 */
export async function publish(files: readonly string[], options: PublishOptions): Promise<number> {
  const signal = abortOnSignal()
  const progress = showProgress(process.stderr, totalBytes(files))
  const report = new PublishReport(progress.writeLine)
  const exitCode = await publishFiles(files, options, { report, progress, signal })
    .catch(error => (signal.aborted ? signalExitCode(signal.reason) : sayFailure(error)))
    .finally(progress.stop)
  report.saySummary()
  return exitCode === exitCodes.ok && report.hasRefused ? exitCodes.badInput : exitCode
}

interface Job {
  readonly report: PublishReport
  readonly progress: Progress
  readonly signal: AbortSignal
}

async function publishFiles(files: readonly string[], options: PublishOptions, job: Job): Promise<number> {
  let exitCode: number = exitCodes.ok
  const bus = connectTo(options, {
    receipts: options.receipts,
    closeTimeoutMs: flushTimeoutMs,
    onEvent: ({ event }) => {
      if (event !== 'flush_abandoned') return
      job.progress.writeLine('threatbus: the bus did not take everything in time')
      exitCode = exitCodes.unavailable
    },
  })
  const unacknowledged = new Unacknowledged(maxUnacknowledged)
  try {
    let doneBytes = 0
    for (const file of files) {
      for await (const item of itemsIn(file, job)) {
        const published = publishItem(bus, file, item, options.validation, job)
        if (published) await unacknowledged.add(published)
        job.progress.update(doneBytes + item.bytes, job.report.published)
      }
      doneBytes += sizeOf(file) ?? 0
    }
    await unacknowledged.all()
  } finally {
    await bus.close()
  }
  return exitCode
}

/** What was published and is not acknowledged yet. */
class Unacknowledged {
  readonly #atMost: number
  #oldestFirst: Promise<void>[] = []

  constructor(atMost: number) {
    this.#atMost = atMost
  }

  /** Fulfilled when there is room for one more; rejects if one failed. */
  async add(published: Promise<void>): Promise<void> {
    // That it failed is found out in its turn.
    published.catch(() => {})
    this.#oldestFirst.push(published)
    if (this.#oldestFirst.length >= this.#atMost) await Promise.all(this.#oldestFirst.splice(0, this.#atMost / 2))
  }

  /** Fulfilled when all are acknowledged; rejects if one failed. */
  async all(): Promise<void> {
    await Promise.all(this.#oldestFirst)
  }
}

/** What is in a file, up to where it can be read. */
async function* itemsIn(file: string, { report, signal }: Job): ReturnType<typeof readObjects> {
  const input = file === standardInput ? process.stdin : createReadStream(file)
  // A signal must also end the waiting for input, which may take for ever.
  addAbortSignal(signal, input)
  try {
    yield* readObjects(input)
  } catch (error) {
    // Errors of reading have the name of a system call; all others are not the file's fault.
    if (!(error instanceof Error && 'syscall' in error)) throw error
    report.refuseFile(file, error)
  }
}

/** Publishes what can be; undefined if it can't. */
function publishItem(
  bus: Bus,
  file: string,
  item: InputItem,
  validation: ValidationMode,
  { report, signal }: Job,
): Promise<void> | undefined {
  const type = publishableType(file, item, validation, report)
  if (type === undefined || item.kind === 'broken') return undefined
  const { text, line } = item
  return bus.publish(text, { signal }).then(
    receipt => report.countPublished(type, receipt),
    error => {
      if (!(error instanceof InvalidMessageError)) throw error
      report.refuse(file, line, error.message)
    },
  )
}

/** The type of what can be published; what can't is told or counted. */
function publishableType(
  file: string,
  item: InputItem,
  validation: ValidationMode,
  report: PublishReport,
): MessageType | undefined {
  if (item.kind === 'broken') report.refuse(file, item.line, item.problem)
  else {
    const { type } = item.object
    const checked = checkObject(item.object, validation)
    if (typeof type !== 'string') report.refuse(file, item.line, 'a STIX object has a type, and this has none')
    else if (type !== 'indicator' && type !== 'sighting') report.countSkipped(type)
    else if ('refused' in checked) report.refuse(file, item.line, checked.detail)
    else return type
  }
  return undefined
}

/** The size of a file, or undefined if nobody knows it, as of a pipe. */
function sizeOf(file: string): number | undefined {
  const stat = file === standardInput ? undefined : statSync(file, { throwIfNoEntry: false })
  return stat?.isFile() ? stat.size : undefined
}

/** The size of all files, or undefined if one has none that is known. */
function totalBytes(files: readonly string[]): number | undefined {
  const sizes = files.map(sizeOf)
  return sizes.includes(undefined) ? undefined : sizes.reduce((total = 0, size = 0) => total + size, 0)
}

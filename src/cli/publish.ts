import { createReadStream, statSync } from 'node:fs'
import { addAbortSignal } from 'node:stream'
import { type Bus, InvalidMessageError } from '../index.ts'
import { checkObject, type ValidationMode } from '../protocol/stix/check.ts'
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
}

/** How long a busy bus may take for what it was sent but has not taken yet, at the end. */
const flushTimeoutMs = 30_000

/** The name that stands for standard input. */
const standardInput = '-'

/**
 * Publishes the indicators and sightings in files, byte for byte. Answers the exit code: `ok` only if everything that
 * travels the bus was published.
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
    closeTimeoutMs: flushTimeoutMs,
    onEvent: ({ event }) => {
      if (event !== 'flush_abandoned') return
      job.progress.writeLine('threatbus: the bus did not take everything in time')
      exitCode = exitCodes.unavailable
    },
  })
  try {
    let doneBytes = 0
    for (const file of files) {
      for await (const item of itemsIn(file, job)) {
        await publishItem(bus, file, item, options.validation, job)
        job.progress.update(doneBytes + item.bytes, job.report.published)
      }
      doneBytes += sizeOf(file) ?? 0
    }
  } finally {
    await bus.close()
  }
  return exitCode
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

async function publishItem(
  bus: Bus,
  file: string,
  item: InputItem,
  validation: ValidationMode,
  { report, signal }: Job,
): Promise<void> {
  if (item.kind === 'broken') return report.refuse(file, item.line, item.problem)
  const { type } = item.object
  if (typeof type !== 'string') return report.refuse(file, item.line, 'a STIX object has a type, and this has none')
  if (type !== 'indicator' && type !== 'sighting') return report.countSkipped(type)
  const checked = checkObject(item.object, validation)
  if ('refused' in checked) return report.refuse(file, item.line, checked.detail)
  try {
    await bus.publish(item.text, { signal })
    report.countPublished(type)
  } catch (error) {
    if (!(error instanceof InvalidMessageError)) throw error
    report.refuse(file, item.line, error.message)
  }
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

import { createReadStream, statSync } from 'node:fs'
import { addAbortSignal } from 'node:stream'
import { type Bus, InvalidMessageError } from '../index.ts'
import { checkObject, type ValidationMode } from '../protocol/stix/check.ts'
import { type BusOptions, connectTo, say, sayFailure } from './bus-options.ts'
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
  let flushed = true
  let exitCode: number = exitCodes.ok
  try {
    const bus = connectTo(options, ({ event }) => {
      if (event === 'flush_abandoned') flushed = false
    })
    try {
      await publishFiles(bus, files, { report, progress, signal, validation: options.validation })
    } finally {
      await bus.close()
      progress.stop()
    }
  } catch (error) {
    exitCode = signal.aborted ? signalExitCode(signal.reason) : sayFailure(error)
  }
  report.saySummary()
  if (!flushed) {
    say('the bus did not take all of it in time')
    return exitCodes.unavailable
  }
  return exitCode === exitCodes.ok && report.hasRefused ? exitCodes.badInput : exitCode
}

interface Job {
  readonly report: PublishReport
  readonly progress: Progress
  readonly signal: AbortSignal
  readonly validation: ValidationMode
}

async function publishFiles(bus: Bus, files: readonly string[], job: Job): Promise<void> {
  let bytesBefore = 0
  for (const file of files) {
    let bytesHere = 0
    const input = file === standardInput ? process.stdin : createReadStream(file)
    // A signal must also end the waiting for input, which may take for ever.
    addAbortSignal(job.signal, input)
    try {
      for await (const item of readObjects(input)) {
        await publishItem(bus, file, item, job)
        bytesHere = item.bytes
        job.progress.update(bytesBefore + bytesHere, job.report.published)
      }
    } catch (error) {
      // Errors of reading have the name of a system call; all others are not the file's fault.
      if (!(error instanceof Error && 'syscall' in error)) throw error
      job.report.refuseFile(file, error)
    }
    bytesBefore += bytesHere
  }
}

async function publishItem(
  bus: Bus,
  file: string,
  item: InputItem,
  { report, signal, validation }: Job,
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

/** The size of all files, or undefined if one of them has none that is known, like a pipe. */
function totalBytes(files: readonly string[]): number | undefined {
  let total = 0
  for (const file of files) {
    const stat = file === standardInput ? undefined : statSync(file, { throwIfNoEntry: false })
    if (stat === undefined || !stat.isFile()) return undefined
    total += stat.size
  }
  return total
}

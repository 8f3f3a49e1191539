import { HistoryError } from '../history/history-error.ts'
import { counted } from '../protocol/quantities.ts'
import { exitCodes } from './exit-codes.ts'
import { directoryAndConfig, type HistoryOptions, sayHistoryFailure } from './history-directory.ts'
import { type ImportTarget, openImportTarget } from './import-target.ts'
import { type ObjectInFile, objectsInFiles, totalBytes } from './input-files.ts'
import { showProgress } from './progress.ts'
import { PublishReport } from './publish-report.ts'
import { abortOnSignal, signalExitCode } from './signals.ts'

/** Options of `threatbus history import`. */
export interface ImportOptions extends HistoryOptions {
  /** Upgrade objects of STIX 2.0, also if the configuration does not say so? */
  readonly upgrade?: true
}

/** Objects that are imported at once, and about how many bytes. */
const longestList = 500
const largestListBytes = 1_048_576

/** What a request has beside the messages in it, in bytes, and more. */
const requestOverheadBytes = 1024

/** Options of `threatbus history import`. */
export interface ImportOptions extends HistoryOptions {
  /**
   * Does each object count as accepted when the input says that a bus accepted it? True: it has to. Undefined: where the input
   * says so, and no broker takes it.
   */
  readonly keepTimes?: boolean
}

/** Times in a segment of the log differ by no more, beside those that came while it was written to before. */
const longestStretchMs = 3_600_000

/**
 * Puts the indicators and sightings in files into a history: through the broker that uses it, which delivers them as any
 * other, or into its log if none does. Answers the exit code: `ok` only if everything that travels the bus was imported.
 */
export async function importHistory(files: readonly string[], options: ImportOptions): Promise<number> {
  const found = directoryAndConfig(options)
  if (found === undefined) return exitCodes.badConfiguration
  const { directory, config } = found
  const signal = abortOnSignal()
  const progress = showProgress(process.stderr, totalBytes(files))
  const report = new PublishReport(progress.writeLine)
  const rules = { validation: config.validation, upgrade: options.upgrade === true || config.stix20 === 'upgrade' }
  let exitCode: number = exitCodes.ok
  try {
    const target = await openImportTarget(directory, config, signal)
    const list = new ImportList(target, report, Math.min(longestList, config.max_publish))
    const maxObjectBytes = config.plugins.apps.zmq.max_message_size - requestOverheadBytes
    const job = { report, progress, signal, maxObjectBytes }
    const times = new ImportedTimes(target, options.keepTimes)
    try {
      for await (const object of objectsInFiles(files, rules, job)) await list.add(times.of(object))
      await list.take()
    } catch (error) {
      if (!(error instanceof UntimedError)) throw error
      await list.take()
      progress.writeLine(error.message)
      exitCode = exitCodes.badInput
    } finally {
      await target.close()
    }
    if (times.lost !== undefined) progress.writeLine(`threatbus: ${times.lost}`)
    const where = target.isBroker ? 'the broker delivers them' : 'no broker runs, so nobody gets them before one does'
    if (report.published > 0) progress.writeLine(`threatbus: imported into ${directory}; ${where}`)
  } catch (error) {
    exitCode = signal.aborted ? signalExitCode(signal.reason) : sayHistoryFailure(error)
  } finally {
    progress.stop()
  }
  report.saySummary('imported')
  return exitCode === exitCodes.ok ? report.exitCode : exitCode
}

/** There is no time for an object that has to have one. */
class UntimedError extends Error {}

/** When objects count as accepted. */
class ImportedTimes {
  readonly #target: ImportTarget
  readonly #keep: boolean | undefined
  #hasTimes = false

  /** @throws HistoryError if times have to be kept and can't be */
  constructor(target: ImportTarget, keep: boolean | undefined) {
    if (keep && target.isBroker) throw new HistoryError(`${brokersTimes}; or say --no-keep-times`)
    this.#target = target
    this.#keep = keep
  }

  /** What of times could not be kept, in words. */
  get lost(): string | undefined {
    if (this.#keep === false) return undefined
    if (this.#target.isBroker) return this.#hasTimes ? brokersTimes : undefined
    const { movedTimes } = this.#target
    return movedTimes === 0
      ? undefined
      : `${counted(movedTimes, 'object')} as old as the newest in the history, or as now: times in a history never go back`
  }

  /** The object with its time, if that is to be kept. @throws UntimedError if it has to have one */
  of(object: ObjectInFile): ObjectInFile {
    const { file, line, acceptedMs } = object
    if (acceptedMs !== undefined) this.#hasTimes = true
    if (this.#keep === false || this.#target.isBroker) return { ...object, acceptedMs: undefined }
    if (acceptedMs === undefined && this.#keep) {
      throw new UntimedError(`${file}:${line}: it does not say when this was accepted, as history export does`)
    }
    if (Number.isNaN(acceptedMs))
      throw new UntimedError(`${file}:${line}: when this was accepted cannot be read before it`)
    return object
  }
}

const brokersTimes =
  'a broker uses the history, and what it takes counts as accepted now: to keep the times of the input, stop it before'

/** Objects that are imported together. */
class ImportList {
  readonly #target: ImportTarget
  readonly #report: PublishReport
  readonly #maxMessages: number
  #objects: ObjectInFile[] = []
  #bytes = 0

  constructor(target: ImportTarget, report: PublishReport, maxMessages: number) {
    this.#target = target
    this.#report = report
    this.#maxMessages = maxMessages
  }

  /** Adds an object. When there are enough, they are imported. */
  async add(object: ObjectInFile): Promise<void> {
    const bytes = Buffer.byteLength(object.text)
    const stretchMs = Math.abs((object.acceptedMs ?? 0) - (this.#objects[0]?.acceptedMs ?? object.acceptedMs ?? 0))
    if (this.#bytes + bytes > largestListBytes || stretchMs > longestStretchMs) await this.take()
    this.#objects.push(object)
    this.#bytes += bytes
    if (this.#objects.length >= this.#maxMessages) await this.take()
  }

  /** Imports what was added since the last time. */
  async take(): Promise<void> {
    let objects = this.#objects
    this.#objects = []
    this.#bytes = 0
    while (objects.length > 0) {
      const refused = await this.#target.take(objects)
      if (refused === undefined) break
      this.#report.refuse(objects[refused.index] as ObjectInFile, refused.reason)
      objects = objects.toSpliced(refused.index, 1)
    }
    for (const { type, isUpgraded } of objects) {
      this.#report.countPublished(type, undefined)
      if (isUpgraded) this.#report.countUpgraded()
    }
  }
}

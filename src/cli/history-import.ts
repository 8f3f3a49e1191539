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
    try {
      for await (const object of objectsInFiles(files, rules, job)) await list.add(object)
      await list.take()
    } finally {
      await target.close()
    }
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
    if (this.#bytes + bytes > largestListBytes) await this.take()
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
      const refused = await this.#target.take(objects.map(({ text }) => text))
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

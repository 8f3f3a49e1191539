import { createReadStream, statSync } from 'node:fs'
import { addAbortSignal } from 'node:stream'
import { checkObject, type ValidationMode } from '../protocol/stix/check.ts'
import type { MessageType } from '../protocol/topics.ts'
import { acceptedMsIn } from './accepted-times.ts'
import type { Progress } from './progress.ts'
import type { PublishReport } from './publish-report.ts'
import { type InputItem, readObjects } from './stix-input.ts'

/** The name that stands for standard input. */
const standardInput = '-'

/** What goes on beside the reading of files. */
export interface ReadingJob {
  /** Is told what can't be published, and what does not travel the bus. */
  readonly report: PublishReport
  readonly progress: Progress
  /** Ends the reading, also the waiting for input; the reading then throws an error. */
  readonly signal: AbortSignal
}

/** An object that can be published, and where it stands. */
export interface ObjectInFile {
  readonly file: string
  readonly line: number
  readonly type: MessageType
  /** Byte for byte. */
  readonly text: string
  /** When a bus accepted it, in milliseconds since the epoch, if the input says so (`history export --times`). */
  readonly acceptedMs?: number | undefined
}

/** Reads the indicators and sightings in files, as far as a bus in this mode takes them; everything else is reported. */
export async function* objectsInFiles(
  files: readonly string[],
  validation: ValidationMode,
  job: ReadingJob,
): AsyncGenerator<ObjectInFile, void, undefined> {
  let doneBytes = 0
  for (const file of files) {
    let acceptedMs: number | undefined
    for await (const item of itemsIn(file, job)) {
      const saysWhen = acceptedMsIn(item)
      acceptedMs = saysWhen ?? acceptedMs
      const object = saysWhen === undefined ? publishable(file, item, validation, job.report) : undefined
      if (object !== undefined) yield { ...object, acceptedMs }
      job.progress.update(doneBytes + item.bytes, job.report.published)
    }
    doneBytes += sizeOf(file) ?? 0
  }
}

/** The size of all files, or undefined if one has none that is known. */
export function totalBytes(files: readonly string[]): number | undefined {
  const sizes = files.map(sizeOf)
  return sizes.includes(undefined) ? undefined : sizes.reduce((total = 0, size = 0) => total + size, 0)
}

/** What is in a file, up to where it can be read. */
async function* itemsIn(file: string, { report, signal }: ReadingJob): ReturnType<typeof readObjects> {
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

function publishable(
  file: string,
  item: InputItem,
  validation: ValidationMode,
  report: PublishReport,
): ObjectInFile | undefined {
  if (item.kind === 'broken') {
    report.refuse(file, item.line, item.problem)
    return undefined
  }
  const { line, text, object } = item
  const { type } = object
  if (typeof type !== 'string') {
    report.refuse(file, line, 'a STIX object has a type, and this has none')
    return undefined
  }
  if (type !== 'indicator' && type !== 'sighting') {
    report.countSkipped(type)
    return undefined
  }
  const checked = checkObject(object, validation)
  if (!('refused' in checked)) return { file, line, type, text }
  report.refuse(file, line, checked.detail)
  return undefined
}

/** The size of a file, or undefined if nobody knows it, as of a pipe. */
function sizeOf(file: string): number | undefined {
  const status = file === standardInput ? undefined : statSync(file, { throwIfNoEntry: false })
  return status?.isFile() ? status.size : undefined
}

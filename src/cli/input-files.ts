import { createReadStream, statSync } from 'node:fs'
import { addAbortSignal } from 'node:stream'
import { checkObject, type ValidationMode } from '../protocol/stix/check.ts'
import { isStix20, stix20Advice, upgradeText } from '../protocol/stix/upgrade.ts'
import type { MessageType } from '../protocol/topics.ts'
import { acceptedMsIn } from './accepted-times.ts'
import type { Progress } from './progress.ts'
import type { PlaceInFile, PublishReport } from './publish-report.ts'
import { type InputItem, readObjects } from './stix-input.ts'
import { UnreadableInput, unpacked } from './unpacked.ts'

/** The name that stands for standard input. */
const standardInput = '-'

/** What goes on beside the reading of files. */
export interface ReadingJob {
  /** Is told what can't be published, and what does not travel the bus. */
  readonly report: PublishReport
  readonly progress: Progress
  /** Ends the reading, also the waiting for input; the reading then throws an error. */
  readonly signal: AbortSignal
  /** Bytes that the bus takes of an object. */
  readonly maxObjectBytes: number
}

/** An object that can be published, and where it stands. */
export interface ObjectInFile extends PlaceInFile {
  readonly type: MessageType
  /** Byte for byte, unless it was upgraded. */
  readonly text: string
  /** Was it STIX 2.0? */
  readonly isUpgraded: boolean
  /** When a bus accepted it, in milliseconds since the epoch, if the input says so (`history export`). */
  readonly acceptedMs?: number | undefined
}

/** What objects have to be. */
export interface ObjectRules {
  /** As far as one knows, how the bus that gets them validates. */
  readonly validation: ValidationMode
  /** Are objects of STIX 2.0 upgraded? */
  readonly upgrade: boolean
}

/** Reads the indicators and sightings in files, as far as these rules and a bus take them; everything else is reported. */
export async function* objectsInFiles(
  files: readonly string[],
  rules: ObjectRules,
  job: ReadingJob,
): AsyncGenerator<ObjectInFile, void, undefined> {
  let doneBytes = 0
  for (const file of files) {
    let acceptedMs: number | undefined
    let readBytes = 0
    const read = (bytes: number) => {
      readBytes += bytes
      job.progress.update(doneBytes + readBytes, job.report)
    }
    for await (const item of itemsIn(file, job, read)) {
      const saysWhen = acceptedMsIn(item)
      acceptedMs = saysWhen ?? acceptedMs
      const object = saysWhen === undefined ? publishable(file, item, rules, job) : undefined
      if (object !== undefined) yield { ...object, acceptedMs }
    }
    // What is broken may not have been read to its end.
    doneBytes += sizeOf(file) ?? readBytes
  }
}

/** The size of all files, or undefined if one has none that is known. */
export function totalBytes(files: readonly string[]): number | undefined {
  const sizes = files.map(sizeOf)
  return sizes.includes(undefined) ? undefined : sizes.reduce((total = 0, size = 0) => total + size, 0)
}

/** What is in a file, up to where it can be read. `read` hears of each piece how many bytes of the file it has. */
async function* itemsIn(
  file: string,
  { report, signal, maxObjectBytes }: ReadingJob,
  read: (bytes: number) => void,
): AsyncGenerator<InputItem, void> {
  const input = file === standardInput ? process.stdin : createReadStream(file)
  // A signal must also end the waiting for input, which may take for ever.
  addAbortSignal(signal, input)
  try {
    yield* readObjects(unpacked(counted(input, read)), maxObjectBytes)
  } catch (error) {
    // Errors of reading have the name of a system call; what else is thrown is not the file's fault.
    const isOfFile = error instanceof UnreadableInput || (error instanceof Error && 'syscall' in error)
    if (!isOfFile) throw error
    report.refuseFile(file, error)
  }
}

async function* counted(chunks: AsyncIterable<Buffer>, read: (bytes: number) => void): AsyncGenerator<Buffer, void> {
  for await (const chunk of chunks) {
    read(chunk.length)
    yield chunk
  }
}

function publishable(
  file: string,
  item: InputItem,
  { validation, upgrade }: ObjectRules,
  { report, maxObjectBytes }: ReadingJob,
): ObjectInFile | undefined {
  const { line, path } = item
  if (item.kind === 'broken') {
    report.refuse({ file, line, path, id: item.id }, item.problem)
    return undefined
  }
  const { type, id } = item.kind === 'object' ? item.object : item
  const where = { file, line, path, id }
  if (type !== 'indicator' && type !== 'sighting' && typeof type === 'string') {
    report.countSkipped(type)
  } else if (item.kind === 'too_large') {
    report.refuse(where, `it is larger than ${maxObjectBytes} bytes, and the bus would not take it`)
  } else if (type !== 'indicator' && type !== 'sighting') {
    report.refuse(where, 'a STIX object has a type, and this has none')
  } else {
    const isUpgraded = upgrade && isStix20(item.object)
    const text = isUpgraded ? upgradeText(item.text, item.object) : item.text
    const checked = checkObject(isUpgraded ? JSON.parse(text) : item.object, validation)
    if (!('refused' in checked)) return { ...where, type, text, isUpgraded }
    const { refused, detail } = checked
    if (isUpgraded) report.refuse(where, `upgraded from STIX 2.0: ${detail}`)
    else if (refused === 'unsupported_spec_version' && isStix20(item.object))
      report.refuse(where, `${detail}; ${stix20Advice}`)
    else report.refuse(where, detail)
  }
  return undefined
}

/** The size of a file, or undefined if nobody knows it, as of a pipe. */
function sizeOf(file: string): number | undefined {
  const status = file === standardInput ? undefined : statSync(file, { throwIfNoEntry: false })
  return status?.isFile() ? status.size : undefined
}

import {
  closeSync,
  createReadStream,
  createWriteStream,
  existsSync,
  openSync,
  renameSync,
  type WriteStream,
} from 'node:fs'
import { createInterface } from 'node:readline'
import type { Viewer, Watch } from '../recorder.ts'
import { type TraceHead, traceVersion } from './records.ts'

/** What a trace file tells its owner. */
export interface TraceFileEvents {
  /** Nothing can be written any more. */
  failed(error: Error): void
}

/** Bytes that may wait for the disk until batches are skipped: some seconds of a busy broker. */
const maxUnwrittenBytes = 1_048_576

/** The permissions of a new trace file, before the umask. It holds no messages and no p2p topics, but who talks to whom. */
const fileMode = 0o600

/**
 * Writes a trace to a file, bounded in size: when half of the bytes are written, the file is moved to `FILE.1`, in the place
 * of what was there, and a new one begins. So the newest half at least is always there. When the disk doesn't keep up,
 * batches are skipped; when it fails, the trace ends.
 */
export class TraceFile implements Viewer {
  readonly #path: string
  readonly #maxBytes: number
  readonly #events: TraceFileEvents
  #file: WriteStream
  #written = 0
  #watch: Watch | undefined

  /** @throws if the file can't be opened */
  constructor(path: string, maxBytes: number, events: TraceFileEvents) {
    this.#path = path
    this.#maxBytes = maxBytes
    this.#events = events
    this.#file = this.#open()
  }

  /** Begins to write. */
  begin(watch: (viewer: Viewer) => Watch): void {
    this.#watch = watch(this)
  }

  take(records: readonly string[]): boolean {
    const text = `${records.join('\n')}\n`
    this.#written += Buffer.byteLength(text)
    const takesMore = this.#file.write(text)
    if (this.#written < this.#maxBytes / 2) return takesMore
    if (this.#watch?.isCaughtUp) {
      this.#turn()
      return true
    }
    // Not even what there is at the beginning fits: turning would never end.
    if (this.#written >= this.#maxBytes) this.#fail(new Error('it is too small for so many actors (--trace-max-bytes)'))
    return takesMore
  }

  /** Ends the trace. Fulfilled when all of it is written. Never rejects. */
  async close(): Promise<void> {
    this.#watch?.end()
    await new Promise<void>(resolve => this.#file.end(() => resolve()))
  }

  #open(): WriteStream {
    const fd = openSync(this.#path, 'w', fileMode)
    const file = createWriteStream('', { fd, highWaterMark: maxUnwrittenBytes })
    file.on('drain', () => this.#watch?.drained())
    file.on('error', error => this.#fail(error))
    return file
  }

  #turn(): void {
    const full = this.#file
    full.removeAllListeners('drain')
    full.end()
    try {
      renameSync(this.#path, olderPart(this.#path))
      this.#file = this.#open()
    } catch (error) {
      this.#fail(error as Error)
      return
    }
    this.#written = 0
    // Whoever reads the new file alone must find everything in it.
    this.#watch?.restart()
  }

  #fail(error: Error): void {
    if (this.#watch === undefined) return
    this.#watch.end()
    this.#watch = undefined
    this.#file.end()
    this.#events.failed(error)
  }
}

/** Where the older half of a trace is. */
function olderPart(path: string): string {
  return `${path}.1`
}

/** The files of a trace, the older first. @throws if there is none that can be read */
export function traceParts(path: string): readonly string[] {
  closeSync(openSync(path, 'r'))
  return existsSync(olderPart(path)) ? [olderPart(path), path] : [path]
}

/** The lines of files, one after the other. */
export async function* linesOf(paths: readonly string[]): AsyncGenerator<string> {
  for (const path of paths)
    yield* createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY })
}

/** The longest first line of a trace, in characters. */
const maxHeadCharacters = 4096

/**
 * The head of a trace.
 *
 * @throws {Error} in words, if the file can't be read or is no trace that this program reads
 */
export async function traceHeadOf(path: string): Promise<TraceHead> {
  for (const part of traceParts(path)) {
    for await (const line of linesOf([part])) {
      const head = line.length > maxHeadCharacters ? undefined : parsed(line)
      if (head?.type !== 'trace') throw new Error('this is no trace: its first line is not {"type":"trace",…}')
      if (head.version === traceVersion) return head as TraceHead
      throw new Error(`this trace is of version ${head.version}; this program reads version ${traceVersion}`)
    }
  }
  throw new Error('this trace is empty')
}

function parsed(line: string): { readonly type?: unknown; readonly version?: unknown } | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined
  }
}

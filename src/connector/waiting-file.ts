import { closeSync, constants, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import { isJsonObject, parseJson } from '../protocol/json.ts'

/**
 * What waits: an indicator for its query, a sighting for the bus, or a value that the live matcher was told, for the word
 * that it is not wanted any more.
 */
export type WaitingKind = 'indicator' | 'sighting' | 'ioc'

const kinds: readonly unknown[] = ['indicator', 'sighting', 'ioc'] satisfies WaitingKind[]

/** Something that waits. */
export interface Kept {
  readonly key: number
  readonly kind: WaitingKind
  /** The JSON of an indicator or a sighting; the value itself. */
  readonly text: string
}

/** Keeps what waits, so that it survives the end of the process, or doesn't. */
export interface WaitingStore {
  /** What an earlier run left, in its order. */
  readonly left: readonly Kept[]
  /** Is it kept beyond the end of the process? */
  readonly isKept: boolean
  keep(kind: WaitingKind, text: string): number
  drop(key: number): void
  close(): void
}

/** Keeps nothing: what waits when the process ends is gone. */
export class NoStore implements WaitingStore {
  readonly left = []
  readonly isKept = false
  #last = 0

  keep(): number {
    return ++this.#last
  }

  drop(): void {}

  close(): void {}
}

/** Only its owner reads it: it holds traffic. */
const fileMode = 0o600

/** Bytes that the file may have beyond twice what waits, until it is written anew. */
const slackBytes = 4_194_304

/**
 * Keeps what waits in a file of JSON lines: `{"key":1,"kind":"sighting","text":"…"}` begins to wait, `{"drop":1}` does not
 * wait any more. Each line is with the operating system before the call returns, so it survives the process, however that
 * ends; a power cut may take the last ones. A file that can't be written is told, and the connector goes on without.
 */
export class WaitingFile implements WaitingStore {
  readonly left: readonly Kept[]
  readonly isKept = true
  readonly #path: string
  readonly #failed: (error: unknown) => void
  readonly #waiting = new Map<number, string>()
  #descriptor: number
  #last = 0
  #bytes = 0
  #waitingBytes = 0

  /** Opens or makes the file. `failed` hears when it can't be written. Throws if it can't be opened. */
  constructor(path: string, failed: (error: unknown) => void) {
    this.#path = path
    this.#failed = failed
    this.left = readKept(path)
    for (const kept of this.left) this.#remember(kept.key, lineOf(kept))
    this.#last = this.left.reduce((last, { key }) => Math.max(last, key), 0)
    this.#descriptor = this.#writeAnew()
  }

  keep(kind: WaitingKind, text: string): number {
    const key = ++this.#last
    const line = lineOf({ key, kind, text })
    this.#remember(key, line)
    this.#append(line)
    return key
  }

  drop(key: number): void {
    const line = this.#waiting.get(key)
    if (line === undefined) return
    this.#waiting.delete(key)
    this.#waitingBytes -= Buffer.byteLength(line)
    this.#append(`${JSON.stringify({ drop: key })}\n`)
    if (this.#bytes > 2 * this.#waitingBytes + slackBytes) this.#compact()
  }

  close(): void {
    closeSync(this.#descriptor)
  }

  #remember(key: number, line: string): void {
    this.#waiting.set(key, line)
    this.#waitingBytes += Buffer.byteLength(line)
  }

  #append(line: string): void {
    try {
      this.#bytes += writeSync(this.#descriptor, line)
    } catch (error) {
      this.#failed(error)
    }
  }

  #compact(): void {
    try {
      const before = this.#descriptor
      this.#descriptor = this.#writeAnew()
      closeSync(before)
    } catch (error) {
      this.#failed(error)
    }
  }

  /** Writes what waits to a file of its own, which then takes the old one's place. */
  #writeAnew(): number {
    const anew = `${this.#path}.new`
    const { O_WRONLY, O_CREAT, O_TRUNC, O_APPEND } = constants
    const descriptor = openSync(anew, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, fileMode)
    this.#bytes = 0
    for (const line of this.#waiting.values()) this.#bytes += writeSync(descriptor, line)
    renameSync(anew, this.#path)
    return descriptor
  }
}

function lineOf({ key, kind, text }: Kept): string {
  return `${JSON.stringify({ key, kind, text })}\n`
}

/** What waits according to a file. A line that is none, such as one that was cut off, is passed over. */
function readKept(path: string): Kept[] {
  const kept = new Map<number, Kept>()
  for (const line of readIfThere(path).split('\n')) {
    const record = parseJson(line)
    if (!isJsonObject(record)) continue
    const { key, kind, text, drop } = record
    if (typeof drop === 'number') kept.delete(drop)
    if (typeof key !== 'number' || typeof text !== 'string') continue
    if (kinds.includes(kind)) kept.set(key, { key, kind: kind as WaitingKind, text })
  }
  return [...kept.values()]
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw error
  }
}

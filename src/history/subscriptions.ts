import { type FileHandle, open, readFile, rename, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { z } from 'zod'
import { parseJson } from '../protocol/json.ts'
import { HistoryError } from './history-error.ts'
import { explained, syncDirectory } from './segments.ts'

const position = z.int().min(0)
const storedSubscription = z.object({
  topic: z.string().regex(/^[a-z]{32}$/),
  topics: z.array(z.string()),
  snapshot: z.object({ sinceMs: z.number(), from: position, upTo: position }).optional(),
  exchanges: z.array(z.string()),
  position,
  frames: position,
  confirms: z.boolean(),
  unsentFrom: position.optional(),
  sendsHeartbeats: z.boolean(),
  staleSinceMs: z.number().optional(),
})

/** A subscription as it is kept on disk. */
export interface StoredSubscription {
  /** The p2p topic: a secret. */
  readonly topic: string
  /** What was subscribed to. */
  readonly topics: readonly string[]
  /** The snapshot that it got or is getting from the history, and where in the log that may begin. */
  readonly snapshot?: { readonly sinceMs: number; readonly from: number; readonly upTo: number } | undefined
  /** The ids of its open snapshot exchanges. */
  readonly exchanges: readonly string[]
  /** Sequence number of the next message that it may get. */
  readonly position: number
  /** Frames that it was sent before that one, since the subscribe reply. */
  readonly frames: number
  /** Has it said how many frames it received? */
  readonly confirms: boolean
  /** While it is not known what it received: no message from this sequence number on was ever sent to it. */
  readonly unsentFrom?: number | undefined
  /** Has it ever sent a heartbeat? */
  readonly sendsHeartbeats: boolean
  /** Since when it has been stale, in milliseconds since the epoch; absent while it was joined. */
  readonly staleSinceMs?: number | undefined
}

/** What the journal tells its owner. */
export interface JournalEvents {
  /** Writing fails. Said once, until it works again. */
  failing(error: unknown): void
  recovered(): void
  /** So many lines of the file are not what was written, and were passed over. */
  damaged(path: string, lines: number): void
}

/** The first line of the file. */
const formatLine = 'threatbus subscriptions '
const formatVersion = 1

/** The file is rewritten when it has this many bytes and most of them are history. */
const compactFromBytes = 1_048_576
const mostlyHistory = 4

/** How long after a failure writing is tried again. */
const retryMs = 1000

/**
 * The subscriptions, on disk: a file with a line for each change, which is rewritten when most of it is outdated. A line
 * begins with the CRC-32 of the rest of it.
 */
export class Subscriptions {
  readonly #path: string
  readonly #events: JournalEvents
  readonly #records: Map<string, StoredSubscription>
  #file: FileHandle | undefined
  /** Bytes of the file, and of what it would have if it were rewritten now. */
  #bytes = 0
  #compactBytes = 0
  #lines: string[] = []
  #writing: Promise<void> | undefined
  #failure: unknown
  #retry: NodeJS.Timeout | undefined
  #closed = false

  private constructor(path: string, records: Map<string, StoredSubscription>, events: JournalEvents) {
    this.#path = path
    this.#records = records
    this.#events = events
  }

  /** Reads the subscriptions in a directory. Throws {@link HistoryError} if they can't be used. */
  static async open(directory: string, events: JournalEvents): Promise<Subscriptions> {
    const path = join(directory, 'subscriptions.journal')
    try {
      const { records, damaged } = parse(await readIfThere(path), path)
      if (damaged > 0) events.damaged(path, damaged)
      const subscriptions = new Subscriptions(path, records, events)
      await subscriptions.#rewrite()
      return subscriptions
    } catch (error) {
      throw explained(directory, error)
    }
  }

  /** All subscriptions. */
  records(): readonly StoredSubscription[] {
    return [...this.#records.values()]
  }

  /** Keeps a subscription, in place of what was kept of it. */
  put(record: StoredSubscription): void {
    this.#records.set(record.topic, record)
    this.#write(JSON.stringify({ put: record }))
  }

  /** Keeps where in the log a subscriber is. */
  move(topic: string, position: number, frames: number): void {
    const record = this.#records.get(topic)
    if (record === undefined) return
    this.#records.set(topic, { ...record, position, frames })
    this.#write(JSON.stringify({ move: [topic, position, frames] }))
  }

  /** Forgets a subscription. */
  remove(topic: string): void {
    if (this.#records.delete(topic)) this.#write(JSON.stringify({ remove: topic }))
  }

  /** Fulfilled when everything is with the operating system, safe from the end of this process; rejects while that fails. */
  async written(): Promise<void> {
    while (this.#failure === undefined && (this.#lines.length > 0 || this.#writing !== undefined)) await this.#writing
    if (this.#failure !== undefined) throw this.#failure
  }

  /** Writes what is to be written, if it can be, and closes. Never rejects. */
  async close(): Promise<void> {
    await this.written().catch(() => {})
    this.#closed = true
    clearTimeout(this.#retry)
    await this.#file?.datasync().catch(() => {})
    await this.#file?.close().catch(() => {})
  }

  #write(change: string): void {
    this.#lines.push(lineOf(change))
    this.#run()
  }

  #run(): void {
    this.#writing ??= this.#work().finally(() => {
      this.#writing = undefined
    })
  }

  async #work(): Promise<void> {
    // Whoever changes several things at once has them written at once.
    await undefined
    while (this.#lines.length > 0 && this.#failure === undefined) {
      try {
        if (this.#bytes > compactFromBytes && this.#bytes > mostlyHistory * this.#compactBytes) await this.#rewrite()
        else await this.#append()
      } catch (error) {
        this.#fail(error)
      }
    }
  }

  async #append(): Promise<void> {
    const text = Buffer.from(this.#lines.join(''))
    this.#lines = []
    for (let at = 0; at < text.length; ) {
      const { bytesWritten } = (await this.#file?.write(text, at, text.length - at, this.#bytes + at)) ?? nothing
      at += bytesWritten
    }
    this.#bytes += text.length
  }

  /** Writes a new file of what there is, and puts it in the place of the old one. */
  async #rewrite(): Promise<void> {
    this.#lines = []
    const lines = this.records().map(record => lineOf(JSON.stringify({ put: record })))
    const text = `${formatLine}${formatVersion}\n${lines.join('')}`
    const path = `${this.#path}.new`
    const file = await open(path, 'w', 0o600)
    try {
      await file.writeFile(text)
      await file.datasync()
      await rename(path, this.#path)
    } catch (error) {
      await file.close()
      await unlink(path).catch(() => {})
      throw error
    }
    await this.#file?.close()
    this.#file = file
    this.#bytes = this.#compactBytes = Buffer.byteLength(text)
    await syncDirectory(join(this.#path, '..'))
  }

  #fail(error: unknown): void {
    if (this.#failure === undefined) this.#events.failing(error)
    this.#failure = error ?? new Error('writing failed')
    this.#retry = setTimeout(() => this.#tryAgain(), retryMs).unref()
  }

  /** What was to be appended is lost, but not what there is: that is written as a whole. */
  async #tryAgain(): Promise<void> {
    if (this.#closed) return
    try {
      await this.#rewrite()
      this.#failure = undefined
      this.#events.recovered()
      this.#run()
    } catch (error) {
      this.#fail(error)
    }
  }
}

const nothing = { bytesWritten: 0 }

function lineOf(change: string): string {
  return `${checksum(change)} ${change}\n`
}

function checksum(text: string): string {
  return crc32(text).toString(16).padStart(8, '0')
}

async function readIfThere(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw error
  }
}

/** Reads the file. A line that is not what was written is passed over. */
function parse(text: string, path: string) {
  const records = new Map<string, StoredSubscription>()
  const lines = text.split('\n')
  // What comes after the last line break was torn by a crash.
  lines.pop()
  const format = lines.shift()
  if (format === undefined) return { records, damaged: 0 }
  if (!format.startsWith(formatLine)) {
    throw new HistoryError(`${path} is not a list of subscriptions: move it away, or choose another history.path`)
  }
  const version = Number(format.slice(formatLine.length))
  if (!(version <= formatVersion)) {
    throw new HistoryError(
      `${path} was made by a newer version of threatbus (format ${version}, this one knows ${formatVersion}): use that version, or choose another history.path`,
    )
  }
  let damaged = 0
  for (const line of lines) if (!applyLine(line, records)) damaged++
  return { records, damaged }
}

const change = z.union([
  z.object({ put: storedSubscription }),
  z.object({ move: z.tuple([z.string(), position, position]) }),
  z.object({ remove: z.string() }),
])

function applyLine(line: string, records: Map<string, StoredSubscription>): boolean {
  const text = line.slice(9)
  if (line.slice(0, 9) !== `${checksum(text)} `) return false
  const parsed = change.safeParse(parseJson(text))
  if (!parsed.success) return false
  if ('put' in parsed.data) records.set(parsed.data.put.topic, parsed.data.put)
  else if ('remove' in parsed.data) records.delete(parsed.data.remove)
  else {
    const [topic, position, frames] = parsed.data.move
    const record = records.get(topic)
    if (record) records.set(topic, { ...record, position, frames })
  }
  return true
}

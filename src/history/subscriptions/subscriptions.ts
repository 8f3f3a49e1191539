import { join } from 'node:path'
import { GroupWriter, type WritingEvents } from '../group-writer.ts'
import { HistoryError } from '../history-error.ts'
import { reasonOf } from '../reason.ts'
import { JournalFile, linesIn, type OpenFile } from './journal-file.ts'
import {
  headerLine,
  type JournalContent,
  moveLine,
  putLine,
  readJournal,
  removeLine,
  type SkippedLines,
} from './journal-lines.ts'
import type { StoredSubscription } from './stored-subscription.ts'

/** The name of the journal in the history directory. */
export const subscriptionsFile = 'subscriptions.journal'

/** What the journal tells its owner. */
export interface JournalEvents extends WritingEvents {
  /** Lines of the file that were damaged, or not to be trusted, were skipped. */
  onSkipped(lines: SkippedLines): void
}

/** How the journal is kept; every value has a default. */
export interface JournalOptions {
  /** After a failure, writing is tried again every so many milliseconds. Default 1000. */
  readonly retryMs?: number
  /** The file isn't rewritten before it has more than so many bytes. Default 1 MiB. */
  readonly compactAbove?: number
  readonly openFile?: OpenFile
}

/**
 * Opens the journal of subscriptions in a history directory, which exists and which this process owns: reads what there
 * is, and writes it afresh in the background.
 *
 * @throws HistoryError if it can't be read, or was made by a newer version
 */
export async function openSubscriptions(
  directory: string,
  events: JournalEvents,
  options: JournalOptions = {},
): Promise<SubscriptionJournal> {
  const path = join(directory, subscriptionsFile)
  const { records, skipped } = await readJournal(linesIn(path), path).catch(error => {
    if (error instanceof HistoryError) throw error
    throw new HistoryError(
      `the journal of subscriptions ${path} can't be read (${reasonOf(error)}): make it readable for this user, or move it ` +
        'away, and the broker starts without the subscriptions that are in it',
      { cause: error },
    )
  })
  const journal = new SubscriptionJournal(path, records, events, options)
  if (skipped.count > 0) events.onSkipped(skipped)
  return journal
}

/** A subscription with what is in the file about it. */
interface Entry {
  record: StoredSubscription
  /** The id of the line that the file's state of it is from; undefined while there is none. */
  line: number | undefined
  /** The length of that line, in bytes. */
  bytes: number
}

/** How many characters are written at once: other work is done between. */
const partLength = 65_536

/** A rewrite is worth it once the file has this many times what the subscriptions need. */
const compactFactor = 4

/**
 * The subscriptions, by p2p topic, in memory and in a file of changes. The memory is the truth: changes count at once and
 * never throw, and are written in the background, in groups.
 */
export class SubscriptionJournal {
  readonly #entries = new Map<string, Entry>()
  readonly #file: JournalFile
  readonly #writer: GroupWriter
  readonly #compactAbove: number
  /** What has changed since the last group: the subscription as a whole (or it is gone), or how far it has come. */
  #changed = new Map<string, 'all' | 'moved'>()
  /** Why nothing may be written any more. */
  #end: Error | undefined
  #nextLine = 0
  /** What the lines of the subscriptions that there are have together. */
  #liveBytes = 0

  /** For {@link openSubscriptions}. */
  constructor(path: string, records: JournalContent['records'], events: JournalEvents, options: JournalOptions) {
    for (const [topic, record] of records) this.#entries.set(topic, { record, line: undefined, bytes: 0 })
    this.#file = new JournalFile(path, options.openFile)
    this.#compactAbove = options.compactAbove ?? 1_048_576
    const target = {
      write: (scope: 'changes' | 'everything') => this.#write(scope),
      sync: () => this.#file.sync(),
      close: () => this.#file.close(),
    }
    this.#writer = new GroupWriter(target, events, options.retryMs ?? 1000)
    this.#writer.changed()
  }

  /** Does writing fail at present? */
  get isFailing(): boolean {
    return this.#writer.isFailing
  }

  /** Bytes of the file. */
  get bytes(): number {
    return this.#file.size
  }

  /** How many subscriptions there are. */
  get size(): number {
    return this.#entries.size
  }

  /** The subscription with this p2p topic. */
  get(topic: string): StoredSubscription | undefined {
    return this.#entries.get(topic)?.record
  }

  /** All subscriptions, the oldest first. */
  all(): StoredSubscription[] {
    return Array.from(this.#entries.values(), ({ record }) => record)
  }

  /** Adds a subscription, or replaces what was known of it. */
  put(record: StoredSubscription): void {
    const entry = this.#entries.get(record.topic)
    if (entry === undefined) this.#entries.set(record.topic, { record, line: undefined, bytes: 0 })
    else entry.record = record
    this.#change(record.topic, 'all')
  }

  /** A subscription has come so far ({@link StoredSubscription.position} and `frames`). Ignored if it isn't there. */
  move(topic: string, position: number, frames: number): void {
    const entry = this.#entries.get(topic)
    if (entry === undefined) return
    entry.record = { ...entry.record, position, frames }
    if (this.#changed.get(topic) !== 'all') this.#change(topic, 'moved')
  }

  /** Forgets a subscription. */
  remove(topic: string): void {
    const entry = this.#entries.get(topic)
    if (entry === undefined) return
    this.#entries.delete(topic)
    this.#liveBytes -= entry.bytes
    // Who came and went before it was written leaves no trace: while the disk is slow, as many may as will.
    if (entry.line === undefined) this.#changed.delete(topic)
    else this.#change(topic, 'all')
  }

  /**
   * Fulfilled once all changes so far are with the operating system: the end of this process can't undo them.
   * Rejects with a HistoryError while writing fails, and for changes that {@link close} came before.
   */
  written(): Promise<void> {
    return this.#writer.written(false)
  }

  /** As {@link written}, and they are on disk: a power cut can't undo them. */
  synced(): Promise<void> {
    return this.#writer.written(true)
  }

  /** Looks whether the file is still there; if not, it is written anew. */
  async verify(): Promise<void> {
    if (await this.#file.isInPlace()) return
    this.#writer.distrust(new HistoryError(`${subscriptionsFile} is gone: it is written anew`))
  }

  /** Nothing is written any more, because of this. */
  abandon(error: Error): void {
    this.#end = error
    this.#writer.distrust(error)
  }

  /** Writes what is not written yet, if it can, and closes the file. Later changes are not written. Never rejects. */
  close(): Promise<void> {
    return this.#writer.close()
  }

  #change(topic: string, what: 'all' | 'moved'): void {
    this.#changed.set(topic, what)
    this.#writer.changed()
  }

  async #write(scope: 'changes' | 'everything'): Promise<void> {
    if (this.#end !== undefined) throw this.#end
    const changed = this.#changed
    this.#changed = new Map()
    const large = this.#file.size > this.#compactAbove && this.#file.size > compactFactor * this.#liveBytes
    if (scope === 'everything' || large) {
      await this.#file.replace(this.#everything())
      return
    }
    let text = ''
    for (const [topic, what] of changed) {
      text += this.#lineFor(topic, what)
      if (text.length < partLength) continue
      await this.#file.append(text)
      text = ''
    }
    await this.#file.append(text)
  }

  #lineFor(topic: string, what: 'all' | 'moved'): string {
    const entry = this.#entries.get(topic)
    if (entry === undefined) return removeLine(topic)
    return what === 'all' || entry.line === undefined ? this.#putLine(entry) : moveLine(entry.line, entry.record)
  }

  /** A new line for a subscription, which counts from now on. */
  #putLine(entry: Entry): string {
    const id = this.#nextLine++
    const line = putLine(id, entry.record)
    const bytes = Buffer.byteLength(line)
    this.#liveBytes += bytes - entry.bytes
    entry.line = id
    entry.bytes = bytes
    return line
  }

  /**
   * The whole file, in parts. Subscriptions go on changing while it is written; whatever has changed since it was begun is
   * written after it once more.
   */
  *#everything(): Generator<string> {
    let part = headerLine
    for (const topic of [...this.#entries.keys()]) {
      const entry = this.#entries.get(topic)
      if (entry !== undefined) part += this.#putLine(entry)
      if (part.length < partLength) continue
      yield part
      part = ''
    }
    yield part
  }
}

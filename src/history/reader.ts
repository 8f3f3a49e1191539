import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { LoggedBatch } from '../delivery/batch.ts'
import type { SnapshotSelection } from '../delivery/message-store.ts'
import type { MessageType } from '../protocol/topics.ts'
import { HistoryError } from './history-error.ts'
import { readMessages, readTable } from './log/record.ts'
import { type FoundRecord, Segment, segmentFileName, UnreadableSegmentError } from './log/segment.ts'
import { segmentHeaderBytes } from './log/segment-header.ts'
import { explained, firstsIn, segmentsSince, unvisitedBefore } from './log/segments.ts'
import { codeOf } from './reason.ts'
import { defaultAtOnce, select } from './selection/select.ts'
import { LogSelection } from './selection/selection.ts'

/** A message's place in the log. */
export interface LogPlace {
  readonly sequence: number
  /** When it was accepted, in milliseconds since the epoch. */
  readonly acceptedMs: number
}

/** What a log has, as far as it can be read. */
export interface LogDescription {
  /** Files of the log, and their bytes. */
  readonly segments: number
  readonly bytes: number
  /** Messages for everyone, by type. */
  readonly messages: Readonly<Record<MessageType, number>>
  /** Messages that are for some subscribers only: requests for snapshots, and what applications answered. */
  readonly others: number
  /** Undefined if there is no message. */
  readonly oldest: LogPlace | undefined
  readonly newest: LogPlace | undefined
}

/** There is no such directory, or it is something else. */
export class NoSuchHistoryError extends HistoryError {}

/**
 * Reads the log in a directory while a broker writes it, or while none does. It writes nothing and takes no lock.
 *
 * It reads what was there when it was opened, to the last record that was whole then. What retention deletes meanwhile it
 * still has: its files are open.
 */
export class LogReader {
  readonly #segments: readonly Segment[]
  /** Bytes by file, and where in it. */
  readonly #damaged: Map<string, number>

  private constructor(segments: readonly Segment[], damaged: Map<string, number>) {
    this.#segments = segments
    this.#damaged = damaged
  }

  /**
   * Opens the log in a directory. It ends with {@link close}.
   *
   * @throws NoSuchHistoryError if there is no directory; HistoryError if it can't be read
   */
  static async open(directory: string): Promise<LogReader> {
    const segments: Segment[] = []
    const unreadable = new Map<string, number>()
    try {
      // Whoever begins a segment writes no more to those before it: all but the last are complete once they are listed.
      const firsts = await firstsIn(directory)
      for (const first of firsts) {
        const opened = await openIfThere(join(directory, segmentFileName(first)), first)
        if (opened instanceof Segment) segments.push(opened)
        else if (opened) unreadable.set(opened.path, opened.bytes)
      }
      return new LogReader(segments, unreadable)
    } catch (error) {
      for (const segment of segments) await segment.retire()
      if (codeOf(error) === 'ENOENT') throw new NoSuchHistoryError(`there is no history in ${directory}`)
      if (codeOf(error) === 'ENOTDIR') throw new NoSuchHistoryError(`${directory} is no directory of a history`)
      throw explained(directory, error)
    }
  }

  /** Bytes that could not be read because they are damaged, of what was read so far. */
  get damagedBytes(): number {
    let total = 0
    for (const bytes of this.#damaged.values()) total += bytes
    return total
  }

  /**
   * The messages, from the oldest on, in batches as they are on disk: `frame` is the type, a space and the body, `object`
   * is not there. Only those accepted at `sinceMs` (milliseconds since the epoch) or later.
   */
  async *batches(sinceMs = 0): AsyncGenerator<LoggedBatch, void, undefined> {
    for await (const { header, bytes, at } of this.#records(sinceMs)) yield readMessages(bytes, at, header)
  }

  /**
   * Finds out which messages for everyone are the latest versions of their objects, without those that remove one, among
   * those accepted at `sinceMs` (milliseconds since the epoch) or later.
   */
  async latest(types: readonly MessageType[], sinceMs = 0): Promise<SnapshotSelection> {
    const segments = segmentsSince(this.#segments, sinceMs)
    const upTo = await this.#lastSequence()
    const criteria = { sinceMs, earliestEnd: upTo, latestEnd: upTo, maxVersions: 0 }
    const search = { maxAtOnce: defaultAtOnce, unvisitedMs: unvisitedBefore(segments, this.#segments) }
    return new LogSelection(criteria, await select(segments, criteria, search)).within({ sinceMs, upTo }, types)
  }

  /** Reads everything, and says what there is. */
  async describe(): Promise<LogDescription> {
    const messages = { indicator: 0, sighting: 0 }
    let others = 0
    let oldest: LogPlace | undefined
    let newest: LogPlace | undefined
    for await (const { header, bytes, at } of this.#records(0)) {
      oldest ??= { sequence: header.first, acceptedMs: header.acceptedMs }
      newest = { sequence: header.first + header.count - 1, acceptedMs: header.acceptedMs }
      for (const { type, audience } of readTable(bytes, at, header)) {
        if (audience === undefined && type !== 'snapshotrequest') messages[type]++
        else others++
      }
    }
    const bytes = this.#segments.reduce((total, { size }) => total + size, 0)
    return { segments: this.#segments.length, bytes, messages, others, oldest, newest }
  }

  /** Lets go of the files. */
  async close(): Promise<void> {
    for (const segment of this.#segments) await segment.retire()
  }

  /** The intact records that were accepted at this time or later. */
  async *#records(sinceMs: number): AsyncGenerator<FoundRecord, void, undefined> {
    let next = 1
    for (const segment of segmentsSince(this.#segments, sinceMs)) {
      for await (const record of this.#intactRecords(segment)) {
        // Behind a write that failed, what it left may be there once more.
        if (record.header.first < next) continue
        next = record.header.first + record.header.count
        if (record.header.acceptedMs >= sinceMs) yield record
      }
    }
  }

  #intactRecords(segment: Segment): AsyncGenerator<FoundRecord, void, undefined> {
    return segment.records(segmentHeaderBytes, (offset, bytes) => {
      // At the end of the last one it is what is being written, or what a crash has left.
      if (segment === this.#segments.at(-1) && offset + bytes === segment.size) return
      this.#damaged.set(`${segment.path}:${offset}`, bytes)
    })
  }

  async #lastSequence(): Promise<number> {
    const last = this.#segments.at(-1)
    if (last === undefined) return 0
    let next = last.first
    for await (const { header } of this.#intactRecords(last)) next = Math.max(next, header.first + header.count)
    return next - 1
  }
}

/**
 * Opens a segment, unless retention has deleted it meanwhile, or nothing is behind its header, if that is there at all. Of
 * one in which nothing can be read it tells the bytes.
 */
async function openIfThere(
  path: string,
  first: number,
): Promise<Segment | { readonly path: string; readonly bytes: number } | undefined> {
  try {
    const { size } = await stat(path)
    if (size <= segmentHeaderBytes) return undefined
    return await Segment.open(path, first, 'r').catch(error => {
      if (!(error instanceof UnreadableSegmentError)) throw error
      return { path, bytes: size }
    })
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
}

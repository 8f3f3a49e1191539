import { crc32 } from 'node:zlib'
import * as z from 'zod'
import { HistoryError } from '../history-error.ts'
import { countSchema, type StoredSubscription, storedSubscriptionSchema, topicSchema } from './stored-subscription.ts'

/** What the first line says. The version changes when an older broker would misread the file. */
const header = { format: 'threatbus subscriptions', version: 1 } as const

/** The first line of a journal. */
export const headerLine = lineOf(header)

/**
 * A subscription as it is now. `id` is this line's own and never used again in the file: moves refer to it, so that none
 * is ever applied to another state of the subscription when a line in between is damaged.
 */
export function putLine(id: number, record: StoredSubscription): string {
  return lineOf({ id, put: record })
}

/** How far the subscription of that line has come: {@link StoredSubscription.position} and `frames`. */
export function moveLine(id: number, { position, frames }: StoredSubscription): string {
  return lineOf([id, position, frames])
}

/** The subscription is gone. */
export function removeLine(topic: string): string {
  return lineOf({ remove: topic })
}

/** A change is one line: the CRC-32 of the rest in eight hexadecimal digits, a space, and JSON. */
function lineOf(value: unknown): string {
  const json = JSON.stringify(value)
  return `${checksum(json)} ${json}\n`
}

function checksum(json: string | Uint8Array): string {
  return crc32(json).toString(16).padStart(8, '0')
}

/** What a journal holds. */
export interface JournalContent {
  readonly records: ReadonlyMap<string, StoredSubscription>
  /** Lines that were damaged, or not to be trusted, and were skipped. */
  readonly skipped: SkippedLines
}

/** Lines of a journal that were skipped. */
export interface SkippedLines {
  readonly count: number
  /** Their numbers, of the first thousand. The first line is 1. */
  readonly numbers: readonly number[]
}

const moveSchema = z.tuple([countSchema, countSchema, countSchema])
const putSchema = z.object({ id: countSchema, put: storedSubscriptionSchema })
const removeSchema = z.object({ remove: topicSchema })
const headerSchema = z.object({ format: z.literal(header.format), version: countSchema })

/** Numbers of skipped lines that are kept. */
const maxNumbers = 1000

/**
 * Reads the lines of a journal. A last one without an end was being written when the process or the machine stopped: it is
 * left out.
 *
 * @param lines undefined for one that is longer than any that was ever written
 * @param path for the error's text
 * @throws HistoryError if it has a newer format
 */
export async function readJournal(lines: AsyncIterable<Buffer | undefined>, path: string): Promise<JournalContent> {
  const reading = new Reading(path)
  const numbers: number[] = []
  let count = 0
  let number = 0
  for await (const line of lines) {
    number++
    if (reading.take(line && valueIn(line), number === 1)) continue
    count++
    if (numbers.length < maxNumbers) numbers.push(number)
  }
  return { records: reading.records, skipped: { count, numbers } }
}

/** What an undamaged line says; undefined if it is damaged. */
function valueIn(line: Buffer): unknown {
  const json = line.subarray(9)
  if (json.length === 0 || line[8] !== 32 || line.toString('latin1', 0, 8) !== checksum(json)) return undefined
  try {
    return JSON.parse(json.toString('utf8'))
  } catch {
    return undefined
  }
}

class Reading {
  readonly #path: string
  readonly records = new Map<string, StoredSubscription>()
  /** By the topic, the line that the subscription's state is from; and back. */
  readonly #lines = new Map<string, number>()
  readonly #topics = new Map<number, string>()

  constructor(path: string) {
    this.#path = path
  }

  /** False if the line isn't one of ours, or refers to one that is damaged. */
  take(value: unknown, isFirst: boolean): boolean {
    if (isFirst) return this.#begin(value)
    if (Array.isArray(value)) return this.#move(value)
    if (typeof value !== 'object' || value === null) return false
    return 'put' in value ? this.#put(value) : this.#remove(value)
  }

  /** A first line that is damaged is skipped as any other is: each line shows for itself that it is undamaged. */
  #begin(value: unknown): boolean {
    const { success, data } = headerSchema.safeParse(value)
    if (success && data.version > header.version) {
      throw new HistoryError(
        `${this.#path} was made by a newer version of threatbus (it has format ${data.version}, this one knows ` +
          `${header.version}): use that version, or move the directory away`,
      )
    }
    return success
  }

  #put(value: object): boolean {
    const { success, data } = putSchema.safeParse(value)
    if (!success) return false
    this.#forget(data.put.topic)
    this.records.set(data.put.topic, data.put)
    this.#lines.set(data.put.topic, data.id)
    this.#topics.set(data.id, data.put.topic)
    return true
  }

  #move(value: unknown[]): boolean {
    const { success, data } = moveSchema.safeParse(value)
    const topic = success ? this.#topics.get(data[0]) : undefined
    const record = topic === undefined ? undefined : this.records.get(topic)
    if (!success || record === undefined) return false
    this.records.set(record.topic, { ...record, position: data[1], frames: data[2] })
    return true
  }

  #remove(value: object): boolean {
    const { success, data } = removeSchema.safeParse(value)
    if (success) this.#forget(data.remove)
    return success
  }

  #forget(topic: string): void {
    const line = this.#lines.get(topic)
    if (line === undefined) return
    this.#topics.delete(line)
    this.#lines.delete(topic)
    this.records.delete(topic)
  }
}

import { join } from 'node:path'
import { printable, printableJson } from '../config/printable.ts'
import { describeOwner, ownerInWords } from '../history/lock/lock.ts'
import type { OwnerDescription } from '../history/lock/owner.ts'
import { type LogDescription, type LogPlace, LogReader } from '../history/reader.ts'
import { linesIn } from '../history/subscriptions/journal-file.ts'
import { readJournal } from '../history/subscriptions/journal-lines.ts'
import { subscriptionsFile } from '../history/subscriptions/subscriptions.ts'
import { exitCodes } from './exit-codes.ts'
import { directoryOf, type HistoryOptions, sayHistoryFailure } from './history-directory.ts'

/** Options of `threatbus history info`. */
export interface InfoOptions extends HistoryOptions {
  /** For programs. */
  readonly json?: boolean
}

interface HistoryInfo {
  readonly directory: string
  /** Undefined: no process uses it. */
  readonly owner: OwnerDescription | undefined
  readonly log: LogDescription
  readonly damagedBytes: number
  readonly subscriptions: number
}

/** Prints what is in a history and who uses it. Answers the exit code. */
export async function historyInfo(options: InfoOptions): Promise<number> {
  const directory = directoryOf(options)
  if (directory === undefined) return exitCodes.badConfiguration
  // Whoever reads it may have seen enough.
  process.stdout.on('error', () => {})
  try {
    const info = await read(directory)
    process.stdout.write(options.json ? `${printableJson(JSON.stringify(forPrograms(info)))}\n` : forPeople(info))
    return exitCodes.ok
  } catch (error) {
    return sayHistoryFailure(error)
  }
}

async function read(directory: string): Promise<HistoryInfo> {
  const reader = await LogReader.open(directory)
  try {
    const owner = await describeOwner(directory)
    const log = await reader.describe()
    return { directory, owner, log, damagedBytes: reader.damagedBytes, subscriptions: await countIn(directory) }
  } finally {
    await reader.close()
  }
}

/** How many subscriptions a history has. Their p2p topics are nobody's business. */
async function countIn(directory: string): Promise<number> {
  const path = join(directory, subscriptionsFile)
  return (await readJournal(linesIn(path), path)).records.size
}

function forPeople({ directory, owner, log, damagedBytes, subscriptions }: HistoryInfo): string {
  const { indicator, sighting } = log.messages
  const lines: readonly (readonly [string, string])[] = [
    ['directory', directory],
    ['in use by', owner === undefined ? 'nobody' : ownerInWords(owner)],
    ['messages', `${indicator + sighting} (indicator ${indicator}, sighting ${sighting})`],
    ...(log.others === 0 ? [] : [['for some only', `${log.others} (of snapshots)`] as const]),
    ['oldest', placeInWords(log.oldest)],
    ['newest', placeInWords(log.newest)],
    ['bytes', `${log.bytes}${damagedBytes === 0 ? '' : `, ${damagedBytes} of them damaged`}`],
    ['segments', `${log.segments}`],
    ['subscriptions', `${subscriptions}`],
  ]
  const width = Math.max(...lines.map(([name]) => name.length))
  return lines.map(([name, value]) => `${name.padEnd(width)}  ${printable(value)}\n`).join('')
}

function placeInWords(place: LogPlace | undefined): string {
  return place === undefined ? 'none' : `${place.sequence}, ${timeOf(place)}`
}

function timeOf({ acceptedMs }: LogPlace): string {
  return new Date(acceptedMs).toISOString()
}

function forPrograms({ directory, owner, log, damagedBytes, subscriptions }: HistoryInfo): object {
  const place = (of: LogPlace | undefined) => (of === undefined ? null : { sequence: of.sequence, time: timeOf(of) })
  return {
    directory,
    owner: owner === undefined ? null : { process: owner.pid ?? null, ...owner.details },
    messages: log.messages,
    others: log.others,
    oldest: place(log.oldest),
    newest: place(log.newest),
    bytes: log.bytes,
    damaged_bytes: damagedBytes,
    segments: log.segments,
    subscriptions,
  }
}

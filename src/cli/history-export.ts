import { randomUUID } from 'node:crypto'
import { LogReader } from '../history/reader.ts'
import { bodyOf } from '../protocol/message.ts'
import { counted } from '../protocol/quantities.ts'
import type { MessageType } from '../protocol/topics.ts'
import { acceptedMark } from './accepted-times.ts'
import { say } from './bus-options.ts'
import { exitCodes } from './exit-codes.ts'
import { directoryOf, type HistoryOptions, sayHistoryFailure } from './history-directory.ts'
import { LineOutput, onOneLine } from './line-output.ts'
import { abortOnSignal, signalExitCode } from './signals.ts'

/** Options of `threatbus history export`. */
export interface ExportOptions extends HistoryOptions {
  /** Only what was accepted at this time or later, in milliseconds since the epoch. Without it, everything. */
  readonly since?: number
  /** Only objects of this type. */
  readonly type?: MessageType
  /** One object a line, or all of them in one bundle. */
  readonly format: 'lines' | 'bundle'
  /** Of each object its latest version, without those that were revoked or removed. */
  readonly latest?: boolean
  /** Say also when they were accepted, what `history import` needs of a backup? Default: with lines; a bundle is for others. */
  readonly times?: boolean
}

/**
 * Prints the objects in a history, whether a broker uses it or not. Answers the exit code; that nobody reads the output
 * any more is an end like any other.
 */
export async function exportHistory(options: ExportOptions): Promise<number> {
  const directory = directoryOf(options)
  if (directory === undefined) return exitCodes.badConfiguration
  const signal = abortOnSignal()
  const output = new LineOutput(process.stdout)
  let exitCode: number = exitCodes.ok
  try {
    const reader = await LogReader.open(directory)
    try {
      const objects = objectsIn(reader, options, AbortSignal.any([signal, output.closed]))
      await (options.format === 'bundle' ? writeBundle(objects, output) : writeLines(objects, output))
    } finally {
      await reader.close()
    }
    const { damagedBytes } = reader
    if (damagedBytes > 0) say(`the history is damaged: ${counted(damagedBytes, 'byte')} passed over`)
  } catch (error) {
    if (signal.aborted) exitCode = signalExitCode(signal.reason)
    else if (!output.closed.aborted) exitCode = sayHistoryFailure(error)
  }
  await output.flush()
  if (output.closed.aborted && !output.readerLeft) return sayHistoryFailure(output.closed.reason)
  return exitCode
}

/** The texts of the objects that are wanted, in the order in which they were accepted, and of what says when that was. */
async function* objectsIn(
  reader: LogReader,
  { since = 0, type, latest, format, times = format === 'lines' }: ExportOptions,
  signal: AbortSignal,
): AsyncGenerator<string> {
  const types = type === undefined ? (['indicator', 'sighting'] as const) : [type]
  const selection = latest ? await reader.latest(types, since) : undefined
  let saidMs: number | undefined
  for await (const { messages, first, acceptedMs } of reader.batches(since)) {
    for (const [index, message] of messages.entries()) {
      if (message.audience !== undefined || message.type === 'snapshotrequest' || !types.includes(message.type))
        continue
      if (selection !== undefined && !selection.has(first + index)) continue
      signal.throwIfAborted()
      if (times && acceptedMs !== saidMs) yield acceptedMark(acceptedMs)
      saidMs = acceptedMs
      yield bodyOf(message)
    }
    signal.throwIfAborted()
  }
}

async function writeLines(objects: AsyncIterable<string>, output: LineOutput): Promise<void> {
  for await (const object of objects) await output.write(onOneLine(object))
}

/** Writes a bundle as its objects come. One without objects has no list of them: STIX has no empty lists. */
async function writeBundle(objects: AsyncIterable<string>, output: LineOutput): Promise<void> {
  const head = `{"type":"bundle","id":"bundle--${randomUUID()}"`
  let last: string | undefined
  for await (const object of objects) {
    await output.write(last === undefined ? `${head},"objects":[` : `${last},`)
    last = object
  }
  await output.write(last === undefined ? `${head}}` : `${last}]}`)
}

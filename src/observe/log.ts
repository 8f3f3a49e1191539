import { closeSync, openSync } from 'node:fs'
import { resolve } from 'node:path'
import { isatty } from 'node:tty'
import { type DestinationStream, type Level, type Logger, multistream, pino } from 'pino'
import type { Logging, LogLevel } from '../config/logging.ts'
import { printableJson } from '../config/printable.ts'
import { LineWriter, type LossReport } from './line-writer.ts'
import { terminalRenderer } from './terminal.ts'

/** pino's names of the original's log levels, which are pino's methods: `logger.warn` logs a WARNING. */
const pinoLevels = {
  DEBUG: 'debug',
  INFO: 'info',
  WARNING: 'warn',
  ERROR: 'error',
  CRITICAL: 'fatal',
} as const satisfies Record<LogLevel, Level>

/** The original's name of each of pino's levels. */
const levelNames = Object.fromEntries(Object.entries(pinoLevels).map(([name, level]) => [level, name]))

/** The permissions of a new log file, before the umask: its owner writes, its group reads. */
const logFileMode = 0o640

/** Where console lines go. */
export interface ConsoleStream {
  /** Takes a line, which ends in a newline, at once. */
  write(line: string): unknown
  /** Is it a terminal? Then lines are readable, else JSON. */
  readonly isTTY?: boolean | undefined
}

/** How a log is made, apart from its configuration. */
export interface LogOptions {
  /** The program's name, in every line. Default `threatbus`. */
  readonly name?: string
  /** Default: standard error, so that standard output is left to what a command prints. */
  readonly console?: ConsoleStream
  /** Read for `NO_COLOR` and `TERM`. Default: the process's. */
  readonly env?: Readonly<Record<string, string | undefined>>
}

/** A log, and what can be done with it besides logging. */
export interface Log {
  readonly logger: Logger
  /**
   * Opens the log file anew, under its name: after logrotate moved it away. The program calls it on SIGHUP. If that
   * fails, the old file goes on and an ERROR says so. Does nothing without a file.
   */
  reopen(): void
  /** Closes the log file. The console stays. */
  close(): void
}

/**
 * Makes a log as configured: to the console, to a file, to both at their own levels, or to neither. Lines are written
 * before the logging call returns (line-writer.ts says why).
 *
 * @throws {Error} with one plain sentence if the log file can't be opened
 */
export async function createLog(logging: Logging, options: LogOptions = {}): Promise<Log> {
  const streams: { level: Level; stream: DestinationStream }[] = []
  if (logging.console) {
    const stream = await consoleStream(options)
    streams.push({ level: pinoLevels[logging.console_verbosity], stream })
  }
  const file = logging.file
    ? openLogFile(logging.filename, {
        began: err => logger.error({ err }, 'the log file refuses lines; they are lost to it'),
        ended: lost => logger.warn({ lost }, 'the log file takes lines again'),
      })
    : undefined
  if (file !== undefined) {
    const stream = { write: (line: string) => file.writer.write(printableJson(line)) }
    streams.push({ level: pinoLevels[logging.file_verbosity], stream })
  }

  const destination = multistream(streams)
  const logger = pino(
    {
      base: { name: options.name ?? 'threatbus', pid: process.pid },
      level: streams.length === 0 ? 'silent' : (pino.levels.labels[destination.minLevel] ?? 'info'),
      formatters: { level: label => ({ level: levelNames[label] ?? label.toUpperCase() }) },
      timestamp: pino.stdTimeFunctions.isoTime,
    },
    destination,
  )
  if (file === undefined) return { logger, reopen: () => {}, close: () => {} }

  return {
    logger,
    reopen: () => {
      try {
        file.goOnWith(openSync(file.path, 'a', logFileMode))
        logger.info({ path: file.path }, 'the log file was opened anew')
      } catch (err) {
        logger.error({ err }, "the log file can't be opened anew; the old one goes on")
      }
    },
    close: () => file.goOnWith(undefined),
  }
}

async function consoleStream({ console = standardError(), env = process.env }: LogOptions): Promise<DestinationStream> {
  if (!console.isTTY) return { write: line => console.write(printableJson(line)) }
  // https://no-color.org: any value but the empty one asks for no colours.
  const render = await terminalRenderer(!env.NO_COLOR && env.TERM !== 'dumb')
  return { write: line => console.write(render(line)) }
}

/** Written by descriptor rather than by `process.stderr`, which may buffer, and throws later when its reader is gone. */
function standardError(): ConsoleStream {
  const writer = new LineWriter(2)
  return { write: line => writer.write(line), isTTY: isatty(2) }
}

function openLogFile(filename: string, report: LossReport) {
  // Absolute from the start, so that reopening finds the same file wherever the process has gone.
  const path = resolve(filename)
  let writer: LineWriter
  try {
    writer = new LineWriter(openSync(path, 'a', logFileMode), report)
  } catch (error) {
    throw new Error(`the log file ${path} can't be opened: ${(error as Error).message}`, { cause: error })
  }
  return {
    path,
    writer,
    goOnWith: (descriptor: number | undefined): void => {
      const before = writer.replace(descriptor)
      if (before !== undefined) closeSync(before)
    },
  }
}

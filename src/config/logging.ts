import type * as z from 'zod'
import { fileName, flag, oneOfUpperCase, section } from './values.ts'

/** The names of the log levels, least severe first: the original's. */
export const logLevels = ['DEBUG', 'INFO', 'WARNING', 'ERROR', 'CRITICAL'] as const

/** The name of a log level. */
export type LogLevel = (typeof logLevels)[number]

/**
 * The `logging` section, the same in every program but for the log file's name, and what is said of `file`: for a broker,
 * SIGHUP opens the file anew.
 */
export function loggingSection(
  defaultFileName: string,
  file = 'Log to a file, as JSON lines. SIGHUP makes the program open it anew (logrotate).',
) {
  return section({
    console: flag()
      .default(true)
      .describe('Log to standard error: readable lines on a terminal, JSON lines otherwise.'),
    console_verbosity: oneOfUpperCase(logLevels)
      .default('INFO')
      .describe('The least severe level that is logged to standard error.'),
    file: flag().default(false).describe(file),
    file_verbosity: oneOfUpperCase(logLevels)
      .default('INFO')
      .describe('The least severe level that is logged to the file.'),
    filename: fileName()
      .default(defaultFileName)
      .describe('The log file, relative to the working directory. It is appended to. Ignored unless `file` is true.'),
  }).describe('Where the program says what it does, and how much of it.')
}

/** The `logging` section, read. */
export type Logging = z.output<ReturnType<typeof loggingSection>>

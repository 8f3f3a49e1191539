import { resolve } from 'node:path'
import type { Config } from '../config/schema.ts'
import { HistoryError } from '../history/history-error.ts'
import { NoSuchHistoryError } from '../history/reader.ts'
import { readBrokerConfig } from './broker-config.ts'
import { say, sayFailure } from './bus-options.ts'
import { exitCodes } from './exit-codes.ts'

/** Options of every command about the history on disk. */
export interface HistoryOptions {
  /** The configuration that says where it is. */
  readonly config?: string | undefined
  /** Its directory, whatever the configuration says. */
  readonly path?: string | undefined
}

/**
 * The directory that is meant, as an absolute path: the one that was named, else the one of the configuration. Undefined
 * if the configuration has mistakes, or says that there is no history; all of it is told on standard error.
 */
export function directoryOf({ config, path }: HistoryOptions): string | undefined {
  if (path !== undefined) return resolve(path)
  return directoryAndConfig({ config })?.directory
}

/** As {@link directoryOf}, with the configuration, which must be right then even if a directory is named. */
export function directoryAndConfig({
  config: file,
  path,
}: HistoryOptions): { readonly directory: string; readonly config: Config } | undefined {
  const loaded = readBrokerConfig(file)
  if (loaded === undefined) return undefined
  const { config, directory, source } = loaded
  if (path !== undefined) return { directory: resolve(path), config }
  if (config.history.enabled) return { directory: resolve(directory, config.history.path), config }
  say(`the configuration (${source}) says that there is no history: name a directory with --path`)
  return undefined
}

/** Says what went wrong with a history, and answers the exit code for it. */
export function sayHistoryFailure(error: unknown): number {
  if (!(error instanceof HistoryError)) return sayFailure(error)
  say(error.message)
  return error instanceof NoSuchHistoryError ? exitCodes.badInput : exitCodes.unavailable
}

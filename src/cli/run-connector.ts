import { resolve } from 'node:path'
import type { Logger } from 'pino'
import { printable } from '../config/printable.ts'
import { startConnector } from '../connector/connector.ts'
import { missingPrograms } from '../connector/program.ts'
import { NoStore, WaitingFile, type WaitingStore } from '../connector/waiting-file.ts'
import { createLog, type Log } from '../observe/log.ts'
import { readConnectorConfig } from './connector-config.ts'
import { exitCodes } from './exit-codes.ts'
import { LineOutput } from './line-output.ts'
import { abortOnSignal } from './signals.ts'

/**
 * Runs the VAST connector until it is told to stop (SIGINT, SIGTERM, SIGHUP) or nobody reads what it prints, and answers
 * the exit code. A second signal ends it at once.
 */
export async function runConnector(options: { readonly config?: string | undefined }): Promise<number> {
  const loaded = readConnectorConfig(options.config)
  if (loaded === undefined) return exitCodes.badConfiguration
  const { config, source, directory, warnings } = loaded
  let log: Log
  let store: WaitingStore
  try {
    log = await createLog(config.logging, { name: 'vast-threatbus' })
    store = config.state === undefined ? new NoStore() : openStore(resolve(directory, config.state), log.logger)
  } catch (error) {
    process.stderr.write(`${printable((error as Error).message)}\n`)
    return exitCodes.badConfiguration
  }
  const { logger } = log
  const { vast, vast_binary, threatbus, live_match, retro_match, matcher_name, sink = 'the bus' } = config
  logger.info(
    { source, vast, vast_binary, threatbus, live_match, retro_match, matcher_name, sink },
    `starting with ${source}: VAST ${vast} by ${vast_binary}, bus ${threatbus}`,
  )
  for (const warning of warnings) logger.warn(warning)
  // It may be installed while the connector runs, which goes on asking.
  for (const missing of missingPrograms(config)) logger.error(missing)
  if (!live_match && !retro_match) logger.warn('neither live_match nor retro_match is on: nothing will be matched')
  const waiting = store.left.filter(({ kind }) => kind !== 'ioc').length
  if (waiting > 0) logger.info({ waiting }, 'going on with what waited when it ended')

  const output = new LineOutput(process.stdout)
  const connector = startConnector(config, logger, store, output)
  const signalled = abortOnSignal(['SIGINT', 'SIGTERM', 'SIGHUP'])
  signalled.addEventListener('abort', () => {
    logger.info({ signal: signalled.reason }, `stopping on ${signalled.reason}; a second signal ends at once`)
    connector.stop()
  })
  output.closed.addEventListener('abort', () => {
    connector.outputClosed(output.readerLeft ? undefined : output.closed.reason)
  })

  const { failure } = await connector.stopped
  if (failure !== undefined) logger.fatal({ err: failure }, 'ended because nothing can be printed any more')
  log.close()
  return failure === undefined ? exitCodes.ok : exitCodes.failure
}

function openStore(path: string, logger: Logger): WaitingStore {
  const failed = (err: unknown) =>
    logger.error({ err, path }, "what waits can't be written to disk; it is in memory only")
  try {
    return new WaitingFile(path, failed)
  } catch (error) {
    throw new Error(`the state file ${path} can't be opened: ${(error as Error).message}`, { cause: error })
  }
}

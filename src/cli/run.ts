import { resolve } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import type { Logger } from 'pino'
import type { HistoryFailure } from '../../machines/vocabulary.ts'
import type { EndpointFailure } from '../../machines/vocabulary-endpoint.ts'
import { startBroker } from '../broker.ts'
import { printable } from '../config/printable.ts'
import { History } from '../history/history.ts'
import { HistoryError } from '../history/history-error.ts'
import { TraceFile } from '../inspector/trace/trace-file.ts'
import { createLog, type Log } from '../observe/log.ts'
import { readBrokerConfig } from './broker-config.ts'
import { exitCodes } from './exit-codes.ts'
import { tellServiceManager } from './service-manager.ts'
import { abortOnSignal } from './signals.ts'

/**
 * How much the heap may grow until it is collected, in percent of what is in use. V8's own choice lets messages that were
 * delivered long ago lie around in four times the memory that the broker needs.
 */
const heapGrowingPercent = 30

/** The options of the command. */
export interface RunOptions {
  readonly config?: string | undefined
  /** The file that what the actors do is recorded in. */
  readonly trace?: string | undefined
  readonly traceMaxBytes: number
}

/**
 * Runs the broker until it is told to stop (SIGTERM, SIGINT) or fails, and answers the exit code. A second signal ends it
 * at once; SIGHUP opens the log file anew.
 */
export async function run(options: RunOptions): Promise<number> {
  const loaded = readBrokerConfig(options.config)
  if (loaded === undefined) return exitCodes.badConfiguration
  const { config, source, directory, warnings } = loaded
  let log: Log
  try {
    log = await createLog(config.logging)
  } catch (error) {
    process.stderr.write(`${printable((error as Error).message)}\n`)
    return exitCodes.badConfiguration
  }
  const { logger } = log
  setFlagsFromString(`--heap-growing-percent=${heapGrowingPercent}`)
  const { host, manage, pub, sub } = config.plugins.apps.zmq
  const historyDirectory = config.history.enabled ? resolve(directory, config.history.path) : undefined
  logger.info(
    { source, history: historyDirectory },
    `starting with ${source}: manage ${host}:${manage}, pub ${host}:${pub}, sub ${host}:${sub}, ` +
      `${historyDirectory === undefined ? 'no history' : `history in ${historyDirectory}`}, ` +
      'backbone inmem: a bus of this broker alone',
  )
  for (const warning of warnings) logger.warn(warning)

  let history: History | undefined
  try {
    history = historyDirectory === undefined ? undefined : await History.open(historyDirectory, config.history, logger)
  } catch (error) {
    if (!(error instanceof HistoryError)) throw error
    tellFailure({ sentence: error.message, fields: { history: historyDirectory } }, logger, config.logging.console)
    log.close()
    return exitCodes.unavailable
  }
  let trace: TraceFile | undefined
  try {
    trace = options.trace === undefined ? undefined : openTrace(options.trace, options.traceMaxBytes, logger)
  } catch (error) {
    const sentence = `the trace can't be written: ${(error as Error).message}`
    tellFailure({ sentence, fields: { trace: options.trace } }, logger, config.logging.console)
    await history?.close()
    log.close()
    return exitCodes.badInput
  }
  const broker = startBroker(config, logger, history, trace)
  const signalled = abortOnSignal()
  signalled.addEventListener('abort', () => {
    logger.info({ signal: signalled.reason }, `stopping on ${signalled.reason}; a second signal ends at once`)
    tellServiceManager('STOPPING=1', logger)
    broker.stop()
  })
  process.on('SIGHUP', log.reopen)
  broker.serving.then(
    () => tellServiceManager('READY=1', logger),
    // Why it does not serve is told below.
    () => {},
  )

  const { failure } = await broker.stopped
  if (failure) tellFailure(explain(failure), logger, config.logging.console)
  else logger.info('stopped')
  log.close()
  // The process ends by itself when connections have sent what they hold. If anything kept it, it would end all the same.
  setTimeout(() => process.exit(), config.shutdownTimeoutMs).unref()
  return failure ? exitCodes.unavailable : exitCodes.ok
}

/** Opens the file that what the actors do is recorded in. Throws if it can't be written. */
function openTrace(path: string, maxBytes: number, logger: Logger): TraceFile {
  const trace = new TraceFile(path, maxBytes, {
    failed: err => logger.error({ err, trace: path }, 'the trace cannot be written any more; it ends here'),
  })
  logger.info({ trace: path, maxBytes }, `recording what the actors do in ${path}`)
  return trace
}

/** Why the broker could not go on, in one clear sentence. */
function explain(failure: EndpointFailure | HistoryFailure): Failure {
  if (failure.name === 'history') {
    const { message } = failure.error
    return { sentence: `${message}: the broker has ended; start it anew to go on with what is there`, fields: {} }
  }
  const { name, address, error } = failure
  const { code, message } = error as NodeJS.ErrnoException
  const because =
    code === 'EADDRINUSE'
      ? 'another process listens there (stop it, choose another port, or wait for it with plugins.apps.zmq.bind_retry)'
      : message
  const sentence = `the ${name} endpoint cannot listen on ${address}: ${because}`
  return { sentence, fields: { endpoint: name, address, code } }
}

interface Failure {
  readonly sentence: string
  readonly fields: object
}

/** One clear line about why the broker could not go on: in the log, and on standard error even if the log is not there. */
function tellFailure({ sentence, fields }: Failure, logger: Logger, console: boolean): void {
  logger.fatal(fields, sentence)
  if (!console) process.stderr.write(`${printable(sentence)}\n`)
}

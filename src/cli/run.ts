import type { Logger } from 'pino'
import type { EndpointFailure } from '../../machines/vocabulary.ts'
import { startBroker } from '../broker.ts'
import { createLog } from '../observe/log.ts'
import { readBrokerConfig } from './broker-config.ts'
import { exitCodes } from './exit-codes.ts'

/** Runs the broker until it is told to stop (SIGTERM, SIGINT) or fails, and answers the exit code. A second signal ends it at once. */
export async function run(options: { readonly config?: string | undefined }): Promise<number> {
  const { config, source, warnings } = readBrokerConfig(options.config)
  const log = await createLog(config.logging)
  const { logger } = log
  const { zmq } = config.plugins.apps
  logger.info(
    { source, backbone: 'inmem', host: zmq.host, manage: zmq.manage, pub: zmq.pub, sub: zmq.sub },
    `starting with ${source}`,
  )
  for (const warning of warnings) logger.warn(warning)

  const broker = startBroker(config, logger)
  const stop = (signal: NodeJS.Signals) => {
    logger.info({ signal }, `stopping on ${signal}; a second signal ends at once`)
    for (const each of ['SIGTERM', 'SIGINT'] as const) {
      process.off(each, stop)
      process.on(each, endAtOnce)
    }
    broker.stop()
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
  process.on('SIGHUP', log.reopen)

  const { failure } = await broker.stopped
  if (failure) tellFailure(failure, logger, config.logging.console)
  else logger.info('stopped')
  log.close()
  return failure ? exitCodes.unavailable : exitCodes.ok
}

const endAtOnce = (signal: NodeJS.Signals) => process.exit(signal === 'SIGINT' ? 130 : 143)

/** One clear line about why the broker could not go on: in the log, and on the terminal even if the log is not there. */
function tellFailure({ name, address, error }: EndpointFailure, logger: Logger, console: boolean): void {
  const { code, message } = error as NodeJS.ErrnoException
  const because =
    code === 'EADDRINUSE'
      ? 'another process listens there (stop it, choose another port, or wait for it with plugins.apps.zmq.bind_retry)'
      : message
  const sentence = `the ${name} endpoint cannot listen on ${address}: ${because}`
  logger.fatal({ endpoint: name, address, err: error }, sentence)
  if (!console) process.stderr.write(`${sentence}\n`)
}

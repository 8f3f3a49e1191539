import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import pino from 'pino'
import { startBroker } from '../../src/broker.ts'
import { configWith } from '../../src/config/schema.ts'
import { History } from '../../src/history/history.ts'
import type { StoredSubscription } from '../../src/history/subscriptions/stored-subscription.ts'
import type { LogLine } from './log-lines.ts'

/** How a broker in this process begins. */
export interface BrokerHereOptions {
  /** What is configured over the defaults; `zmq` is what stands under `plugins.apps.zmq`. */
  readonly settings?: Readonly<Record<string, unknown>>
  /** Subscriptions that an earlier broker gave. */
  readonly left?: readonly StoredSubscription[]
  /** Asked of each line of its log: one for which it answers true makes the log fail. */
  readonly fails?: (line: LogLine) => boolean
}

/**
 * Starts a broker in this process, on free ports, with a log that may fail. It ends with the test at the latest, and without
 * delivering what is queued: nobody waits for that any more.
 */
export async function startBrokerHere(
  t: Pick<TestContext, 'after'>,
  { settings = {}, left = [], fails }: BrokerHereOptions = {},
) {
  const lines: string[] = []
  const waiting = new Set<() => void>()
  const log: LogLine[] = []
  const write = (text: string) => {
    const line = JSON.parse(text) as LogLine
    if (fails?.(line)) throw new Error('the log is broken')
    lines.push(text)
    log.push(line)
    for (const look of waiting) look()
  }
  const logger = pino({ formatters: { level: level => ({ level }) } }, { write })
  const directory = mkdtempSync(join(tmpdir(), 'threatbus-'))
  const { zmq, ...others } = settings
  const endpoints = { manage: 0, pub: 0, sub: 0, ...(zmq as object | undefined) }
  const written = {
    plugins: { apps: { zmq: endpoints } },
    inspector: { enabled: false },
    shutdown_timeout: 0.1,
    ...others,
  }
  // Commands find the broker by it.
  writeFileSync(join(directory, 'config.yaml'), JSON.stringify(written))
  const config = configWith(written)
  const history = await History.open(join(directory, config.history.path), config.history, logger)
  for (const record of left) history.subscriptions.put(record)
  const broker = startBroker(config, logger, history)
  t.after(async () => {
    broker.stop()
    await broker.stopped
    rmSync(directory, { recursive: true })
  })
  const logged = (matches: (line: LogLine) => boolean) =>
    new Promise<LogLine>(resolve => {
      const look = () => {
        const line = log.find(matches)
        if (line === undefined) return
        waiting.delete(look)
        resolve(line)
      }
      waiting.add(look)
      look()
    })
  return {
    ...(await broker.serving),
    /** Fulfilled when it has ended. */
    async stop() {
      broker.stop()
      await broker.stopped
    },
    directory,
    history,
    /** The lines of its log, as they are written. */
    lines,
    /** What they say. */
    log,
    /** Fulfilled with the first line, past or to come, that `matches`. */
    logged,
  }
}

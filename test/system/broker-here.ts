import { mkdtempSync, rmSync } from 'node:fs'
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
  /** What is configured over the defaults. */
  readonly settings?: object
  /** Subscriptions that an earlier broker gave. */
  readonly left?: readonly StoredSubscription[]
  /** Asked of each line of its log: one for which it answers true makes the log fail. */
  readonly fails?: (line: LogLine) => boolean
}

/** Starts a broker in this process, on free ports, with a log that may fail. It ends with the test at the latest. */
export async function startBrokerHere(t: TestContext, { settings, left = [], fails }: BrokerHereOptions = {}) {
  const lines: string[] = []
  const waiting = new Set<() => void>()
  const write = (text: string) => {
    if (fails?.(JSON.parse(text))) throw new Error('the log is broken')
    lines.push(text)
    for (const look of waiting) look()
  }
  const logger = pino({ formatters: { level: level => ({ level }) } }, { write })
  const directory = mkdtempSync(join(tmpdir(), 'threatbus-'))
  const ports = { manage: 0, pub: 0, sub: 0 }
  const config = configWith({ plugins: { apps: { zmq: ports } }, inspector: { enabled: false }, ...settings })
  const history = await History.open(directory, config.history, logger)
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
        const line = lines.map(text => JSON.parse(text) as LogLine).find(matches)
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
    /** Fulfilled with the first line, past or to come, that `matches`. */
    logged,
  }
}

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { StandInVast } from '../fixtures/stand-in-vast.ts'
import type { BrokerProcess } from '../system/broker-process.ts'
import { type ProcessLog, readLog } from '../system/log-lines.ts'

/** The built command, as `npm install -g` would link it. */
export const connectorCommand = fileURLToPath(new URL('../../bin/vast-threatbus.js', import.meta.url))

/** A connector process under test. */
export interface ConnectorProcess extends ProcessLog {
  readonly process: ChildProcess
  /** Where its configuration, its metrics and its state are. */
  readonly directory: string
  /** What it has printed so far. */
  readonly lines: readonly string[]
  /** Fulfilled once it has printed so many lines. */
  printed(count: number): Promise<readonly string[]>
  /** Fulfilled when it has ended, with its exit code (null if a signal killed it). */
  readonly ended: Promise<number | null>
  /** Sends a signal and waits for the end. */
  stop(signal?: NodeJS.Signals): Promise<number | null>
}

/**
 * Starts the built connector between a broker and a VAST, with `settings` over its defaults. It ends with the test at the
 * latest. With a `predecessor` that has ended it goes on in that one's directory.
 */
export function startConnector(
  t: Pick<TestContext, 'after'>,
  broker: Pick<BrokerProcess, 'manage'>,
  vast: Pick<StandInVast, 'binary'>,
  settings: Readonly<Record<string, unknown>> = {},
  predecessor?: ConnectorProcess,
): ConnectorProcess {
  const directory = predecessor?.directory ?? mkdtempSync(join(tmpdir(), 'vast-threatbus-'))
  const file = join(directory, 'config.yaml')
  const quick = { retry_pause: { shortest: 0.02, longest: 0.2 }, metrics: { interval: 0 } }
  // Connectors run side by side here: one that is looked at says so, with port 0.
  const inspector = { enabled: false }
  const places = { threatbus: `127.0.0.1:${broker.manage}`, vast_binary: vast.binary }
  writeFileSync(file, JSON.stringify({ ...quick, inspector, ...places, ...settings }))
  const connector = spawn(process.execPath, [connectorCommand, '-c', file], {
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd: directory,
  })
  const exited = once(connector, 'exit') as Promise<[number | null]>
  t.after(async () => {
    connector.kill('SIGKILL')
    await exited
    rmSync(directory, { recursive: true, force: true })
  })
  const lines: string[] = []
  const watchers = new Set<() => void>()
  createInterface({ input: connector.stdout, crlfDelay: 0 }).on('line', line => {
    lines.push(line)
    for (const watch of [...watchers]) watch()
  })
  const ended = exited.then(([code]) => code)
  return {
    process: connector,
    directory,
    lines,
    ...readLog('connector', connector.stderr, exited),
    printed: count =>
      new Promise(resolve => {
        const watch = () => {
          if (lines.length < count) return
          watchers.delete(watch)
          resolve(lines)
        }
        watchers.add(watch)
        watch()
      }),
    ended,
    stop: (signal = 'SIGTERM') => {
      connector.kill(signal)
      return ended
    },
  }
}

/** The processes that a process has started. */
export function childrenOf({ pid }: ChildProcess): readonly number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number)
  } catch {
    return []
  }
}

/** Is the live matcher attached by this connector: will it see the next live event? */
export function isAttached({ calls }: StandInVast, { process }: ConnectorProcess): boolean {
  const children = childrenOf(process)
  const last = calls.findLast(({ verb, pid }) => verb === 'matcher attach' && children.includes(pid))
  return last?.what === 'attached'
}

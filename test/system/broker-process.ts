import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type ProcessLog, readLog } from './log-lines.ts'

/** The built command, as `npm install -g` would link it. */
export const threatbusCommand = fileURLToPath(new URL('../../bin/threatbus.js', import.meta.url))

/** A broker under test, in a process of its own or in this one: where it listens, and what it logs. */
export interface RunningBroker extends ProcessLog {
  /** Where its configuration and its history are. */
  readonly directory: string
  readonly manage: number
  readonly pub: number
  readonly sub: number
}

/** A broker process under test. */
export interface BrokerProcess extends RunningBroker {
  readonly process: ChildProcess
  /** Sends a signal and answers the exit code (null if the signal killed it). */
  stop(signal?: NodeJS.Signals): Promise<number | null>
}

/**
 * Starts the built broker on free ports with `settings` over its defaults, and waits until it serves. It ends with the
 * test at the latest. With `fileSizeLimitKibibytes` no file of its can become larger, with `openFileLimit` it has so many open; `commandLine` are further arguments, `script` is
 * another build of it, and `within` a command that runs it, as `nsenter` does.
 *
 * With a `predecessor` that has ended it takes over that one's ports and history.
 */
export async function startBroker(
  t: Pick<TestContext, 'after'>,
  settings: Record<string, unknown> = {},
  predecessor?: BrokerProcess,
): Promise<BrokerProcess> {
  const directory = predecessor?.directory ?? mkdtempSync(join(tmpdir(), 'threatbus-'))
  const file = join(directory, 'config.yaml')
  const {
    zmq,
    fileSizeLimitKibibytes: limit,
    openFileLimit,
    commandLine = [],
    script = threatbusCommand,
    within = [],
    ...others
  } = settings
  const { manage: oldManage = 0, pub: oldPub = 0, sub: oldSub = 0 } = predecessor ?? {}
  const endpoints = { manage: oldManage, pub: oldPub, sub: oldSub, bind_retry: 5, ...(zmq as object | undefined) }
  // Brokers run side by side here: one that is looked at says so, with port 0.
  const inspector = { enabled: false }
  writeFileSync(file, JSON.stringify({ plugins: { apps: { zmq: endpoints } }, inspector, ...others }))
  const command = [
    ...(within as string[]),
    process.execPath,
    script as string,
    '-c',
    file,
    ...(commandLine as string[]),
  ]
  // `ulimit` is a word of the shell; what it then becomes is the broker, with the same process id.
  const limits = [
    ...(limit === undefined ? [] : [`ulimit -f ${Number(limit) * 2}`]),
    ...(openFileLimit === undefined ? [] : [`ulimit -n ${Number(openFileLimit)}`]),
  ]
  const limited = ['sh', '-c', [...limits, 'exec "$@"'].join('; '), 'sh', ...command]
  const [program = '', ...args] = limits.length === 0 ? command : limited
  const broker = spawn(program, args, {
    stdio: ['ignore', 'ignore', 'pipe'],
    cwd: directory,
  })
  const exited = once(broker, 'exit') as Promise<[number | null]>
  t.after(async () => {
    broker.kill('SIGKILL')
    await exited
    rmSync(directory, { recursive: true, force: true })
  })

  const { log, logged } = readLog('broker', broker.stderr, exited)
  const { manage, pub, sub } = await logged(({ msg }) => msg.startsWith('serving'))
  return {
    process: broker,
    directory,
    manage: manage as number,
    pub: pub as number,
    sub: sub as number,
    log,
    logged,
    stop: async (signal = 'SIGTERM') => {
      broker.kill(signal)
      const [code] = await exited
      return code
    },
  }
}

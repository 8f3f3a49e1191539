import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Address } from './load.ts'
import { ManageClient } from './manage-client.ts'

/** A broker that is up and answers. If one that was started here ends before it is stopped, that is an error at large. */
export interface Contestant extends Address {
  readonly name: string
  readonly stop: () => Promise<void>
}

const localhost = '127.0.0.1'
/** How long a broker may take until it answers, in milliseconds. */
const readyTimeout = 10_000
/** How long it may take to stop, in milliseconds. */
const stopTimeout = 6_000
/** How much of what a broker last said is told if it fails, in characters. */
const lastWords = 2_000

const floorScript = fileURLToPath(import.meta.resolve('./floor.js'))
/** This package's own broker. */
export const brokerScript = fileURLToPath(import.meta.resolve('../../src/cli/threatbus.js'))

/** What has to go when this process does, whatever it ends of. */
const remains: (() => void)[] = []
process.on('exit', () => {
  for (const remove of remains.reverse()) remove()
})

/** Starts the floor. */
export async function startFloor(name = 'floor'): Promise<Contestant> {
  const ports = await freePorts()
  return start(name, ports.manage, [floorScript, String(ports.manage), String(ports.pub), String(ports.sub)])
}

/** Starts a broker that takes this package's options, with its defaults and a directory of its own. */
export async function startBroker(script: string, { history = true, viewer = false } = {}): Promise<Contestant> {
  const { inspector, ...ports } = await freePorts()
  const directory = mkdtempSync(join(tmpdir(), 'threatbus-bench-'))
  remains.push(() => rmSync(directory, { recursive: true, force: true }))
  const config = join(directory, 'config.yaml')
  // JSON is YAML.
  const plugins = { apps: { zmq: { host: localhost, ...ports } } }
  const settings = { history: { enabled: history }, inspector: { port: inspector }, plugins }
  writeFileSync(config, JSON.stringify(settings))
  const name = viewer ? 'watched' : history ? 'broker' : 'no history'
  const broker = await start(name, ports.manage, [script, '-c', config], directory)
  if (viewer) await lookAt(inspector)
  return broker
}

/** Reads what the inspector's page is told, for as long as the broker runs. */
async function lookAt(port: number): Promise<void> {
  const { body } = await fetch(`http://${localhost}:${port}/inspector/live`)
  body?.pipeTo(new WritableStream()).catch(() => {})
}

/** Takes a broker that runs already, and leaves it running. */
export async function takeRunning(host: string, manage: number, pid: number | undefined): Promise<Contestant> {
  await answers(host, manage)
  return { name: `${host}:${manage}`, host, manage, pid, async stop() {} }
}

/** Starts a Node program, and waits until it answers on `manage`. */
async function start(name: string, manage: number, args: readonly string[], cwd?: string): Promise<Contestant> {
  // The channel is for the floor, which ends with this process even if that is killed.
  const child = spawn(process.execPath, args, { cwd, stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })
  remains.push(() => child.kill('SIGKILL'))
  let said = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-lastWords)
  })
  const complain = (code: number | null, signal: string | null) => {
    throw new Error(`the ${name} ended (${signal ?? code}): ${said}`)
  }
  child.once('close', complain)
  const stop = async () => {
    child.off('close', complain)
    const closed = once(child, 'close')
    child.kill('SIGTERM')
    const timer = setTimeout(() => child.kill('SIGKILL'), stopTimeout)
    await closed
    clearTimeout(timer)
  }
  await answers(localhost, manage)
  return { name, host: localhost, manage, pid: child.pid, stop }
}

async function answers(host: string, manage: number): Promise<void> {
  const client = new ManageClient(host, manage, readyTimeout)
  try {
    await client.awaitReady()
  } finally {
    client.close()
  }
}

/** Ports that nobody uses at this moment. */
async function freePorts(): Promise<{ manage: number; pub: number; sub: number; inspector: number }> {
  const servers = await Promise.all(
    [0, 1, 2, 3].map(async () => {
      const server = createServer().listen(0, localhost)
      await once(server, 'listening')
      return server
    }),
  )
  const [manage = 0, pub = 0, sub = 0, inspector = 0] = servers.map(server => (server.address() as AddressInfo).port)
  await Promise.all(servers.map(server => once(server.close(), 'close')))
  return { manage, pub, sub, inspector }
}

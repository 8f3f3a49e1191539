import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Where everything is that is started here. */
export const localhost = '127.0.0.1'

/** How long a program may take to stop, in milliseconds. */
const stopTimeout = 6_000
/** How much of what a program last said is told if it fails, in characters. */
const lastWords = 2_000

/** What has to go when this process does, whatever it ends of. */
const remains: (() => void)[] = []
process.on('exit', () => {
  for (const remove of remains.reverse()) remove()
})

/** What to start. */
export interface ProgramOptions {
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
  readonly cwd?: string | undefined
  readonly env?: NodeJS.ProcessEnv
  /** Resolves as soon as the program does what it is for. */
  readonly awaitReady: () => Promise<void>
}

/** A program that is ready. If it ends before it is stopped, that is an error at large. */
export interface Program {
  readonly pid: number | undefined
  /** From its start until it was ready. */
  readonly startMilliseconds: number
  readonly stop: () => Promise<void>
}

/** Starts a program, and waits until it is ready. */
export async function startProgram({ name, command, args, cwd, env, awaitReady }: ProgramOptions): Promise<Program> {
  const started = performance.now()
  // The channel is for the floor, which ends with this process even if that is killed. Others don't know of it.
  const channel = command === process.execPath ? (['ipc'] as const) : []
  const child = spawn(command, args, { cwd, env: env ?? process.env, stdio: ['ignore', 'pipe', 'pipe', ...channel] })
  remains.push(() => child.kill('SIGKILL'))
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-lastWords)
    })
  }
  const complain = (code: number | null, signal: string | null) => {
    throw new Error(`the ${name} ended (${signal ?? code}): ${said}`)
  }
  child.once('close', complain)
  await awaitReady()
  return {
    pid: child.pid,
    startMilliseconds: performance.now() - started,
    async stop() {
      child.off('close', complain)
      await end(child)
    },
  }
}

/** A directory that goes when this process does. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'threatbus-bench-'))
  remains.push(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** As many ports as asked for that nobody uses at this moment. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, localhost)
      await once(server, 'listening')
      return server
    }),
  )
  const ports = servers.map(server => (server.address() as AddressInfo).port)
  await Promise.all(servers.map(server => once(server.close(), 'close')))
  return ports
}

async function end(child: ChildProcess): Promise<void> {
  const closed = once(child, 'close')
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), stopTimeout)
  await closed
  clearTimeout(timer)
}

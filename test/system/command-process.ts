import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Writable } from 'node:stream'
import type { TestContext } from 'node:test'
import { threatbusCommand } from './broker-process.ts'

/** A process under test. */
export interface RunningCommand {
  readonly pid: number
  readonly stdin: Writable
  /** Lines printed so far. */
  readonly lines: readonly string[]
  /** Fulfilled once it has printed so many lines. */
  printed(count: number): Promise<readonly string[]>
  kill(signal: NodeJS.Signals): void
  /** Stops reading its output, as `head` does when it has enough. */
  hangUp(): void
  /** Fulfilled when it has ended, with its exit code and all it printed. */
  readonly ended: Promise<CommandResult>
}

/** What a command that has ended leaves behind. */
export interface CommandResult {
  readonly code: number | null
  readonly lines: readonly string[]
  readonly stderr: string
}

/** Starts the built `threatbus` with arguments. It ends with the test at the latest. */
export function startCommand(t: Pick<TestContext, 'after'>, ...args: readonly string[]): RunningCommand {
  return startNode(t, threatbusCommand, ...args)
}

/** Starts Node with arguments. It ends with the test at the latest. */
export function startNode(t: Pick<TestContext, 'after'>, ...args: readonly string[]): RunningCommand {
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'pipe'] })
  const closed = once(child, 'close') as Promise<[number | null]>
  t.after(async () => {
    child.kill('SIGKILL')
    await closed
  })
  // It may end without having read what it was given.
  child.stdin.on('error', () => {})
  const lines: string[] = []
  const watchers = new Set<() => void>()
  createInterface({ input: child.stdout, crlfDelay: 0 }).on('line', line => {
    lines.push(line)
    for (const watch of [...watchers]) watch()
  })
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', text => {
    stderr += text
  })
  return {
    pid: child.pid ?? 0,
    stdin: child.stdin,
    lines,
    printed: count =>
      new Promise((resolve, reject) => {
        const watch = () => {
          if (lines.length < count) return
          watchers.delete(watch)
          resolve(lines)
        }
        watchers.add(watch)
        watch()
        closed.then(([code]) => reject(new Error(`it ended with ${code} after ${lines.length} lines: ${stderr}`)))
      }),
    kill: signal => child.kill(signal),
    hangUp: () => child.stdout.destroy(),
    ended: closed.then(([code]) => ({ code, lines, stderr })),
  }
}

/** Runs the built `threatbus` to its end, with `input` on its standard input. */
export function runCommand(
  t: Pick<TestContext, 'after'>,
  args: readonly string[],
  input: string | Buffer = '',
): Promise<CommandResult> {
  const command = startCommand(t, ...args)
  command.stdin.end(input)
  return command.ended
}

/** Writes a file that is there for one test. */
export function temporaryFile(t: TestContext, name: string, content: string | Buffer): string {
  const directory = mkdtempSync(join(tmpdir(), 'threatbus-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const file = join(directory, name)
  writeFileSync(file, content)
  return file
}

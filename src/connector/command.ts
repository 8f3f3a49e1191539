import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { LineSplitter } from './lines.ts'
import { missingProgram } from './program.ts'

/** How a command came to its end. */
export type CommandOutcome =
  /** It exited with 0. */
  | 'succeeded'
  /** It exited with another code, or died of a signal that was not ours. */
  | 'failed'
  /** It could not be started: there is no such program, or the system has no room for another process. */
  | 'not_started'
  /** It was killed at its deadline. */
  | 'timed_out'
  /** It was killed because it printed more than it may. */
  | 'too_much_output'
  /** It was killed because nobody wants it any more. */
  | 'aborted'

/** What a command that has ended leaves behind. */
export interface CommandResult {
  readonly outcome: CommandOutcome
  /** What happened, for people: `exited with 3`. */
  readonly sentence: string
  /** What it wrote on standard error: its beginning and its end, should it be long. */
  readonly stderr: string
  /** Lines of its output that were longer than they may be, and passed over. */
  readonly overlongLines: number
}

/** What every command is bounded by. */
export interface CommandLimits {
  /** Bytes of one line of output; a longer one is passed over and counted. */
  readonly maxLineBytes: number
  /** Milliseconds from SIGTERM to SIGKILL. */
  readonly killGraceMs: number
}

/** How to run a command. */
export interface CommandOptions extends CommandLimits {
  /** What it reads on standard input. Without, that is empty. */
  readonly stdin?: string
  /** Called for each line on standard output, in order; the next one is read when it is done with this one. */
  onLine?(line: string): void | Promise<void>
  /** The process runs. */
  onStarted?(): void
  /** Milliseconds until it is killed; 0 for no deadline. */
  readonly timeoutMs?: number
  /** Bytes of output after which it is killed. */
  readonly maxOutputBytes?: number
  /** Kills it. */
  readonly signal?: AbortSignal
}

/**
 * Bytes that are kept of the beginning, and of the end, of what a command writes on standard error. It may quote a whole
 * query behind the words that say what is wrong with it, or tell a long story before them.
 */
const stderrEndBytes = 2048

/**
 * Runs a command to its end: a program and its arguments, which no shell ever sees. Never throws, unless `onLine` does;
 * then the command is killed first.
 *
 * It has a process group of its own, so that with it all that it started is killed, and a Ctrl-C in our terminal is ours to
 * answer.
 */
export async function runCommand(command: readonly string[], options: CommandOptions): Promise<CommandResult> {
  const { signal, stdin, maxLineBytes, maxOutputBytes = Number.POSITIVE_INFINITY } = options
  if (signal?.aborted) return unstarted('aborted', 'was not wanted any more')
  const child = await start(command, stdin !== undefined)
  if (child instanceof Error) {
    const [program = ''] = command
    return unstarted('not_started', `could not be started: ${missingProgram(program) ?? troubleWith(program, child)}`)
  }
  options.onStarted?.()
  const execution = new RunningCommand(child, options)
  // It may end without having read what it was given.
  child.stdin?.on('error', () => {}).end(stdin)

  let overlongLines = 0
  const lines = new LineSplitter(maxLineBytes, () => overlongLines++)
  const hand = async (complete: Iterable<string>) => {
    for (const line of complete) await options.onLine?.(line)
  }
  let bytes = 0
  let thrown: { readonly error: unknown } | undefined
  try {
    for await (const piece of execution.output()) {
      bytes += piece.length
      if (bytes > maxOutputBytes) execution.kill('too_much_output')
      else await hand(lines.push(piece))
    }
    if (!execution.wasKilled) await hand(lines.end())
  } catch (error) {
    thrown = { error }
    execution.kill('aborted')
  }
  const end = await execution.ended()
  if (thrown !== undefined) throw thrown.error
  return { ...end, overlongLines }
}

async function start([program = '', ...args]: readonly string[], withInput: boolean): Promise<ChildProcess | Error> {
  try {
    const child = spawn(program, args, { stdio: [withInput ? 'pipe' : 'ignore', 'pipe', 'pipe'], detached: true })
    await once(child, 'spawn')
    // That a signal can't be sent any more is no news.
    return child.on('error', () => {})
  } catch (error) {
    return error as Error
  }
}

/** What was wrong with starting a program that is there. What it needs may not be: execve(2) calls that ENOENT as well. */
function troubleWith(program: string, { code, message }: NodeJS.ErrnoException): string {
  if (code !== 'ENOENT') return message
  return `${program} is there, and the interpreter that it names is not (in its first line, or as its loader)`
}

/** The result of a command that never ran. */
export function unstarted(outcome: CommandOutcome, sentence: string): CommandResult {
  return { outcome, sentence, stderr: '', overlongLines: 0 }
}

/** Commands under way. However this process ends, if it can still do something, they end with it. */
const running = new Set<RunningCommand>()
process.on('exit', () => {
  for (const each of running) each.killAtOnce()
})

/** A process under way: it has a deadline, can be killed, and says in the end what became of it. */
class RunningCommand {
  readonly #child: ChildProcess
  readonly #options: CommandOptions
  readonly #exited: Promise<[number | null, NodeJS.Signals | null]>
  readonly #deadline: NodeJS.Timeout | undefined
  readonly #abort = () => this.kill('aborted')
  #killedFor: CommandOutcome | undefined
  #killer: NodeJS.Timeout | undefined
  #stderrBytes = 0
  #stderrHead = Buffer.alloc(0)
  #stderrTail = Buffer.alloc(0)

  constructor(child: ChildProcess, options: CommandOptions) {
    const { timeoutMs = 0, signal } = options
    running.add(this)
    this.#child = child
    this.#options = options
    this.#exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>
    child.stderr?.on('data', (piece: Buffer) => {
      const room = stderrEndBytes - this.#stderrHead.length
      this.#stderrBytes += piece.length
      this.#stderrHead = Buffer.concat([this.#stderrHead, piece.subarray(0, room)])
      this.#stderrTail = Buffer.concat([this.#stderrTail, piece.subarray(room)]).subarray(-stderrEndBytes)
    })
    if (timeoutMs > 0) this.#deadline = setTimeout(() => this.kill('timed_out'), timeoutMs)
    signal?.addEventListener('abort', this.#abort, { once: true })
    if (signal?.aborted) this.kill('aborted')
  }

  get wasKilled(): boolean {
    return this.#killedFor !== undefined
  }

  /** What it prints. It prints no faster than that is read. */
  async *output(): AsyncGenerator<Buffer, void, undefined> {
    try {
      for await (const piece of this.#child.stdout ?? []) yield piece
    } catch (error) {
      // Its pipe was closed because it would not end: see kill.
      if (!this.wasKilled) throw error
    }
  }

  /** Ends it, politely first. The first reason is the one that counts. */
  kill(outcome: CommandOutcome): void {
    if (this.#killedFor !== undefined) return
    this.#killedFor = outcome
    this.#signal('SIGTERM')
    this.#killer = setTimeout(() => {
      this.#signal('SIGKILL')
      // A process that left the group may still hold the pipes.
      this.#child.stdout?.destroy()
      this.#child.stderr?.destroy()
    }, this.#options.killGraceMs)
  }

  /** Kills it without waiting. */
  killAtOnce(): void {
    this.#signal('SIGKILL')
  }

  /** Waits until it is gone. To be called when its output was read. */
  async ended(): Promise<Omit<CommandResult, 'overlongLines'>> {
    const [code, signal] = await this.#exited
    running.delete(this)
    clearTimeout(this.#deadline)
    clearTimeout(this.#killer)
    this.#options.signal?.removeEventListener('abort', this.#abort)
    // Of one that was killed nothing stays, whatever it had started.
    if (this.wasKilled) this.#signal('SIGKILL')
    const outcome = this.#killedFor ?? (code === 0 ? 'succeeded' : 'failed')
    return { outcome, sentence: this.#sentence(outcome, code, signal), stderr: this.#stderr }
  }

  get #stderr(): string {
    const isWhole = this.#stderrBytes <= 2 * stderrEndBytes
    const pieces = [this.#stderrHead, Buffer.from(isWhole ? '' : ' … '), this.#stderrTail]
    return Buffer.concat(pieces).toString('utf8').trim()
  }

  #sentence(outcome: CommandOutcome, code: number | null, signal: NodeJS.Signals | null): string {
    if (outcome === 'timed_out') return `was killed after ${(this.#options.timeoutMs ?? 0) / 1000} s`
    if (outcome === 'too_much_output')
      return `was killed because it printed more than ${this.#options.maxOutputBytes} bytes`
    if (outcome === 'aborted') return 'was killed because nobody wants it any more'
    return signal === null ? `exited with ${code}` : `died of ${signal}`
  }

  /** Sends a signal to it and to all that it started. */
  #signal(signal: NodeJS.Signals): void {
    try {
      if (this.#child.pid !== undefined) process.kill(-this.#child.pid, signal)
    } catch {
      // Nothing of it is left.
    }
  }
}

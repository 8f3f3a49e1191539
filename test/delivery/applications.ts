import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { ApplicationOptions, ReadingOrder, Told } from './applications-process.ts'
import type { Arrival } from './checker.ts'

/** An application that receives nothing for so long, in milliseconds, is taken to have received what it gets. */
const longestSilenceMs = 30_000

/** An application in another process, and what it received. */
export class Application {
  readonly options: ApplicationOptions
  readonly arrivals: Arrival[] = []
  readonly process: ChildProcess
  readonly #number: number
  readonly #names = new Set<string>()
  readonly #watchers = new Set<() => void>()
  readonly #ended: Promise<never>
  #isSubscribed = false

  /** Made by {@link startApplications}. */
  constructor(options: ApplicationOptions, process: ChildProcess, number: number) {
    this.options = options
    this.process = process
    this.#number = number
    process.on('message', (told: Told) => {
      if (told.application === number) this.#hear(told)
    })
    this.#ended = once(process, 'exit').then(([code, signal]) => {
      throw new Error(`the process of the ${options.kind} applications ended with ${code ?? signal}`)
    })
    // Nobody need wait for anything when it ends.
    this.#ended.catch(() => {})
  }

  /** Tells it to read, or to read nothing. */
  set reads(reads: boolean) {
    this.process.send({ application: this.#number, reads } satisfies ReadingOrder)
  }

  /** Fulfilled when it has subscribed. */
  get subscribed(): Promise<void> {
    return this.#when(() => this.#isSubscribed)
  }

  /** Fulfilled when so many messages have come in all. */
  received(count: number): Promise<void> {
    return this.#when(() => this.arrivals.length >= count)
  }

  /** Fulfilled when a message of this name has come; or when it is clear that it never will, which is for the checker to say. */
  async settled(message: string): Promise<void> {
    for (let before = -1; before !== this.arrivals.length && !this.#names.has(message); ) {
      before = this.arrivals.length
      let timer: NodeJS.Timeout | undefined
      const silence = new Promise<void>(resolve => {
        timer = setTimeout(resolve, longestSilenceMs)
      })
      try {
        await Promise.race([this.#when(() => this.#names.has(message)), silence])
      } finally {
        clearTimeout(timer)
      }
    }
  }

  #hear(told: Told): void {
    if ('subscribed' in told) this.#isSubscribed = true
    else {
      this.arrivals.push(...told.arrivals)
      for (const { message } of told.arrivals) this.#names.add(message)
    }
    for (const watch of [...this.#watchers]) watch()
  }

  #when(isSo: () => boolean): Promise<void> {
    const isSoNow = new Promise<void>(resolve => {
      const look = () => {
        if (!isSo()) return
        this.#watchers.delete(look)
        resolve()
      }
      this.#watchers.add(look)
      look()
    })
    return Promise.race([isSoNow, this.#ended])
  }
}

/**
 * Starts applications in a process of their own, which ends with the test at the latest, and waits until they are
 * subscribed. `within` is a command that runs the process, as `nsenter` does.
 */
export async function startApplications(
  t: Pick<TestContext, 'after'>,
  options: readonly ApplicationOptions[],
  within: readonly string[] = [],
): Promise<readonly Application[]> {
  const process = forkScript(t, './applications-process.js', within)
  const applications = options.map((each, number) => new Application(each, process, number))
  process.send(options)
  await Promise.all(applications.map(each => each.subscribed))
  return applications
}

/** Starts a script of this directory. It ends with the test at the latest. */
export function forkScript(t: Pick<TestContext, 'after'>, script: string, within: readonly string[]): ChildProcess {
  const [execPath = process.execPath, ...execArgv] = [...within, process.execPath]
  const child = fork(fileURLToPath(new URL(script, import.meta.url)), {
    execPath,
    execArgv: [...execArgv],
    serialization: 'advanced',
  })
  const exited = once(child, 'exit')
  t.after(async () => {
    child.kill('SIGKILL')
    await exited
  })
  return child
}

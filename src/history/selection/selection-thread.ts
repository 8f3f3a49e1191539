import { Worker } from 'node:worker_threads'
import type { Selected } from './selection.ts'
import type { SelectionAnswer, SelectionMessage, SelectionTask } from './selection-worker.ts'

// By the package, not by this file: in the bundled programs it is elsewhere.
const script = new URL(import.meta.resolve('#selection-worker'))

/** How long the thread stays when nothing is to be selected: it keeps the memory of its last selection. */
const idleMs = 10_000

/** Whoever waits for an answer of the thread. */
interface Waiting {
  resolve(answer: SelectionAnswer): void
  reject(error: unknown): void
}

/**
 * Selects in a thread of its own. A selection looks at every message of the log that may belong to it, a second for each
 * million: who is live must not wait for that.
 */
export class SelectionThread {
  #worker: Worker | undefined
  #waiting: Waiting | undefined
  #idle: NodeJS.Timeout | undefined
  /** The selection that is being made: one at a time. */
  #selecting: Promise<unknown> = Promise.resolve()

  /**
   * Selects. The task is asked for when its turn comes.
   *
   * Rejects with what asking for it throws, if the disk can't be read, or if the thread ends; and when it is aborted, soon.
   */
  select(taskAtLast: () => Promise<SelectionTask>, signal: AbortSignal): Promise<Selected> {
    const selection = this.#selecting.then(async () => {
      signal.throwIfAborted()
      return this.#give(await taskAtLast(), signal)
    })
    // One that fails does not keep the next from being made.
    this.#selecting = selection.catch(() => {})
    return selection
  }

  /** Ends the thread; what is being selected rejects. */
  async close(): Promise<void> {
    clearTimeout(this.#idle)
    await this.#worker?.terminate()
  }

  async #give(task: SelectionTask, signal: AbortSignal): Promise<Selected> {
    clearTimeout(this.#idle)
    this.#worker ??= this.#start()
    const worker = this.#worker
    worker.ref()
    const tell = (message: SelectionMessage) => worker.postMessage(message)
    const giveUp = () => tell('cancel')
    try {
      const answer = await new Promise<SelectionAnswer>((resolve, reject) => {
        this.#waiting = { resolve, reject }
        tell(task)
        signal.addEventListener('abort', giveUp)
        if (signal.aborted) giveUp()
      })
      signal.throwIfAborted()
      if ('error' in answer) throw answer.error
      return answer.selected
    } finally {
      signal.removeEventListener('abort', giveUp)
      worker.unref()
      this.#idle = setTimeout(() => worker.terminate(), idleMs).unref()
    }
  }

  #start(): Worker {
    const worker = new Worker(script)
    const ended = (error: unknown) => {
      if (this.#worker !== worker) return
      // What is selected next begins another one.
      this.#worker = undefined
      this.#waiting?.reject(error)
    }
    worker.on('message', answer => this.#waiting?.resolve(answer))
    worker.on('error', ended)
    worker.on('exit', () => ended(new Error('the thread that selects snapshots was ended')))
    return worker
  }
}

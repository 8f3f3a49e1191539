import type { TransferListItem, Worker } from 'node:worker_threads'

/** How long a thread stays when nothing is asked of it, unless something else is said. */
const defaultIdleMs = 10_000

/** Whoever waits for an answer of the thread. */
interface Waiting<Answer> {
  resolve(answer: Answer): void
  reject(error: unknown): void
}

/**
 * A thread that answers one task after the other. It is begun when something is asked of it, and again if it ended; when
 * nothing was asked for a while it is ended, for it keeps the memory of its last task. Only a task keeps the process alive.
 */
export class BackgroundThread<Task, Answer> {
  readonly #begin: () => Worker
  readonly #purpose: string
  readonly #idleMs: number
  #worker: Worker | undefined
  #waiting: Waiting<Answer> | undefined
  #idle: NodeJS.Timeout | undefined

  /**
   * @param begin makes the thread, which answers each message with one
   * @param purpose what it is for, as in "the thread that …"
   */
  constructor(begin: () => Worker, purpose: string, idleMs = defaultIdleMs) {
    this.#begin = begin
    this.#purpose = purpose
    this.#idleMs = idleMs
  }

  /**
   * Gives it a task, one at a time. When it is aborted the thread is told `cancel`, and answers soon.
   *
   * @param memory what is handed over of the task, and not copied
   * @returns the answer; rejects if the thread ends
   */
  async ask(task: Task, memory: readonly TransferListItem[] = [], signal?: AbortSignal): Promise<Answer> {
    clearTimeout(this.#idle)
    this.#worker ??= this.#start()
    const worker = this.#worker
    worker.ref()
    const cancel = () => worker.postMessage('cancel')
    try {
      return await new Promise<Answer>((resolve, reject) => {
        this.#waiting = { resolve, reject }
        worker.postMessage(task, memory)
        signal?.addEventListener('abort', cancel)
        if (signal?.aborted) cancel()
      })
    } finally {
      signal?.removeEventListener('abort', cancel)
      worker.unref()
      this.#idle = setTimeout(() => this.#endIdle(worker), this.#idleMs).unref()
    }
  }

  /** Ends the thread; what was asked of it rejects. */
  async close(): Promise<void> {
    clearTimeout(this.#idle)
    await this.#worker?.terminate()
  }

  #endIdle(worker: Worker): void {
    // What is asked while it ends is not for it any more.
    if (this.#worker === worker) this.#worker = undefined
    worker.terminate()
  }

  #start(): Worker {
    const worker = this.#begin()
    const ended = (error: unknown) => {
      if (this.#worker !== worker) return
      // What is asked next begins another one.
      this.#worker = undefined
      this.#waiting?.reject(error)
    }
    worker.on('message', answer => this.#waiting?.resolve(answer))
    worker.on('error', ended)
    worker.on('exit', () => ended(new Error(`the thread that ${this.#purpose} was ended`)))
    return worker
  }
}

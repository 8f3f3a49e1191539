import { Worker } from 'node:worker_threads'
import type { RequestLimits } from '../protocol/management.ts'
import type { CheckingTask } from './checking-worker.ts'
import type { Crossing } from './crossing.ts'

// By the package, not by this file: in the bundled programs it is elsewhere.
const script = new URL(import.meta.resolve('#checking-worker'))

/** How long the thread stays when nothing is to be checked: it keeps the memory of what it checked last. */
const idleMs = 10_000

const mebibyte = 1_048_576

/**
 * What the thread's heap may have: so many MiB, and so many times the longest message. What messages are bounded by needs less
 * than a third of it, whatever they are made of. It is not there to be reached: V8 may end the process then, and not the thread.
 */
const spareHeapMiB = 128
const heapPerByte = 8

/** How a thread checks, and what. */
export interface CheckingSettings {
  readonly limits: RequestLimits
  /** Longest message in bytes. */
  readonly maxMessageBytes: number
}

/** Whoever waits for an answer of the thread. */
interface Waiting {
  resolve(answer: Crossing): void
  reject(error: unknown): void
}

/** Decodes and checks in a thread of its own, which is there while there is something to check. */
export class CheckingThread {
  readonly #settings: CheckingSettings
  #worker: Worker | undefined
  #waiting: Waiting | undefined
  #idle: NodeJS.Timeout | undefined

  constructor(settings: CheckingSettings) {
    this.#settings = settings
  }

  /**
   * Checks; one task at a time. The memory of the bytes is handed over, if they have all of it. Rejects if the thread ends.
   */
  async check(task: CheckingTask): Promise<Crossing> {
    clearTimeout(this.#idle)
    this.#worker ??= this.#start()
    const worker = this.#worker
    const { buffer, byteLength } = task.bytes
    worker.ref()
    try {
      return await new Promise<Crossing>((resolve, reject) => {
        this.#waiting = { resolve, reject }
        worker.postMessage(task, buffer.byteLength === byteLength ? [buffer as ArrayBuffer] : [])
      })
    } finally {
      worker.unref()
      this.#idle = setTimeout(() => worker.terminate(), idleMs).unref()
    }
  }

  /** Ends the thread; what is being checked rejects. */
  async close(): Promise<void> {
    clearTimeout(this.#idle)
    await this.#worker?.terminate()
  }

  #start(): Worker {
    const { limits, maxMessageBytes } = this.#settings
    const maxOldGenerationSizeMb = spareHeapMiB + Math.ceil((heapPerByte * maxMessageBytes) / mebibyte)
    const worker = new Worker(script, { workerData: limits, resourceLimits: { maxOldGenerationSizeMb } })
    const ended = (error: unknown) => {
      if (this.#worker !== worker) return
      // What is checked next begins another one.
      this.#worker = undefined
      this.#waiting?.reject(error)
    }
    worker.on('message', answer => this.#waiting?.resolve(answer))
    worker.on('error', ended)
    worker.on('exit', () => ended(new Error('the thread that checks messages was ended')))
    return worker
  }
}

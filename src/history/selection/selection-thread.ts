import { Worker } from 'node:worker_threads'
import { BackgroundThread } from '../../threads/background-thread.ts'
import type { Selected } from './selection.ts'
import type { SelectionAnswer, SelectionTask } from './selection-worker.ts'

// By the package, not by this file: in the bundled programs it is elsewhere.
const script = new URL(import.meta.resolve('#selection-worker'))

/**
 * Selects in a thread of its own. A selection looks at every message of the log that may belong to it, a second for each
 * million: who is live must not wait for that.
 */
export class SelectionThread {
  readonly #thread = new BackgroundThread<SelectionTask, SelectionAnswer>(() => new Worker(script), 'selects snapshots')
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
      const answer = await this.#thread.ask(await taskAtLast(), [], signal)
      signal.throwIfAborted()
      if ('error' in answer) throw answer.error
      return answer.selected
    })
    // One that fails does not keep the next from being made.
    this.#selecting = selection.catch(() => {})
    return selection
  }

  /** Ends the thread; what is being selected rejects. */
  close(): Promise<void> {
    return this.#thread.close()
  }
}

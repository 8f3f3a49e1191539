import { setTimeout } from 'node:timers/promises'
import type { BusEvent } from './events.ts'
import type { SnapshotRequest } from './message.ts'
import type { Publishable } from './publishable.ts'

/**
 * Answers a snapshot request: yields what the application knows, oldest first if it can. `signal` is aborted when nobody
 * wants the rest any more.
 */
export type AnswerSnapshot = (
  request: SnapshotRequest,
  signal: AbortSignal,
) => AsyncIterable<Publishable> | Iterable<Publishable>

/** Snapshot requests answered at the same time; with more, the subscription they come from waits. */
const maxAnswersAtOnce = 8

/** The answers that one subscription's snapshot requests are being given. */
export class SnapshotAnswers {
  readonly #answer: AnswerSnapshot
  readonly #send: (request: SnapshotRequest, object: Publishable) => Promise<void>
  readonly #tell: (event: BusEvent) => void
  readonly #unwanted = new AbortController()
  readonly #running = new Set<Promise<void>>()

  /** `send` publishes one object of an answer. */
  constructor(
    answer: AnswerSnapshot,
    send: (request: SnapshotRequest, object: Publishable) => Promise<void>,
    tell: (event: BusEvent) => void,
  ) {
    this.#answer = answer
    this.#send = send
    this.#tell = tell
  }

  /** Begins an answer. Fulfilled when there is room for another one. Never throws. */
  async begin(request: SnapshotRequest): Promise<void> {
    const running = this.#run(request)
    this.#running.add(running)
    running.then(() => this.#running.delete(running))
    if (this.#running.size >= maxAnswersAtOnce) await Promise.race(this.#running)
  }

  /** Breaks off the answers, and waits until they have ended, but no longer than this. */
  async close(timeoutMs: number): Promise<void> {
    this.#unwanted.abort()
    await Promise.race([Promise.all(this.#running), setTimeout(timeoutMs, undefined, { ref: false })])
  }

  async #run(request: SnapshotRequest): Promise<void> {
    const { snapshotId, type } = request
    let objects = 0
    try {
      for await (const object of this.#answer(request, this.#unwanted.signal)) {
        if (this.#unwanted.signal.aborted) return
        await this.#send(request, object)
        objects++
      }
      this.#tell({ event: 'snapshot_answered', snapshotId, type, objects })
    } catch (error) {
      if (!this.#unwanted.signal.aborted) this.#tell({ event: 'snapshot_failed', snapshotId, type, error })
    }
  }
}

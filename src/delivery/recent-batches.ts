import type { LoggedBatch } from './batch.ts'

/** The newest batches of the log, in memory, in ascending order of their sequence numbers. */
export class RecentBatches {
  #batches: LoggedBatch[] = []
  #first = 0
  #messages = 0
  #bytes = 0

  /** Messages that it holds. */
  get messages(): number {
    return this.#messages
  }

  /** Bytes that it holds. */
  get bytes(): number {
    return this.#bytes
  }

  /** The oldest batch, or undefined if there is none. */
  get oldest(): LoggedBatch | undefined {
    return this.#batches[this.#first]
  }

  /** Is there one batch at most? */
  get isDownToOne(): boolean {
    return this.#batches.length - this.#first <= 1
  }

  /** Appends a batch whose sequence numbers follow all others. */
  push(batch: LoggedBatch): void {
    this.#batches.push(batch)
    this.#messages += batch.messages.length
    this.#bytes += batch.bytes
  }

  /** Drops the oldest batch. Those dropped are let go in strides, so that the cost per batch is constant. */
  dropOldest(): void {
    const oldest = this.oldest
    if (oldest === undefined) return
    this.#messages -= oldest.messages.length
    this.#bytes -= oldest.bytes
    this.#batches[this.#first] = nothing
    this.#first++
    if (this.#first < 64 || this.#first * 2 < this.#batches.length) return
    this.#batches = this.#batches.slice(this.#first)
    this.#first = 0
  }

  /** The batch with this sequence number or, if no batch has it, the next one after it. Undefined if there is neither. */
  at(sequence: number): LoggedBatch | undefined {
    const last = this.#batches.length - 1
    const newest = this.#batches[last]
    // Whoever keeps up reads the newest.
    if (newest !== undefined && sequence >= newest.first) return sequence < endOf(newest) ? newest : undefined
    let from = this.#first
    let to = last
    while (from < to) {
      const middle = (from + to) >> 1
      if (endOf(this.#batches[middle] as LoggedBatch) <= sequence) from = middle + 1
      else to = middle
    }
    return this.#batches[from]
  }
}

/** The sequence number after the last of a batch. */
export function endOf(batch: LoggedBatch): number {
  return batch.first + batch.messages.length
}

/** Stands where a batch was, so that its messages can be collected as garbage. */
const nothing: LoggedBatch = { messages: [], bytes: 0, first: 0, acceptedMs: 0 }

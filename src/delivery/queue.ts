import type { Message } from '../protocol/message.ts'
import type { Batch } from './batch.ts'

/** How much a queue may hold, and what it then does. */
export interface QueueBounds {
  readonly maxMessages: number
  readonly maxBytes: number
  /** The policy when full. `drop_oldest`: what is new is worth more than what has waited longest. */
  readonly whenFull: 'drop_oldest'
}

/** What a queue tells its owner: edges only, never single messages. */
export interface QueueEdges {
  /** The queue went from empty to non-empty. */
  filled(): void
  /** The queue is full and dropped its first message of this episode. */
  overflowed(): void
  /** The queue is empty after an episode in which it dropped so many messages. */
  recovered(dropped: number): void
}

/**
 * A subscriber's queue: first in, first out, bounded by messages and by bytes.
 *
 * It holds batches, not messages: pushing a batch costs the same however many messages it has, and every queue that
 * holds it shares it. Invariants: `#batches[#first]` is the batch at the head and `#offset` the next message in it;
 * what is before them is taken or dropped; an empty queue holds no batch.
 */
export class Queue {
  readonly #bounds: QueueBounds
  readonly #edges: QueueEdges
  #batches: Batch[] = []
  #first = 0
  #offset = 0
  #length = 0
  #bytes = 0
  #dropped = 0
  #droppedInEpisode = 0

  constructor(bounds: QueueBounds, edges: QueueEdges) {
    this.#bounds = bounds
    this.#edges = edges
  }

  /** Messages that wait. */
  get length(): number {
    return this.#length
  }

  /** Bytes that wait; bodies that other queues share are counted in each. */
  get bytes(): number {
    return this.#bytes
  }

  /** Messages dropped since the queue was made. */
  get dropped(): number {
    return this.#dropped
  }

  /** Appends a batch; drops the oldest messages while there is more than the bounds allow. */
  push(batch: Batch): void {
    if (batch.messages.length === 0) return
    const wasEmpty = this.#length === 0
    this.#batches.push(batch)
    this.#length += batch.messages.length
    this.#bytes += batch.bytes
    if (this.#length > this.#bounds.maxMessages || this.#bytes > this.#bounds.maxBytes) this.#dropOldest()
    if (wasEmpty && this.#length > 0) this.#edges.filled()
  }

  /** The message at the head, or undefined when the queue is empty. */
  get head(): Message | undefined {
    return this.#batches[this.#first]?.messages[this.#offset]
  }

  /**
   * Steps over `sent`, which was the head when its sending began. If the queue overflowed meanwhile the head is another
   * message by now, and nothing is stepped over.
   */
  skip(sent: Message): void {
    if (this.head !== sent) return
    this.#advance(sent)
    if (this.#length === 0 && this.#droppedInEpisode > 0) this.#endEpisode()
  }

  /** Discards everything that waits, without counting it as dropped. */
  clear(): void {
    this.#batches = []
    this.#first = this.#offset = this.#length = this.#bytes = 0
    if (this.#droppedInEpisode > 0) this.#endEpisode()
  }

  #dropOldest(): void {
    if (this.#droppedInEpisode === 0) this.#edges.overflowed()
    while (this.#length > this.#bounds.maxMessages || this.#bytes > this.#bounds.maxBytes) {
      const oldest = this.head
      if (oldest === undefined) break
      this.#advance(oldest)
      this.#dropped++
      this.#droppedInEpisode++
    }
  }

  #endEpisode(): void {
    const dropped = this.#droppedInEpisode
    this.#droppedInEpisode = 0
    this.#edges.recovered(dropped)
  }

  /** Steps over the head. Batches that were stepped over are let go in strides, so that the cost per message is constant. */
  #advance(head: Message): void {
    this.#length--
    this.#bytes -= head.bytes
    this.#offset++
    if (this.#offset < (this.#batches[this.#first]?.messages.length ?? 0)) return
    this.#offset = 0
    this.#batches[this.#first] = nothing
    this.#first++
    if (this.#first === this.#batches.length) {
      this.#batches = []
      this.#first = 0
    } else if (this.#first >= 64 && this.#first * 2 > this.#batches.length) {
      this.#batches.splice(0, this.#first)
      this.#first = 0
    }
  }
}

/** Stands where a batch was, so that its messages can be collected as garbage. */
const nothing: Batch = { messages: [], bytes: 0 }

import type { Interest } from '../protocol/topics.ts'
import type { LoggedBatch } from './batch.ts'

/** A queue that has nothing to send, and wants to hear when that changes. */
export interface IdleQueue {
  /** The subscriber's p2p topic. */
  readonly topic: string
  readonly interest: Interest
  /** This batch has the first message for it since it became idle. */
  wake(batch: LoggedBatch): void
}

/**
 * The queues of those who have been sent everything, by what they wait for. A queue that still has something to send is
 * not here: it reads on by itself.
 */
export class IdleQueues {
  readonly #waiting: Readonly<Record<Interest, Map<string, IdleQueue>>> = {
    indicator: new Map(),
    sighting: new Map(),
    both: new Map(),
    none: new Map(),
  }

  #size = 0

  /** How many queues wait. */
  get size(): number {
    return this.#size
  }

  /** The queue waits from now on. */
  add(queue: IdleQueue): void {
    this.#waiting[queue.interest].set(queue.topic, queue)
    this.#size++
  }

  /** The queue waits no more. */
  remove(queue: IdleQueue): void {
    if (this.#waiting[queue.interest].delete(queue.topic)) this.#size--
  }

  /** Wakes every queue for which this batch has a message. */
  wake(batch: LoggedBatch): void {
    let indicators = false
    let sightings = false
    for (const { type, audience } of batch.messages) {
      if (audience !== undefined) {
        if ('only' in audience) this.#wakeOne(audience.only, batch)
        else for (const interest in this.#waiting) this.#wakeAll(interest as Interest, batch, audience.except)
      } else if (type === 'indicator') indicators = true
      else sightings = true
    }
    if (indicators || sightings) this.#wakeAll('both', batch)
    if (indicators) this.#wakeAll('indicator', batch)
    if (sightings) this.#wakeAll('sighting', batch)
  }

  #wakeOne(topic: string, batch: LoggedBatch): void {
    for (const waiting of Object.values(this.#waiting)) {
      const queue = waiting.get(topic)
      if (queue === undefined) continue
      this.remove(queue)
      queue.wake(batch)
    }
  }

  /** Wakes all who wait for this but one: no other message of the batch need wake them again. */
  #wakeAll(interest: Interest, batch: LoggedBatch, except?: string): void {
    const waiting = this.#waiting[interest]
    for (const [topic, queue] of waiting) {
      if (topic === except) continue
      this.remove(queue)
      queue.wake(batch)
    }
  }
}

import type { Interest, MessageType } from '../protocol/topics.ts'
import { type Batch, batchOf } from './batch.ts'
import type { Queue } from './queue.ts'

/**
 * Which queues want which messages. It is written on subscription and unsubscription only; routing a batch reads three
 * sets, and all queues with the same interest get the same batch.
 */
export class RoutingTable {
  readonly #queues: Readonly<Record<Exclude<Interest, 'none'>, Set<Queue>>> = {
    indicator: new Set(),
    sighting: new Set(),
    both: new Set(),
  }

  /** From now on `queue` gets what `interest` covers. An interest in nothing is not remembered. */
  add(queue: Queue, interest: Interest): void {
    if (interest !== 'none') this.#queues[interest].add(queue)
  }

  /** From now on `queue` gets nothing. */
  remove(queue: Queue): void {
    for (const queues of Object.values(this.#queues)) queues.delete(queue)
  }

  /** Pushes the batch, or the part of it that it wants, onto every queue. */
  route(batch: Batch): void {
    for (const queue of this.#queues.both) queue.push(batch)
    this.#routeOnly('indicator', batch)
    this.#routeOnly('sighting', batch)
  }

  #routeOnly(type: MessageType, batch: Batch): void {
    const queues = this.#queues[type]
    if (queues.size === 0) return
    const wanted = batch.messages.every(message => message.type === type)
      ? batch
      : batchOf(batch.messages.filter(message => message.type === type))
    for (const queue of queues) queue.push(wanted)
  }
}

import { randomUUID } from 'node:crypto'
import { type AnyActorRef, createActor } from 'xstate'
import type { snapshotExchangeChart } from '../../machines/snapshot-exchange.ts'
import { type Batch, batchOf } from '../delivery/batch.ts'
import type { EnvelopedMessage } from '../protocol/frames.ts'
import type { Message } from '../protocol/message.ts'
import { snapshotRequest } from '../protocol/snapshots.ts'
import { type MessageType, snapshotTypesOf } from '../protocol/topics.ts'
import type { SnapshotExchangeActor } from './snapshot-exchange.ts'
import type { Subscribers } from './subscribers.ts'

/** An open exchange: the actor, whom the envelopes go to, and the requests that applications get. */
interface Exchange {
  readonly actor: SnapshotExchangeActor
  readonly requester: string
  readonly requests: Batch
  /** The versions of objects that were sent to the requester already. */
  readonly sent: Set<string>
}

/** The snapshots that are to be asked for one subscribed topic. */
export interface SnapshotWish {
  readonly types: readonly MessageType[]
  readonly days: number
}

/** The snapshots that a subscription asks for: one for each topic that covers any type (PROTOCOL "Snapshots"). */
export function snapshotWishes(topics: readonly string[], days: number): readonly SnapshotWish[] {
  if (days === 0) return []
  return topics.map(topic => ({ types: snapshotTypesOf(topic), days })).filter(wish => wish.types.length > 0)
}

/** How many snapshots, and how much of them. */
export interface SnapshotLimits {
  /** Exchanges that may be open; one more, and the oldest is closed (`crowded_out`). */
  readonly maxOpen: number
  /** Versions of objects remembered over all exchanges; what is beyond may be sent to its requester twice. */
  readonly maxMerged: number
}

/** Every open snapshot exchange, by its snapshot id. */
export class SnapshotExchanges {
  readonly #exchanges = new Map<string, Exchange>()
  readonly #subscribers: Subscribers
  readonly #limits: SnapshotLimits
  /** Versions that all open exchanges remember together. */
  #remembered = 0

  constructor(subscribers: Subscribers, limits: SnapshotLimits) {
    this.#subscribers = subscribers
    this.#limits = limits
  }

  get size(): number {
    return this.#exchanges.size
  }

  /** Opens an exchange on behalf of `requester` and starts its actor as a child of `supervisor`. */
  open(logic: typeof snapshotExchangeChart, supervisor: AnyActorRef, requester: string, wish: SnapshotWish): void {
    const [oldest] = this.#exchanges.values()
    if (oldest && this.#exchanges.size >= this.#limits.maxOpen) oldest.actor.send({ type: 'exchange.crowdedOut' })
    const snapshotId = randomUUID()
    const actor = createActor(logic, {
      id: `snapshot.${snapshotId}`,
      parent: supervisor,
      input: { snapshotId, requester },
    })
    const requests = batchOf(wish.types.map(type => snapshotRequest(snapshotId, type, wish.days)))
    this.#exchanges.set(snapshotId, { actor, requester, requests, sent: new Set() })
    actor.start()
  }

  /** Sends the exchange's requests to every subscriber but the requester. */
  ask(snapshotId: string): void {
    const exchange = this.#exchanges.get(snapshotId)
    if (exchange) this.#subscribers.pushToOthers(exchange.requester, exchange.requests)
  }

  /** Is there no other subscriber than `requester`? */
  nobodyToAsk(requester: string): boolean {
    return this.#subscribers.size === (this.#subscribers.find(requester) ? 1 : 0)
  }

  /**
   * Hands answers to the requester; false if no such exchange is open. Of an object that several applications answer with,
   * each version goes once (PROTOCOL "Snapshots": same `id`, same `modified`).
   */
  deliver(snapshotId: string, answers: readonly EnvelopedMessage[]): boolean {
    const exchange = this.#exchanges.get(snapshotId)
    const requester = exchange && this.#subscribers.find(exchange.requester)
    if (exchange === undefined || requester === undefined) return false
    const fresh = answers.filter(({ message }) => this.#isFirst(exchange, message))
    requester.queue.push(batchOf(fresh.map(({ message }) => message)))
    exchange.actor.send({ type: 'envelope.received' })
    return true
  }

  #isFirst({ sent }: Exchange, { object }: Message): boolean {
    if (!object?.id || !object.modified) return true
    const version = `${object.id} ${object.modified}`
    if (sent.has(version)) return false
    if (this.#remembered < this.#limits.maxMerged) {
      sent.add(version)
      this.#remembered++
    }
    return true
  }

  /** Closes an exchange and answers its requester's p2p topic. */
  close(snapshotId: string): string | undefined {
    const exchange = this.#exchanges.get(snapshotId)
    this.#exchanges.delete(snapshotId)
    this.#remembered -= exchange?.sent.size ?? 0
    return exchange?.requester
  }

  /** The subscriber left: nobody waits for its snapshots any more. */
  requesterLeft(topic: string): void {
    for (const { requester, actor } of this.#exchanges.values()) {
      if (requester === topic) actor.send({ type: 'requester.left' })
    }
  }
}

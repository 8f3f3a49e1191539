import { randomUUID } from 'node:crypto'
import { type AnyActorRef, createActor } from 'xstate'
import type { snapshotExchangeChart } from '../../machines/snapshot-exchange.ts'
import { type Batch, batchOf } from '../delivery/batch.ts'
import type { SnapshotSelection } from '../delivery/message-store.ts'
import type { Selections } from '../delivery/selections.ts'
import type { EnvelopedMessage } from '../protocol/frames.ts'
import type { Message } from '../protocol/message.ts'
import { snapshotRequest } from '../protocol/snapshots.ts'
import { type MessageType, snapshotTypesOf, typesOf } from '../protocol/topics.ts'
import type { SnapshotExchangeActor } from './snapshot-exchange.ts'
import type { Subscribers } from './subscribers.ts'

/** An open exchange: the actor, whom the envelopes go to, and the requests that applications get. */
interface Exchange {
  readonly actor: SnapshotExchangeActor
  readonly requester: string
  /** When it was opened, on the clock of `performance.now()`. */
  readonly openedMs: number
  readonly requests: readonly Message[]
  /** The versions of objects that applications answered with already. */
  readonly answered: Set<string>
  /** What the requester gets from the history. */
  selection: SnapshotSelection | undefined
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

/** What snapshot exchanges need of the broker. */
export interface SnapshotExchangesSurroundings {
  readonly subscribers: Subscribers
  readonly limits: SnapshotLimits
  /** What each requester gets from the history; undefined if there is none. */
  readonly selections: Selections | undefined
  /** Puts messages on their way. */
  publish(batch: Batch): void
}

/** Every open snapshot exchange, by its snapshot id. */
export class SnapshotExchanges {
  readonly #exchanges = new Map<string, Exchange>()
  readonly #surroundings: SnapshotExchangesSurroundings
  /** Versions that all open exchanges remember together. */
  #remembered = 0
  #unmerged = 0

  constructor(surroundings: SnapshotExchangesSurroundings) {
    this.#surroundings = surroundings
  }

  get size(): number {
    return this.#exchanges.size
  }

  /** The actors of the open exchanges. */
  *[Symbol.iterator](): Generator<SnapshotExchangeActor> {
    for (const { actor } of this.#exchanges.values()) yield actor
  }

  /** The same with their snapshot ids. */
  *entries(): Generator<[snapshotId: string, actor: SnapshotExchangeActor]> {
    for (const [snapshotId, { actor }] of this.#exchanges) yield [snapshotId, actor]
  }

  /** Versions of objects that could not be remembered, because as many were as may be. */
  get unmerged(): number {
    return this.#unmerged
  }

  /** The ids of the exchanges that are open on behalf of `requester`. */
  openFor(requester: string): readonly string[] {
    return [...this.#exchanges].filter(([, exchange]) => exchange.requester === requester).map(([id]) => id)
  }

  /** Opens an exchange on behalf of `requester` and starts its actor as a child of `supervisor`. */
  open(logic: typeof snapshotExchangeChart, supervisor: AnyActorRef, requester: string, wish: SnapshotWish): void {
    const snapshotId = randomUUID()
    const requests = wish.types.map(type => snapshotRequest(snapshotId, type, wish.days, requester))
    this.#start(logic, supervisor, { snapshotId, requester, wasAsked: false }, requests)
  }

  /** Opens an exchange that an earlier broker had open: its requests went out, and answers may still come. */
  restore(logic: typeof snapshotExchangeChart, supervisor: AnyActorRef, requester: string, snapshotId: string): void {
    this.#start(logic, supervisor, { snapshotId, requester, wasAsked: true }, [])
    this.select(snapshotId)
  }

  #start(
    logic: typeof snapshotExchangeChart,
    supervisor: AnyActorRef,
    input: { readonly snapshotId: string; readonly requester: string; readonly wasAsked: boolean },
    requests: readonly Message[],
  ): void {
    const [oldest] = this.#exchanges.values()
    if (oldest && this.#exchanges.size >= this.#surroundings.limits.maxOpen) {
      oldest.actor.send({ type: 'exchange.crowdedOut' })
    }
    const { snapshotId, requester } = input
    const actor = createActor(logic, { id: `snapshot.${snapshotId}`, parent: supervisor, input })
    this.#exchanges.set(snapshotId, {
      ...{ actor, requester, requests, answered: new Set(), selection: undefined },
      openedMs: performance.now(),
    })
    actor.start()
  }

  /** Finds out what the history has for the requester; if there is somebody to ask, so that answers can be merged with it. */
  async select(snapshotId: string): Promise<void> {
    const exchange = this.#exchanges.get(snapshotId)
    const requester = exchange && this.#surroundings.subscribers.find(exchange.requester)
    const { selections, limits } = this.#surroundings
    if (exchange && selections && requester?.snapshot && !this.nobodyToAsk(exchange.requester)) {
      const { topic, snapshot, queue } = requester
      const room = limits.maxMerged - this.#remembered
      try {
        const selection = await selections.of(topic, snapshot, typesOf(queue.interest), room)
        if (this.#exchanges.get(snapshotId) === exchange) this.#merge(exchange, selection)
        else selection.forgetVersions()
      } catch {
        // A history that can't be read is told of where it is replayed. Applications may know more.
      }
    }
    exchange?.actor.send({ type: 'history.selected' })
  }

  /** Answers are merged with this selection, if there is room for its versions: others may have taken it meanwhile. */
  #merge(exchange: Exchange, selection: SnapshotSelection): void {
    if (this.#remembered + selection.versions <= this.#surroundings.limits.maxMerged) {
      exchange.selection = selection
      this.#remembered += selection.versions
    } else {
      this.#unmerged += selection.versions
      selection.forgetVersions()
    }
  }

  /** Sends the exchange's requests to every subscriber but the requester. */
  ask(snapshotId: string): void {
    const exchange = this.#exchanges.get(snapshotId)
    if (exchange) this.#surroundings.publish(batchOf(exchange.requests))
  }

  /** Is there no other subscriber than `requester`? */
  nobodyToAsk(requester: string): boolean {
    const { subscribers } = this.#surroundings
    return subscribers.size === (subscribers.find(requester) ? 1 : 0)
  }

  /**
   * Hands answers to the requester; false if no such exchange is open. Of an object that the history has, or that several
   * applications answer with, each version goes once (PROTOCOL "Snapshots": same `id`, same `modified`).
   */
  deliver(snapshotId: string, answers: readonly EnvelopedMessage[]): boolean {
    const exchange = this.#exchanges.get(snapshotId)
    if (exchange === undefined || !this.#surroundings.subscribers.find(exchange.requester)) return false
    const fresh = answers.filter(({ message }) => this.#isFirst(exchange, message))
    const audience = { only: exchange.requester }
    const messages = fresh.map(({ message }) => ({ ...message, audience, object: undefined }))
    if (messages.length > 0) this.#surroundings.publish(batchOf(messages))
    exchange.actor.send({ type: 'envelope.received' })
    return true
  }

  #isFirst({ answered, selection }: Exchange, { object }: Message): boolean {
    if (!object?.id || !object.modified) return true
    const { id, modified } = object
    const version = `${id} ${modified}`
    if (answered.has(version) || selection?.hasVersion(id, modified)) return false
    if (this.#remembered < this.#surroundings.limits.maxMerged) {
      answered.add(version)
      this.#remembered++
    } else this.#unmerged++
    return true
  }

  /** Closes an exchange and answers its requester's p2p topic, and how long it was open. */
  close(snapshotId: string): { readonly requester: string; readonly seconds: number } | undefined {
    const exchange = this.#exchanges.get(snapshotId)
    this.#exchanges.delete(snapshotId)
    this.#remembered -= (exchange?.answered.size ?? 0) + (exchange?.selection?.versions ?? 0)
    exchange?.selection?.forgetVersions()
    return exchange && { requester: exchange.requester, seconds: (performance.now() - exchange.openedMs) / 1000 }
  }

  /** Suspends every exchange. */
  stopAll(): void {
    for (const actor of this) actor.send({ type: 'broker.stopped' })
  }

  /** The subscriber left: nobody waits for its snapshots any more. */
  requesterLeft(topic: string): void {
    for (const { requester, actor } of this.#exchanges.values()) {
      if (requester === topic) actor.send({ type: 'requester.left' })
    }
  }
}

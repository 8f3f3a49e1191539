import { randomUUID } from 'node:crypto'
import { type AnyActorRef, createActor } from 'xstate'
import type { snapshotExchangeChart } from '../../machines/snapshot-exchange.ts'
import { type Batch, batchOf } from '../delivery/batch.ts'
import type { SharedSelection, SnapshotSelection } from '../delivery/message-store.ts'
import type { Selections } from '../delivery/selections.ts'
import type { EnvelopedMessage } from '../protocol/frames.ts'
import type { Message } from '../protocol/message.ts'
import { snapshotRequest } from '../protocol/snapshots.ts'
import { type MessageType, snapshotTypesOf, typesOf } from '../protocol/topics.ts'
import { Groups } from './groups.ts'
import { RequestPace, type Requests } from './request-pace.ts'
import type { SnapshotExchangeActor } from './snapshot-exchange.ts'
import type { Subscribers } from './subscribers.ts'

/** An open exchange: the actor, whom the envelopes go to, and the requests that applications get. */
interface Exchange extends Requests {
  readonly actor: SnapshotExchangeActor
  readonly requester: string
  /** Where the requester subscribed from. */
  readonly address: string
  /** When it was opened, on the clock of `performance.now()`. */
  readonly openedMs: number
  readonly requests: readonly Message[]
  /** The versions of objects that applications answered with already. */
  readonly answered: Set<string>
  /** What the requester gets from the history. */
  selection: SnapshotSelection | undefined
  /** Aborted when it is closed. */
  readonly ending: AbortController
}

/** The snapshot that a subscription asks for. */
export interface SnapshotWish {
  readonly types: readonly MessageType[]
  readonly days: number
}

/**
 * The snapshot that a subscription asks for: of all types that its topics cover, once, however many of them cover one
 * (PROTOCOL "Snapshots"). Undefined if there are none.
 */
export function snapshotWish(topics: readonly string[], days: number): SnapshotWish | undefined {
  const covered = new Set(days === 0 ? [] : topics.flatMap(snapshotTypesOf))
  // In one order, whatever that of the topics.
  const types = typesOf('both').filter(type => covered.has(type))
  return types.length > 0 ? { types, days } : undefined
}

/** How many snapshots, and how much of them. */
export interface SnapshotLimits {
  /** Exchanges that may be open; one more, and the oldest of the address that has most is closed (`crowded_out`). */
  readonly maxOpen: number
  /** Requests that go out to applications in a second, each counted as often as there are subscribers that get it. */
  readonly maxRequestsPerSecond: number
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
  /** The snapshot ids of each requester, and of each address. */
  readonly #ofRequester = new Groups()
  readonly #ofAddress = new Groups()
  readonly #pace: RequestPace
  /** How many exchanges merge answers with each selection. */
  readonly #merging = new Map<SharedSelection, number>()
  readonly #surroundings: SnapshotExchangesSurroundings
  /** Versions that all open exchanges remember together. */
  #remembered = 0
  #unmerged = 0

  constructor(surroundings: SnapshotExchangesSurroundings) {
    this.#surroundings = surroundings
    this.#pace = new RequestPace(surroundings.limits.maxRequestsPerSecond)
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

  /** How many had to wait until their requests went out. */
  get heldBack(): number {
    return this.#pace.heldBack
  }

  /** The ids of the exchanges that are open on behalf of `requester`. */
  openFor(requester: string): readonly string[] {
    return [...this.#ofRequester.of(requester)]
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
    if (this.#exchanges.size >= this.#surroundings.limits.maxOpen) {
      const [oldest = ''] = this.#ofAddress.largest
      this.#exchanges.get(oldest)?.actor.send({ type: 'exchange.crowdedOut' })
    }
    const { snapshotId, requester } = input
    const address = this.#surroundings.subscribers.find(requester)?.address ?? ''
    const actor = createActor(logic, { id: `snapshot.${snapshotId}`, parent: supervisor, input })
    this.#exchanges.set(snapshotId, {
      ...{
        actor,
        requester,
        address,
        requests,
        answered: new Set(),
        selection: undefined,
        ending: new AbortController(),
      },
      openedMs: performance.now(),
      frames: () => requests.length * this.#othersThan(requester),
      admit: () => actor.send({ type: 'requests.admitted' }),
    })
    this.#ofRequester.add(requester, snapshotId)
    this.#ofAddress.add(address, snapshotId)
    actor.start()
  }

  /** Finds out what the history has for the requester; if there is somebody to ask, so that answers can be merged with it. */
  async select(snapshotId: string): Promise<void> {
    const exchange = this.#exchanges.get(snapshotId)
    const requester = exchange && this.#surroundings.subscribers.find(exchange.requester)
    const { selections, limits } = this.#surroundings
    if (exchange && selections && requester?.snapshot && !this.nobodyToAsk(exchange.requester)) {
      const { snapshot, queue } = requester
      const maxVersions = limits.maxMerged - this.#remembered
      const wish = { types: typesOf(queue.interest), maxVersions, signal: exchange.ending.signal }
      try {
        const selection = await selections.of({ topic: requester.topic, address: exchange.address }, snapshot, wish)
        if (selection && this.#exchanges.get(snapshotId) === exchange) this.#merge(exchange, selection)
      } catch {
        // A history that can't be read is told of where it is replayed. Applications may know more.
      }
    }
    exchange?.actor.send({ type: 'history.selected' })
  }

  /** Answers are merged with this selection, if there is room for its versions: others may have taken it meanwhile. */
  #merge(exchange: Exchange, selection: SnapshotSelection): void {
    const { shared } = selection
    const others = this.#merging.get(shared) ?? 0
    const { versions = 0 } = shared
    if (others === 0 && this.#remembered + versions > this.#surroundings.limits.maxMerged) {
      this.#unmerged += versions
      shared.forgetVersions()
      return
    }
    if (others === 0) this.#remembered += versions
    this.#merging.set(shared, others + 1)
    exchange.selection = selection
  }

  #stopMerging({ shared }: SnapshotSelection): void {
    const others = (this.#merging.get(shared) ?? 0) - 1
    if (others > 0) this.#merging.set(shared, others)
    else {
      this.#merging.delete(shared)
      this.#remembered -= shared.versions ?? 0
      shared.forgetVersions()
    }
  }

  /** Admits the exchange's requests when it is their turn. */
  queueRequests(snapshotId: string): void {
    const exchange = this.#exchanges.get(snapshotId)
    if (exchange) this.#pace.queue(exchange.address, exchange)
  }

  /** Sends the exchange's requests to every subscriber but the requester. */
  ask(snapshotId: string): void {
    const exchange = this.#exchanges.get(snapshotId)
    if (exchange) this.#surroundings.publish(batchOf(exchange.requests))
  }

  /** Is there no other subscriber than `requester`? */
  nobodyToAsk(requester: string): boolean {
    return this.#othersThan(requester) === 0
  }

  #othersThan(requester: string): number {
    const { subscribers } = this.#surroundings
    return subscribers.size - (subscribers.find(requester) ? 1 : 0)
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
    if (exchange === undefined) return undefined
    const { requester, address, answered, selection, ending, openedMs } = exchange
    this.#exchanges.delete(snapshotId)
    this.#ofRequester.delete(requester, snapshotId)
    this.#ofAddress.delete(address, snapshotId)
    this.#pace.cancel(address, exchange)
    ending.abort()
    this.#remembered -= answered.size
    if (selection) this.#stopMerging(selection)
    return { requester, seconds: (performance.now() - openedMs) / 1000 }
  }

  /** Suspends every exchange. */
  stopAll(): void {
    for (const actor of this) actor.send({ type: 'broker.stopped' })
  }

  /** The subscriber left: nobody waits for its snapshots any more. */
  requesterLeft(topic: string): void {
    for (const snapshotId of this.openFor(topic)) {
      this.#exchanges.get(snapshotId)?.actor.send({ type: 'requester.left' })
    }
  }
}

import { setTimeout as sleep } from 'node:timers/promises'
import PQueue from 'p-queue'
import type { Bus } from '../client/bus.ts'
import { BusClosedError, InvalidMessageError } from '../client/errors.ts'
import { type RetryPauses, retryPauseMs } from '../client/session.ts'
import { Budget } from './budget.ts'
import type { Counters } from './counters.ts'
import { writeObject } from './json-text.ts'
import type { Destination } from './reporting.ts'
import type { MatchSighting } from './sightings.ts'
import type { ConnectorStory } from './story.ts'
import type { Kept, WaitingStore } from './waiting-file.ts'

/** Sightings that are on their way at once: as many as the client library puts into one request. */
const atOnce = 500

/** What the outbox needs. */
export interface OutboxSurroundings {
  readonly bus: Pick<Bus, 'publish'>
  readonly store: WaitingStore
  readonly story: ConnectorStory
  readonly counters: Counters
  readonly pauses: RetryPauses
  /** Bytes of sightings that may wait. */
  readonly maxBytes: number
}

/**
 * Sightings on their way to the bus. Each waits here until there is a receipt for it, however long the bus is away (on a
 * bus that gives none, until the connection took it); when too much waits, whoever has another one waits as well.
 */
export class Outbox implements Destination {
  readonly #surroundings: OutboxSurroundings
  readonly #budget: Budget
  readonly #sending = new PQueue({ concurrency: atOnce })
  readonly #refusing = new AbortController()
  readonly #closing = new AbortController()
  #waiting = 0
  /** When somebody last got room after having waited for it. */
  #heldUpMs = 0

  constructor(surroundings: OutboxSurroundings) {
    this.#surroundings = surroundings
    this.#budget = new Budget(surroundings.maxBytes)
  }

  wasHeldUp(sinceMs: number): boolean {
    return this.#heldUpMs > sinceMs
  }

  /** Sightings that wait. */
  get waiting(): number {
    return this.#waiting
  }

  /** Bytes of them. */
  get waitingBytes(): number {
    return this.#budget.used
  }

  /** How often a sighting had to wait for room. */
  get holdUps(): number {
    return this.#budget.waits
  }

  /** Takes a sighting; fulfilled once there was room for it. Says whether it was taken: not once the connector ends. */
  async take(sighting: MatchSighting): Promise<boolean> {
    const text = writeObject(sighting)
    const bytes = Buffer.byteLength(text)
    const room = this.#budget.take(bytes, this.#refusing.signal)
    const taken = await room
    if (room !== true) this.#heldUpMs = performance.now()
    if (!taken) return false
    this.#send({ key: this.#surroundings.store.keep('sighting', text), text }, bytes)
    return true
  }

  /** Takes a sighting that an earlier run left. */
  resume({ key, text }: Kept): void {
    const bytes = Buffer.byteLength(text)
    this.#budget.hold(bytes)
    this.#send({ key, text }, bytes)
  }

  /** Fulfilled when nothing waits. */
  flush(): Promise<void> {
    return this.#sending.onIdle()
  }

  /** Takes no more. */
  refuse(): void {
    this.#refusing.abort()
  }

  /** Tries no more. What waits stays in the store. */
  close(): void {
    this.#closing.abort()
  }

  #send(kept: Pick<Kept, 'key' | 'text'>, bytes: number): void {
    this.#waiting++
    this.#sending.add(async () => {
      if (!(await this.#insist(kept.text))) return
      this.#waiting--
      this.#surroundings.store.drop(kept.key)
      this.#budget.give(bytes)
    })
  }

  /** Publishes until the bus has taken or refused it. Says whether that is so; not if the connector ends before. */
  async #insist(text: string): Promise<boolean> {
    const { bus, story, counters, pauses } = this.#surroundings
    for (let attempts = 1; !this.#closing.signal.aborted; attempts++) {
      try {
        await bus.publish(text)
        counters.reported()
        return true
      } catch (error) {
        if (error instanceof InvalidMessageError) {
          story.lost('sighting_refused', `a sighting was refused: ${error.message}`)
          return true
        }
        if (error instanceof BusClosedError) return false
        story.trouble('publish', `a sighting was not taken; it waits and is sent again: ${(error as Error).message}`)
      }
      await sleep(retryPauseMs(attempts, pauses), undefined, { signal: this.#closing.signal }).catch(() => {})
    }
    return false
  }
}

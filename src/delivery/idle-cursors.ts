import type { Interest } from '../protocol/topics.ts'
import type { LoggedBatch } from './batch.ts'

/** A cursor that has nothing to send, and wants to hear when that changes. */
export interface IdleCursor {
  /** The subscriber's p2p topic. */
  readonly topic: string
  /** What it waits for of what is for everyone. */
  readonly awaits: Interest
  /** Is there something before it that waits for its subscriber to want it? */
  readonly leavesBehind: boolean
  /** This batch has the first message for it since it became idle. */
  wake(batch: LoggedBatch): void
}

/**
 * The cursors of those who have been sent everything, by what they wait for. A cursor that still has something to send is
 * not here: it reads on by itself.
 */
export class IdleCursors {
  readonly #waiting: Readonly<Record<Interest, Set<IdleCursor>>> = {
    indicator: new Set(),
    sighting: new Set(),
    both: new Set(),
    none: new Set(),
  }

  #done = 0

  /** How many cursors wait that leave nothing behind: to them nobody need read what is in the log. */
  get done(): number {
    return this.#done
  }

  /** The cursor waits from now on. What it waits for and leaves behind must not change until it is removed. */
  add(cursor: IdleCursor): void {
    this.#waiting[cursor.awaits].add(cursor)
    if (!cursor.leavesBehind) this.#done++
  }

  /** The cursor waits no more. */
  remove(cursor: IdleCursor): void {
    if (this.#waiting[cursor.awaits].delete(cursor) && !cursor.leavesBehind) this.#done--
  }

  /** Wakes every cursor for which this batch has a message; those of one subscriber are answered by `cursorsOf`. */
  wake(batch: LoggedBatch, cursorsOf: (topic: string) => Iterable<IdleCursor>): void {
    let indicators = false
    let sightings = false
    for (const { type, audience } of batch.messages) {
      if (audience !== undefined) {
        if ('only' in audience) for (const cursor of cursorsOf(audience.only)) this.#wakeOne(cursor, batch)
        else for (const interest in this.#waiting) this.#wakeAll(interest as Interest, batch, audience.except)
      } else if (type === 'indicator') indicators = true
      else sightings = true
    }
    if (indicators || sightings) this.#wakeAll('both', batch)
    if (indicators) this.#wakeAll('indicator', batch)
    if (sightings) this.#wakeAll('sighting', batch)
  }

  #wakeOne(cursor: IdleCursor, batch: LoggedBatch): void {
    if (!this.#waiting[cursor.awaits].has(cursor)) return
    this.remove(cursor)
    cursor.wake(batch)
  }

  /** Wakes all who wait for this but those of one subscriber: no other message of the batch need wake them again. */
  #wakeAll(interest: Interest, batch: LoggedBatch, except?: string): void {
    for (const cursor of this.#waiting[interest]) {
      if (cursor.topic === except) continue
      this.remove(cursor)
      cursor.wake(batch)
    }
  }
}

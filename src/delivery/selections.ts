import type { MessageType } from '../protocol/topics.ts'
import type { SnapshotRange } from './cursor.ts'
import type { MessageStore, SnapshotCriteria, SnapshotSelection } from './message-store.ts'

/**
 * The snapshots that are being replayed, by their requesters' p2p topics. A selection can always be made again, so only
 * the most recently used are kept: a subscriber that does not read its snapshot does not hold memory for it.
 */
export class Selections {
  readonly #store: MessageStore
  readonly #maxKept: number
  /** The least recently used first. */
  readonly #kept = new Map<string, Promise<SnapshotSelection>>()
  #letGo = 0

  constructor(store: MessageStore, maxKept: number) {
    this.#store = store
    this.#maxKept = maxKept
  }

  /** How often a selection was let go because there were as many as may be. */
  get letGo(): number {
    return this.#letGo
  }

  /**
   * The selection of this subscriber's snapshot; if it has to be made, it remembers `maxVersions` versions of objects.
   * Rejects if the disk can't be read.
   */
  of(topic: string, range: SnapshotRange, types: readonly MessageType[], maxVersions = 0): Promise<SnapshotSelection> {
    const selection = this.#kept.get(topic) ?? this.#make(topic, { ...range, types, maxVersions })
    this.#kept.delete(topic)
    this.#kept.set(topic, selection)
    for (const [oldest] of this.#kept) {
      if (this.#kept.size <= this.#maxKept) break
      this.#kept.delete(oldest)
      this.#letGo++
    }
    return selection
  }

  #make(topic: string, criteria: SnapshotCriteria): Promise<SnapshotSelection> {
    const selection = this.#store.select(criteria)
    selection.catch(() => {
      // What can't be read now may be read later.
      if (this.#kept.get(topic) === selection) this.#kept.delete(topic)
    })
    return selection
  }

  /** The subscriber needs its snapshot no more. */
  forget(topic: string): void {
    this.#kept.delete(topic)
  }
}

import type { MessageType } from '../protocol/topics.ts'
import type { MessageStore, SnapshotSelection } from './message-store.ts'
import type { SnapshotRange } from './queue.ts'

/**
 * The snapshots that are being replayed, by their requesters' p2p topics. A selection can always be made again, so only
 * the most recently used are kept: a subscriber that does not read its snapshot does not hold memory for it.
 */
export class Selections {
  readonly #store: MessageStore
  readonly #maxKept: number
  /** The least recently used first. */
  readonly #kept = new Map<string, SnapshotSelection>()
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
  async of(
    topic: string,
    range: SnapshotRange,
    types: readonly MessageType[],
    maxVersions = 0,
  ): Promise<SnapshotSelection> {
    const selection = this.#kept.get(topic) ?? (await this.#store.select({ ...range, types, maxVersions }))
    this.#kept.delete(topic)
    this.#kept.set(topic, selection)
    for (const [oldest] of this.#kept) {
      if (this.#kept.size <= this.#maxKept) break
      this.#kept.delete(oldest)
      this.#letGo++
    }
    return selection
  }

  /** The subscriber needs its snapshot no more. */
  forget(topic: string): void {
    this.#kept.delete(topic)
  }
}

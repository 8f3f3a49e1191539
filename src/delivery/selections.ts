import type { MessageType } from '../protocol/topics.ts'
import { FairQueue } from '../turns/fair-queue.ts'
import type {
  MessageStore,
  SharedSelection,
  SnapshotCriteria,
  SnapshotRange,
  SnapshotSelection,
} from './message-store.ts'

/** Who needs to know what belongs to its snapshot. */
export interface SelectionReader {
  /** The subscriber's p2p topic. */
  readonly topic: string
  /** Where it was subscribed from. */
  readonly address: string
}

/** What is asked of a selection. */
export interface SelectionWish {
  /** Of which types. */
  readonly types: readonly MessageType[]
  /** Versions of objects that it shall remember, if it has to be made. Default: none are needed. */
  readonly maxVersions?: number
  readonly signal: AbortSignal
}

/** How much is remembered of snapshots. */
export interface SelectionBounds {
  /** Selections that are kept. */
  readonly maxSelections: number
  /** For how long one that is in use is kept although others wait, in milliseconds. */
  readonly turnMs: number
}

/** Messages between the ends of snapshots that share a selection: as many may be replaced in between, and are remembered. */
const maxSpan = 65_536

interface Waiting {
  readonly reader: SelectionReader
  readonly range: SnapshotRange
  readonly wish: SelectionWish
  readonly resolve: (selection: SnapshotSelection | undefined) => void
  readonly reject: (error: unknown) => void
}

interface Kept {
  readonly selection: SharedSelection
  /** When others may take its place, on the clock of `performance.now()`. */
  readonly turnEndsMs: number
  /** The subscribers that read by it, or did and will again. */
  readonly users: Map<string, SnapshotRange>
}

/** A selection that is being made. */
interface Making {
  readonly criteria: SnapshotCriteria
  readonly controller: AbortController
  /** Those who surely get what they wait for by it; others may. */
  readonly wanting: Set<Waiting>
}

/**
 * What belongs to the snapshots that are being replayed. One selection serves all whose ranges it covers: it is made once,
 * for all who wait when it is begun, so what it costs grows with the ranges, not with the subscribers. It is kept as long as
 * somebody uses it. If there are as many as may be, further ones wait until one is not needed, or has had its turn.
 */
export class Selections {
  readonly #store: MessageStore
  readonly #bounds: SelectionBounds
  /** The least recently used first. */
  readonly #kept = new Set<Kept>()
  readonly #waiting = new FairQueue<Waiting>()
  #making: Making | undefined
  #turnEnd: NodeJS.Timeout | undefined
  #waits = 0

  constructor(store: MessageStore, bounds: SelectionBounds) {
    this.#store = store
    this.#bounds = bounds
  }

  /** How often one could not be made at once because as many were kept as may be. */
  get waits(): number {
    return this.#waits
  }

  /**
   * What belongs to this subscriber's snapshot, once it is known; undefined if it is aborted before. It is kept for it until
   * it is {@link forget forgotten}. Rejects if the disk can't be read.
   */
  of(reader: SelectionReader, range: SnapshotRange, wish: SelectionWish): Promise<SnapshotSelection | undefined> {
    return new Promise((resolve, reject) => {
      const { signal } = wish
      const waiting: Waiting = { reader, range, wish, resolve, reject }
      if (signal.aborted) resolve(undefined)
      else if (!this.#serve(waiting)) {
        this.#waiting.add(reader.address, waiting)
        const { criteria, controller, wanting } = this.#making ?? {}
        if (criteria && !controller?.signal.aborted && isMadeFor(criteria, waiting)) wanting?.add(waiting)
        signal.addEventListener('abort', () => this.#giveUp(waiting), { once: true })
        this.#makeNext()
      }
    })
  }

  /** What is kept at present of what belongs to this range. */
  known(range: SnapshotRange): SharedSelection | undefined {
    for (const { selection } of this.#kept) if (selection.covers(range)) return selection
    return undefined
  }

  /** The subscriber needs its snapshot no more. */
  forget(topic: string): void {
    for (const kept of this.#kept) {
      if (kept.users.delete(topic) && kept.users.size === 0) this.#kept.delete(kept)
    }
    if (this.#waiting.size > 0) this.#makeNext()
  }

  /** Answers it from what is kept, if that can be. */
  #serve({ reader, range, wish, resolve }: Waiting): boolean {
    const needsVersions = (wish.maxVersions ?? 0) > 0
    for (const kept of this.#kept) {
      const { selection, users } = kept
      if (!selection.covers(range) || (needsVersions && selection.versions === undefined)) continue
      this.#kept.delete(kept)
      this.#kept.add(kept)
      users.set(reader.topic, range)
      resolve(selection.within(range, wish.types))
      return true
    }
    return false
  }

  #giveUp(waiting: Waiting): void {
    this.#waiting.delete(waiting.reader.address, waiting)
    waiting.resolve(undefined)
    const { wanting, controller } = this.#making ?? {}
    if (wanting?.delete(waiting) && wanting.size === 0) controller?.abort()
  }

  async #makeNext(): Promise<void> {
    if (this.#making !== undefined || !this.#makeRoom()) return
    const first = this.#waiting.next()
    if (first === undefined) return
    const criteria = this.#criteriaFor(first)
    const wanting = new Set([...this.#waiting].filter(waiting => isMadeFor(criteria, waiting)))
    const controller = new AbortController()
    this.#making = { criteria, controller, wanting }
    try {
      this.#keep(await this.#store.select(criteria, controller.signal))
    } catch (error) {
      // What can't be read now may be read later: who asks again is answered then.
      for (const waiting of wanting) {
        this.#waiting.delete(waiting.reader.address, waiting)
        waiting.reject(error)
      }
    }
    this.#making = undefined
    this.#makeNext()
  }

  #keep(selection: SharedSelection): void {
    const turnEndsMs = performance.now() + this.#bounds.turnMs
    const kept: Kept = { selection, turnEndsMs, users: new Map() }
    // One that is covered by this one, for those who use it, is needed no more.
    for (const older of this.#kept) {
      for (const [topic, range] of older.users) {
        if (!selection.covers(range)) continue
        older.users.delete(topic)
        kept.users.set(topic, range)
      }
      if (older.users.size === 0) this.#kept.delete(older)
    }
    this.#kept.add(kept)
    let usesVersions = false
    for (const waiting of [...this.#waiting]) {
      if (!this.#serve(waiting)) continue
      this.#waiting.delete(waiting.reader.address, waiting)
      usesVersions ||= (waiting.wish.maxVersions ?? 0) > 0
    }
    if (!usesVersions) selection.forgetVersions()
    if (kept.users.size === 0) this.#kept.delete(kept)
  }

  /** Is there room for one more, perhaps because the one that was not used for longest has had its turn? */
  #makeRoom(): boolean {
    if (this.#waiting.size === 0 || this.#kept.size < this.#bounds.maxSelections) return true
    if (this.#turnEnd !== undefined) return false
    const nowMs = performance.now()
    let soonestMs = Number.POSITIVE_INFINITY
    for (const kept of this.#kept) {
      if (kept.turnEndsMs <= nowMs) return this.#kept.delete(kept)
      soonestMs = Math.min(soonestMs, kept.turnEndsMs)
    }
    this.#waits++
    const turnEnded = () => {
      this.#turnEnd = undefined
      this.#makeNext()
    }
    this.#turnEnd = setTimeout(turnEnded, soonestMs - nowMs).unref()
    return false
  }

  /** What to select for this one, and as many others as can share it. */
  #criteriaFor({ range: { sinceMs, upTo } }: Waiting): SnapshotCriteria {
    let [earliestEnd, latestEnd, maxVersions] = [upTo, upTo, 0]
    for (const { range, wish } of this.#waiting) {
      if (range.upTo <= upTo + maxSpan) latestEnd = Math.max(latestEnd, range.upTo)
      if (range.sinceMs === sinceMs) maxVersions = Math.max(maxVersions, wish.maxVersions ?? 0)
    }
    const note = (end: number) => {
      if (end >= latestEnd - maxSpan) earliestEnd = Math.min(earliestEnd, end)
    }
    for (const { range } of this.#waiting) note(range.upTo)
    for (const { users } of this.#kept) for (const range of users.values()) note(range.upTo)
    return { sinceMs, earliestEnd, latestEnd, maxVersions }
  }
}

/** Will what is selected by these criteria surely be what it waits for? */
function isMadeFor(
  { sinceMs, earliestEnd, latestEnd, maxVersions }: SnapshotCriteria,
  { range, wish }: Waiting,
): boolean {
  const isCovered = range.sinceMs === sinceMs && range.upTo >= earliestEnd && range.upTo <= latestEnd
  return isCovered && (maxVersions > 0 || (wish.maxVersions ?? 0) === 0)
}

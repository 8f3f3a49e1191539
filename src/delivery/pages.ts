import type { LoggedBatch } from './batch.ts'
import type { MessageStore } from './message-store.ts'
import { endOf } from './recent-batches.ts'

/** Batches that were read from the store at once, in ascending order. None: the store had nothing there or after it. */
export interface Page {
  /** The sequence number that was asked for. */
  readonly start: number
  readonly batches: readonly LoggedBatch[]
}

/** How much of the store may be in memory. */
export interface PageBounds {
  /** Pages that subscribers may hold at once; whoever needs one more waits until another was sent. */
  readonly maxHeld: number
  /** Bytes of pages that are kept in case another subscriber is at the same place. */
  readonly cachedBytes: number
}

/** Hears that it has its turn, or not any more. */
type Waiting = (isTurn: boolean) => void

/**
 * Pages of the store, on their way to subscribers that lag behind what is in memory. However many those are, only so many
 * pages are held at once; subscribers that lag alike share them.
 *
 * A subscriber holds one at a time, on whichever of its connections, and they take turns: several connections get it no
 * more of them than others have.
 */
export class Pages {
  readonly #store: MessageStore
  readonly #bounds: PageBounds
  /** The least recently used first. */
  readonly #cached = new Map<number, Page>()
  /** The p2p topics of subscribers that hold a page, of those that wait for one, and of these those that don't hold one. */
  readonly #holding = new Set<string>()
  readonly #waiting = new Map<string, Set<Waiting>>()
  readonly #turns = new Set<string>()
  #cachedBytes = 0
  #waits = 0

  constructor(store: MessageStore, bounds: PageBounds) {
    this.#store = store
    this.#bounds = bounds
  }

  /** How often somebody had to wait because as many pages were held as may be. */
  get waits(): number {
    return this.#waits
  }

  /**
   * Reads the page with this sequence number for a subscriber. Whoever gets one gives it back with {@link release} as soon as
   * it was sent, or is not needed. Undefined if that is aborted before its turn. Rejects if the disk can't be read: in either
   * case there is nothing to give back.
   */
  async hold(sequence: number, topic: string, signal: AbortSignal): Promise<Page | undefined> {
    if (signal.aborted || !(await this.#turnOf(topic, signal))) return undefined
    try {
      return this.#cachedPage(sequence) ?? this.#cache({ start: sequence, batches: await this.#store.read(sequence) })
    } catch (error) {
      this.release(topic)
      throw error
    }
  }

  /** A page that was held for a subscriber is not needed any more. */
  release(topic: string): void {
    this.#holding.delete(topic)
    // Behind all others.
    if (this.#waiting.has(topic)) this.#turns.add(topic)
    this.#giveTurns()
  }

  #turnOf(topic: string, signal: AbortSignal): Promise<boolean> {
    if (this.#holding.size >= this.#bounds.maxHeld) this.#waits++
    return new Promise(resolve => {
      const waiting = this.#waiting.get(topic) ?? new Set()
      const leave = () => hear(false)
      const hear = (isTurn: boolean) => {
        signal.removeEventListener('abort', leave)
        waiting.delete(hear)
        if (waiting.size === 0) {
          this.#waiting.delete(topic)
          this.#turns.delete(topic)
        }
        resolve(isTurn)
      }
      this.#waiting.set(topic, waiting.add(hear))
      if (!this.#holding.has(topic)) this.#turns.add(topic)
      signal.addEventListener('abort', leave)
      this.#giveTurns()
    })
  }

  #giveTurns(): void {
    for (const topic of this.#turns) {
      if (this.#holding.size >= this.#bounds.maxHeld) return
      const [next] = this.#waiting.get(topic) ?? []
      this.#turns.delete(topic)
      this.#holding.add(topic)
      next?.(true)
    }
  }

  #cachedPage(sequence: number): Page | undefined {
    const page = this.#cached.get(sequence)
    if (page === undefined) return undefined
    this.#cached.delete(sequence)
    this.#cached.set(sequence, page)
    return page
  }

  #cache(page: Page): Page {
    // An empty page, or the last one of what is written, will be another one soon.
    const last = page.batches.at(-1)
    if (last === undefined || endOf(last) >= this.#store.readable || this.#cached.has(page.start)) return page
    this.#cached.set(page.start, page)
    this.#cachedBytes += bytesOf(page)
    for (const [start, oldest] of this.#cached) {
      if (this.#cachedBytes <= this.#bounds.cachedBytes) break
      this.#cached.delete(start)
      this.#cachedBytes -= bytesOf(oldest)
    }
    return page
  }
}

function bytesOf({ batches }: Page): number {
  return batches.reduce((bytes, batch) => bytes + batch.bytes, 0)
}

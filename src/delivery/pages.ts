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

/**
 * Pages of the store, on their way to subscribers that lag behind what is in memory. However many those are, only so many
 * pages are held at once; subscribers that lag alike share them.
 */
export class Pages {
  readonly #store: MessageStore
  readonly #bounds: PageBounds
  /** The least recently used first. */
  readonly #cached = new Map<number, Page>()
  readonly #waiting: (() => void)[] = []
  #cachedBytes = 0
  #held = 0
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
   * Reads the page with this sequence number. Whoever gets one gives it back with {@link release} as soon as it was sent,
   * or is not needed. Rejects if the disk can't be read: then there is nothing to give back.
   */
  async hold(sequence: number): Promise<Page> {
    if (this.#held >= this.#bounds.maxHeld) {
      this.#waits++
      await new Promise<void>(resolve => this.#waiting.push(resolve))
    } else this.#held++
    try {
      return this.#cachedPage(sequence) ?? this.#cache({ start: sequence, batches: await this.#store.read(sequence) })
    } catch (error) {
      this.release()
      throw error
    }
  }

  /** A page that was held is not needed any more. */
  release(): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#held--
    else next()
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

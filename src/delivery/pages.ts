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

/** A page that is being fetched, and how many wait for it. */
interface Fetch {
  holders: number
  readonly page: Promise<Page>
}

/**
 * Pages of the store, on their way to subscribers that lag behind what is in memory. However many those are, only so many
 * pages are held at once. Subscribers that lag alike share them: a page that is there is read by all who need what is in it.
 */
export class Pages {
  readonly #store: MessageStore
  readonly #bounds: PageBounds
  /** By how many each is held. */
  readonly #held = new Map<Page, number>()
  /** By the sequence numbers that were asked for. */
  readonly #fetches = new Map<number, Fetch>()
  /** The least recently used first. */
  readonly #cached = new Set<Page>()
  readonly #waiting: (() => void)[] = []
  #cachedBytes = 0
  /** Pages that are held, or being read. */
  #taken = 0
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
   * The page with this sequence number. Whoever gets one gives it back with {@link release} as soon as it was sent, or is
   * not needed. Rejects if the disk can't be read: then there is nothing to give back.
   */
  hold(sequence: number): Promise<Page> {
    for (const [page, holders] of this.#held) {
      if (!has(page, sequence)) continue
      this.#held.set(page, holders + 1)
      return Promise.resolve(page)
    }
    const fetch = this.#fetches.get(sequence)
    if (fetch === undefined) return this.#begin(sequence)
    fetch.holders++
    return fetch.page
  }

  /** A page that was held is not needed any more. */
  release(page: Page): void {
    const holders = (this.#held.get(page) ?? 0) - 1
    if (holders > 0) this.#held.set(page, holders)
    else {
      this.#held.delete(page)
      this.#giveBack()
    }
  }

  #begin(sequence: number): Promise<Page> {
    const fetch: Fetch = { holders: 1, page: this.#fetch(sequence, () => fetch.holders) }
    this.#fetches.set(sequence, fetch)
    return fetch.page
  }

  async #fetch(sequence: number, holders: () => number): Promise<Page> {
    try {
      await this.#take()
      const page = this.#cachedPage(sequence) ?? (await this.#read(sequence))
      // Another fetch may have found the same one in the cache.
      const others = this.#held.get(page)
      if (others !== undefined) this.#giveBack()
      this.#held.set(page, (others ?? 0) + holders())
      return page
    } catch (error) {
      this.#giveBack()
      throw error
    } finally {
      this.#fetches.delete(sequence)
    }
  }

  async #take(): Promise<void> {
    if (this.#taken >= this.#bounds.maxHeld) {
      this.#waits++
      await new Promise<void>(resolve => this.#waiting.push(resolve))
    } else this.#taken++
  }

  #giveBack(): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#taken--
    else next()
  }

  async #read(sequence: number): Promise<Page> {
    return this.#cache({ start: sequence, batches: await this.#store.read(sequence) })
  }

  #cachedPage(sequence: number): Page | undefined {
    for (const page of this.#cached) {
      if (!has(page, sequence)) continue
      this.#cached.delete(page)
      this.#cached.add(page)
      return page
    }
    return undefined
  }

  #cache(page: Page): Page {
    // An empty page, or the last one of what is written, will be another one soon.
    const last = page.batches.at(-1)
    if (last === undefined || endOf(last) >= this.#store.readable) return page
    this.#cached.add(page)
    this.#cachedBytes += bytesOf(page)
    for (const oldest of this.#cached) {
      if (this.#cachedBytes <= this.#bounds.cachedBytes) break
      this.#cached.delete(oldest)
      this.#cachedBytes -= bytesOf(oldest)
    }
    return page
  }
}

/** The batch of a page with this sequence number or, if that is not there any more, the next one; undefined if there is none. */
export function batchAt({ batches }: Page, sequence: number): LoggedBatch | undefined {
  let from = 0
  let to = batches.length
  while (from < to) {
    const middle = (from + to) >> 1
    if (endOf(batches[middle] as LoggedBatch) <= sequence) from = middle + 1
    else to = middle
  }
  return batches[from]
}

/** Is what a page has from this sequence number on what the store has? */
function has({ start, batches }: Page, sequence: number): boolean {
  const last = batches.at(-1)
  return last !== undefined && start <= sequence && sequence < endOf(last)
}

function bytesOf({ batches }: Page): number {
  return batches.reduce((bytes, batch) => bytes + batch.bytes, 0)
}

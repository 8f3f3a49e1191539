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
  /** Undefined: nobody waits for it any more. */
  readonly page: Promise<Page | undefined>
}

/** Hears that it has its turn, or not any more. */
type Waiting = (isTurn: boolean) => void

/**
 * Pages of the store, on their way to subscribers that lag behind what is in memory. However many those are, only so many
 * pages are held at once. Subscribers that lag alike share them: a page that is there is read by all who need what is in it.
 *
 * A subscriber holds one at a time, on whichever of its connections, and then is behind all others: several connections get it
 * no more of them than others have.
 */
export class Pages {
  readonly #store: MessageStore
  readonly #bounds: PageBounds
  /** By how many each is held. */
  readonly #held = new Map<Page, number>()
  /** By the sequence numbers that were asked for. */
  readonly #fetches = new Map<number, Fetch>()
  /** Fetches that wait until they may read, the next one first. */
  readonly #waiting = new Map<Fetch, Waiting>()
  /** The p2p topics of subscribers that hold a page or wait for one, and what waits on their other connections. */
  readonly #turns = new Map<string, Set<Waiting>>()
  /** The least recently used first. */
  readonly #cached = new Set<Page>()
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
   * The page with this sequence number, for a subscriber. Whoever gets one gives it back with {@link release} as soon as it was
   * sent, or is not needed. Undefined if that is aborted before. Rejects if the disk can't be read: in either case there is
   * nothing to give back.
   */
  async hold(sequence: number, topic: string, signal: AbortSignal): Promise<Page | undefined> {
    if (signal.aborted || !(await this.#turnOf(topic, signal))) return undefined
    let page: Page | undefined
    try {
      page = signal.aborted ? undefined : await this.#share(sequence, signal)
    } finally {
      if (page === undefined) this.#endTurn(topic)
    }
    return page
  }

  /** A page that was held for a subscriber is not needed any more. */
  release(page: Page, topic: string): void {
    const holders = (this.#held.get(page) ?? 0) - 1
    if (holders > 0) this.#held.set(page, holders)
    else {
      this.#held.delete(page)
      this.#giveBack()
    }
    this.#endTurn(topic)
  }

  /** Fulfilled when none of the subscriber's other connections holds a page, or waits for one. */
  #turnOf(topic: string, signal: AbortSignal): Promise<boolean> {
    const others = this.#turns.get(topic)
    if (others === undefined) {
      this.#turns.set(topic, new Set())
      return Promise.resolve(true)
    }
    return new Promise(resolve => {
      const leave = () => hear(false)
      const hear = (isTurn: boolean) => {
        signal.removeEventListener('abort', leave)
        others.delete(hear)
        resolve(isTurn)
      }
      others.add(hear)
      signal.addEventListener('abort', leave)
    })
  }

  #endTurn(topic: string): void {
    const [next] = this.#turns.get(topic) ?? []
    if (next === undefined) this.#turns.delete(topic)
    else next(true)
  }

  /** The page, of which there is one for all who need something in it. */
  #share(sequence: number, signal: AbortSignal): Promise<Page | undefined> {
    for (const [page, holders] of this.#held) {
      if (!has(page, sequence)) continue
      this.#held.set(page, holders + 1)
      return Promise.resolve(page)
    }
    const fetch = this.#fetches.get(sequence) ?? this.#begin(sequence)
    fetch.holders++
    return new Promise((resolve, reject) => {
      const leave = () => {
        // It has come, and is this one's to give back.
        if (this.#fetches.get(sequence) !== fetch) return
        if (--fetch.holders === 0) this.#abandon(sequence, fetch)
        resolve(undefined)
      }
      signal.addEventListener('abort', leave)
      fetch.page.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave))
    })
  }

  /** Nobody waits for it any more: if it does not read yet, it never will. */
  #abandon(sequence: number, fetch: Fetch): void {
    const leave = this.#waiting.get(fetch)
    if (leave === undefined) return
    this.#fetches.delete(sequence)
    leave(false)
  }

  #begin(sequence: number): Fetch {
    const fetch: Fetch = { holders: 0, page: Promise.resolve().then(() => this.#fetch(sequence, fetch)) }
    this.#fetches.set(sequence, fetch)
    return fetch
  }

  async #fetch(sequence: number, fetch: Fetch): Promise<Page | undefined> {
    try {
      if (!(await this.#take(fetch))) return undefined
      const page = this.#cachedPage(sequence) ?? (await this.#read(sequence))
      // Another fetch may have found the same one in the cache; those who wanted it may have gone.
      const others = this.#held.get(page)
      if (others !== undefined || fetch.holders === 0) this.#giveBack()
      if (fetch.holders > 0) this.#held.set(page, (others ?? 0) + fetch.holders)
      return page
    } catch (error) {
      this.#giveBack()
      throw error
    } finally {
      if (this.#fetches.get(sequence) === fetch) this.#fetches.delete(sequence)
    }
  }

  async #take(fetch: Fetch): Promise<boolean> {
    if (fetch.holders === 0) return false
    if (this.#taken < this.#bounds.maxHeld) {
      this.#taken++
      return true
    }
    this.#waits++
    return new Promise(resolve => {
      this.#waiting.set(fetch, isTurn => {
        this.#waiting.delete(fetch)
        resolve(isTurn)
      })
    })
  }

  #giveBack(): void {
    const [next] = this.#waiting.values()
    if (next === undefined) this.#taken--
    else next(true)
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

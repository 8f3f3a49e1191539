import { typesOf } from '../protocol/topics.ts'
import type { Cursor } from './cursor.ts'
import type { MessageStore } from './message-store.ts'
import { type PageBounds, Pages } from './pages.ts'
import { Selections } from './selections.ts'

/** How much may be in memory on behalf of those who read from the store. */
export interface SupplyBounds extends PageBounds {
  /** Snapshots whose selection is kept. */
  readonly maxSelections: number
  /**
   * Awaited before each page of a snapshot. What is live has the right of way: a snapshot is large, and whoever wants one
   * does not mind whether it takes a second more.
   */
  betweenPages(): Promise<void>
}

/** Fetches from the store what cursors need before they can go on. */
export class Supplies {
  readonly selections: Selections
  readonly #pages: Pages
  readonly #betweenPages: () => Promise<void>

  constructor(store: MessageStore, { maxSelections, betweenPages, ...bounds }: SupplyBounds) {
    this.#betweenPages = betweenPages
    this.selections = new Selections(store, maxSelections)
    this.#pages = new Pages(store, bounds)
  }

  /** How often a cursor had to wait because as many pages were held as may be. */
  get waits(): number {
    return this.#pages.waits
  }

  /**
   * Fulfilled when the cursor knows what comes next: then it holds what it needs for one turn, after which {@link turnEnded}
   * is called. Gives up when it is aborted; rejects if the disk can't be read.
   */
  async supply(cursor: Cursor, signal: AbortSignal): Promise<void> {
    while (cursor.head === undefined && cursor.need !== 'nothing' && !signal.aborted) {
      const { replaying } = cursor
      if (cursor.need === 'selection' && replaying) {
        cursor.supplySelection(await this.selections.of(cursor.topic, replaying, typesOf(cursor.interest)))
      } else {
        // Who waits for a page holds none, else all might wait for each other.
        this.#dropPage(cursor)
        if (replaying) await this.#betweenPages()
        const page = await this.#pages.hold(cursor.position, cursor.topic, signal)
        if (page === undefined) continue
        if (signal.aborted) this.#pages.release(cursor.topic)
        else cursor.supplyPage(page)
      }
    }
    // There was nothing for it to the end of the log: it has no turn in which it would be given back.
    if (cursor.isEmpty) this.turnEnded(cursor)
  }

  /** The cursor had its turn: what it held can go to others. */
  turnEnded(cursor: Cursor): void {
    if (cursor.rest()) this.#pages.release(cursor.topic)
  }

  #dropPage(cursor: Cursor): void {
    if (cursor.dropPage()) this.#pages.release(cursor.topic)
  }
}

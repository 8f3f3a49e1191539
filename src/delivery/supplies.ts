import { typesOf } from '../protocol/topics.ts'
import type { Cursor } from './cursor.ts'
import type { MessageStore } from './message-store.ts'
import { Pace, type PaceBounds } from './pace.ts'
import { type Page, type PageBounds, Pages } from './pages.ts'
import { type SelectionBounds, Selections } from './selections.ts'

/** How much may be in memory on behalf of those who read from the store, and how fast they get it. */
export interface SupplyBounds extends PageBounds, SelectionBounds, PaceBounds {}

/** Fetches from the store what cursors need before they can go on. */
export class Supplies {
  readonly selections: Selections
  readonly pages: Pages
  readonly pace: Pace

  constructor(store: MessageStore, bounds: SupplyBounds) {
    this.selections = new Selections(store, bounds)
    this.pages = new Pages(store, bounds)
    this.pace = new Pace(bounds)
  }

  /**
   * Fulfilled when the cursor knows what comes next: then it holds what it needs for one turn, after which {@link turnEnded}
   * is called. Gives up when it is aborted; rejects if the disk can't be read.
   */
  async supply(cursor: Cursor, signal: AbortSignal): Promise<void> {
    while (cursor.head === undefined && cursor.need !== 'nothing' && !signal.aborted) {
      const { replaying } = cursor
      if (cursor.need === 'selection' && replaying) {
        const selection = await this.selections.of(cursor, replaying, { types: typesOf(cursor.interest), signal })
        if (selection) cursor.supplySelection(selection)
      } else {
        // Who waits for a page holds none, else all might wait for each other.
        this.#release(cursor, cursor.dropPage())
        if (replaying) await this.pace.turn(cursor.address, signal)
        const page = await this.pages.hold(cursor.position, cursor.topic, signal)
        if (page === undefined) continue
        if (signal.aborted) this.#release(cursor, page)
        else cursor.supplyPage(page)
      }
    }
    // There was nothing for it to the end of the log: it has no turn in which it would be given back.
    if (cursor.isEmpty) this.turnEnded(cursor)
  }

  /** The cursor had its turn: what it held can go to others. */
  turnEnded(cursor: Cursor): void {
    this.#release(cursor, cursor.rest())
  }

  #release({ topic }: Cursor, page: Page | undefined): void {
    if (page) this.pages.release(page, topic)
  }
}

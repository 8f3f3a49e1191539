import type { ServerResponse } from 'node:http'

/** Pages that may look at once. */
export const maxPages = 8

/** A page that looks. */
export interface LivePage {
  /** Where it is. */
  readonly address: string
  readonly response: ServerResponse
}

/** The pages that look at a program: so many at most, and no address takes the place of others with all of its own. */
export class LivePages {
  /** The oldest first. */
  readonly #pages = new Set<LivePage>()

  /**
   * One more page. If there are as many as may be, another makes room: one that takes nothing at present, or the oldest of an
   * address that has at least two more than this one's.
   *
   * @returns a function to be called at its end; undefined if there is no room
   */
  open(page: LivePage): (() => void) | undefined {
    if (this.#pages.size >= maxPages) {
      const victim = this.#victim(page.address)
      if (victim === undefined) return undefined
      this.#pages.delete(victim)
      victim.response.destroy()
    }
    this.#pages.add(page)
    return () => void this.#pages.delete(page)
  }

  #victim(address: string): LivePage | undefined {
    const pages = [...this.#pages]
    const of = (one: string) => pages.filter(page => page.address === one).length
    return (
      pages.find(({ response }) => response.writableNeedDrain) ?? pages.find(page => of(page.address) > of(address) + 1)
    )
  }
}

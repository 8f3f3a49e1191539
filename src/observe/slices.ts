import { setImmediate as nextTurn } from 'node:timers/promises'

/** How long something goes on in one turn of the event loop. */
const sliceMs = 3

/** Items from one look at the clock to the next. */
const itemsPerLook = 16

/**
 * Does something with each of many items, a few milliseconds a turn of the event loop: what else there is to do has its turn
 * in between. Items that come or go meanwhile are met or not.
 */
export async function inSlices<Item>(items: Iterable<Item>, each: (item: Item) => void): Promise<void> {
  let until = performance.now() + sliceMs
  let count = 0
  for (const item of items) {
    each(item)
    if (++count % itemsPerLook !== 0 || performance.now() < until) continue
    await nextTurn()
    until = performance.now() + sliceMs
  }
}

import { nextTurn } from './turn.ts'

/** So long something goes on for one subscriber after the other before everything else has its turn, in milliseconds. */
export const sliceMs = 2

/**
 * Does work for one item after the other, in slices: everything else has its turn between. Items that come or go meanwhile do
 * so as in any iteration over them. Rejects if the work throws, at once.
 */
export async function inSlices<Item>(items: Iterable<Item>, work: (item: Item) => void): Promise<void> {
  let endsMs = performance.now() + sliceMs
  for (const item of items) {
    work(item)
    if (performance.now() < endsMs) continue
    await nextTurn()
    endsMs = performance.now() + sliceMs
  }
}

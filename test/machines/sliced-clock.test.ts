import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { SlicedClock } from '../../src/actors/sliced-clock.ts'
import { inSlices, sliceMs } from '../../src/turns/slices.ts'

/** Counts the turns of the event loop while something goes on. */
function turns() {
  let turn = 0
  let next = setImmediate(function count() {
    turn++
    next = setImmediate(count)
  })
  return { now: () => turn, stop: () => clearImmediate(next) }
}

/** Keeps the process busy for a whole millisecond. */
function work(): void {
  const endMs = performance.now() + 1
  while (performance.now() < endMs);
}

/** How many happenings the turn with most of them had. */
function mostAtOnce(happenedIn: readonly number[]): number {
  return Math.max(...happenedIn.map(turn => happenedIn.filter(each => each === turn).length))
}

test('timers that are down at once are run in order, in slices', async () => {
  const clock = new SlicedClock()
  const { now, stop } = turns()
  const ran: { readonly number: number; readonly turn: number }[] = []
  await new Promise<void>(done => {
    for (let number = 0; number < 30; number++) {
      clock.setTimeout(() => {
        ran.push({ number, turn: now() })
        work()
        if (number === 29) done()
      }, 1)
    }
  })
  stop()
  assert.deepEqual(
    ran.map(({ number }) => number),
    [...Array(30).keys()],
  )
  assert.ok(mostAtOnce(ran.map(({ turn }) => turn)) <= sliceMs)
})

test('a timer that was cleared is not run, whenever that is', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(fc.nat(2), fc.nat(20))), async wishes => {
      const clock = new SlicedClock()
      const ran: number[] = []
      const cleared = new Set<number>()
      const timers = wishes.map(([ms, clears], number) =>
        clock.setTimeout(() => {
          ran.push(number)
          const timer = timers[clears]
          if (timer === undefined || ran.includes(clears)) return
          clock.clearTimeout(timer)
          cleared.add(clears)
        }, ms),
      )
      await new Promise<void>(resolve => clock.setTimeout(resolve, 4))
      assert.equal(ran.length + cleared.size, wishes.length)
      for (const number of cleared) assert.ok(!ran.includes(number))
    }),
    { numRuns: 50 },
  )
})

test('work is done for each item in order, in slices, and for those that come meanwhile', async () => {
  const { now, stop } = turns()
  const items = new Set(Array(30).keys())
  const done: { readonly number: number; readonly turn: number }[] = []
  await inSlices(items, number => {
    if (number === 3) items.add(30)
    items.delete(29)
    done.push({ number, turn: now() })
    work()
  })
  stop()
  assert.deepEqual(
    done.map(({ number }) => number),
    [...Array(29).keys(), 30],
  )
  assert.ok(mostAtOnce(done.map(({ turn }) => turn)) <= sliceMs)
})

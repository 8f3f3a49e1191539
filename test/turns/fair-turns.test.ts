import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import fc from 'fast-check'
import { type Client, FairTurns } from '../../src/turns/fair-turns.ts'

const pauseMs = 1

/** What is left to be done for somebody, and what was done for all, by number. */
function clientOf(
  number: number,
  pieces: readonly ('at once' | 'later')[],
  done: number[],
): Client & { left(): number } {
  const left = [...pieces]
  return {
    left: () => left.length,
    next: () => {
      left.shift()
      done.push(number)
      if (left.length === 0) return 'nothing'
      return left[0] === 'later' ? 'later' : 'more'
    },
  }
}

function busyFor(ms: number): void {
  const endMs = performance.now() + ms
  while (performance.now() < endMs);
}

describe('turns', () => {
  test('are taken by everybody, one piece each, until all is done', async () => {
    const piece = fc.constantFrom('at once' as const, 'at once' as const, 'later' as const)
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(piece, { minLength: 1, maxLength: 9 }), { maxLength: 9 }), async all => {
        const turns = new FairTurns(pauseMs, assert.ifError)
        const done: number[] = []
        const clients = all.map((each, number) => clientOf(number, each, done))
        const pieces = all.flat().length
        // The first one adds the others, so that none is done before all are there.
        turns.add({
          next: () => {
            for (const client of clients) turns.add(client)
            return 'nothing'
          },
        })
        while (clients.some(client => client.left() > 0)) await nextTurn()
        assert.equal(done.length, pieces)
        // While they have more to be done at once nobody has two pieces before each has had one.
        const rounds = Math.min(...all.map(each => [...each, 'later'].indexOf('later', 1)))
        for (let round = 0; round < rounds && all.length > 0; round++) {
          const these = done.slice(round * all.length, (round + 1) * all.length)
          assert.deepEqual(
            these,
            all.map((_, number) => number),
          )
        }
      }),
    )
  })

  test('let everything else have its turn in between', async () => {
    const turns = new FairTurns(pauseMs, assert.ifError)
    let left = 100
    turns.add({
      next: () => {
        busyFor(1)
        return --left > 0 ? 'more' : 'nothing'
      },
    })
    let others = 0
    while (left > 0) {
      await nextTurn()
      others++
    }
    assert.ok(others > 3, `${others} turns of others`)
  })

  test('hear of an error, and go on with the others', async () => {
    const failures: unknown[] = []
    const turns = new FairTurns(pauseMs, error => failures.push(error))
    const failure = new Error('broken')
    turns.add({
      next: () => {
        throw failure
      },
    })
    const done: number[] = []
    turns.add(clientOf(1, ['at once'], done))
    while (done.length === 0) await nextTurn()
    assert.deepEqual(failures, [failure])
  })
})

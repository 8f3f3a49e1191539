import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import fc from 'fast-check'
import { ReadShare, ReadTurns } from '../../src/sockets/zmtp/read-turns.ts'

const pieceBytes = 65_536

test('whoever sends is read a little in each turn, and everybody in the next', async () => {
  const many = fc.integer({ min: 1, max: 100 })
  await fc.assert(
    fc.asyncProperty(many, fc.integer({ min: 1, max: 5 }), async (count, turnsToGo) => {
      const turns = new ReadTurns()
      const readers = Array.from({ length: count }, () => ({ share: new ReadShare(), isRead: true, pieces: 0 }))
      const asReader = readers.map(reader => ({
        readOn: () => {
          reader.isRead = true
        },
      }))
      for (let turn = 0; turn < turnsToGo; turn++) {
        let pieces = 0
        // As the system does: of each as much as there is, unless it is told to stop.
        for (const [at, reader] of readers.entries()) {
          for (let each = 0; each < 32 && reader.isRead; each++) {
            pieces++
            reader.pieces++
            reader.isRead = !turns.took(asReader[at] as { readOn(): void }, reader.share, pieceBytes)
          }
        }
        assert.ok(pieces <= 8 + count, `${pieces} pieces of ${count}`)
        await nextTurn()
      }
      for (const { pieces } of readers) assert.ok(pieces >= turnsToGo && pieces <= 2 * turnsToGo)
    }),
  )
})

test('who has gone is not read on', async () => {
  const turns = new ReadTurns()
  const reader = { readOn: assert.fail }
  assert.ok(turns.took(reader, new ReadShare(), 1_000_000))
  assert.ok(turns.awaits(reader))
  turns.forget(reader)
  await nextTurn()
})

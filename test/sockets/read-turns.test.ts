import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import fc from 'fast-check'
import { ReadShare, ReadTurns } from '../../src/sockets/zmtp/read-turns.ts'

const pieceBytes = 65_536

/** One that sends without end, of which the system hands over 2 MiB in one go. */
class Sender {
  readonly address: string
  readonly share = new ReadShare()
  isRead = true
  pieces = 0

  constructor(address: string) {
    this.address = address
  }

  readOn(): void {
    this.isRead = true
  }

  /** Is read, as long as it may be, and answers how many pieces it was. */
  readBy(turns: ReadTurns): number {
    const before = this.pieces
    for (let each = 0; each < 32 && this.isRead; each++) {
      this.pieces++
      this.isRead = !turns.took(this, this.share, pieceBytes)
    }
    return this.pieces - before
  }
}

test('however many send, little is read in a turn, and of each', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 100 }), async (count, turnsToGo) => {
      const turns = new ReadTurns()
      const senders = Array.from({ length: count }, () => new Sender('192.0.2.1'))
      for (let turn = 0; turn < turnsToGo; turn++) {
        const pieces = senders.reduce((sum, sender) => sum + sender.readBy(turns), 0)
        // At first nobody was held up; from then on it is as many as may be read on.
        assert.ok(pieces <= 8 + (turn === 0 ? count : 8), `${pieces} pieces of ${count}`)
        assert.ok(pieces >= Math.min(count, 8))
        await nextTurn()
      }
      const each = senders.map(({ pieces }) => pieces)
      // Each is read on in every second turn that others are read on in at least, and then has one piece or two.
      assert.ok(Math.max(...each) <= 4 * (Math.min(...each) + 2), `${each}`)
    }),
    { numRuns: 30 },
  )
})

test('who is alone at an address is read in each turn, however many send elsewhere', async () => {
  const turns = new ReadTurns()
  const senders = Array.from({ length: 100 }, () => new Sender('192.0.2.1'))
  const alone = new Sender('192.0.2.2')
  for (let turn = 0; turn < 50; turn++) {
    for (const sender of [...senders, alone]) sender.readBy(turns)
    assert.ok(alone.pieces > turn)
    await nextTurn()
  }
})

test('who has gone is not read on', async () => {
  const turns = new ReadTurns()
  const reader = { address: '192.0.2.1', readOn: assert.fail }
  assert.ok(turns.took(reader, new ReadShare(), 1_000_000))
  assert.ok(turns.awaits(reader))
  turns.forget(reader)
  await nextTurn()
})

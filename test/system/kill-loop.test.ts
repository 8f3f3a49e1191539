import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { killLoop } from './kill-loop.ts'

describe('a broker that is killed under load', { concurrency: true }, () => {
  // How much may come again is a property of the queue (test/delivery/queue.test.ts): so little fits in flight whole.
  test('loses nothing that it acknowledged, and keeps the order', async t => {
    const { acknowledged } = await killLoop(t, 2)
    assert.ok(acknowledged > 0)
  })

  test('does so as well when it delivers only what is on disk, from little memory', async t => {
    await killLoop(t, 2, Math.random, { history: { durability: 'committed', recent_bytes: 65_536 } })
  })
})

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { killLoop } from './kill-loop.ts'

describe('a broker that is killed under load', { concurrency: true }, () => {
  test('loses nothing that it acknowledged, and repeats only what may have been in flight', async t => {
    const { acknowledged, longestRepetition } = await killLoop(t, 4)
    assert.ok(acknowledged > 0)
    // A second's messages, which a crash makes it forget having sent, and what a connection holds: here, all of them.
    assert.ok(longestRepetition < 20_000)
  })

  test('does so as well when it delivers only what is on disk, from little memory', async t => {
    await killLoop(t, 3, Math.random, { history: { durability: 'committed', recent_bytes: 65_536 } })
  })
})

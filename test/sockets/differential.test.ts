import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { compare } from './differential/compare.ts'
import { listed } from './differential/listed.ts'
import { compareSequences } from './differential/sequences.ts'

/** So long sequences are tried, and a failing one is made shorter, in milliseconds; each takes a few. */
const tryingMs = 240_000

describe("the broker's endpoints and libzmq's ROUTER, XPUB and SUB", () => {
  test('do the same, whatever a peer sends and does, but for what is listed', async () => {
    await compareSequences({ sequences: 250, limitMs: tryingMs })
  })

  for (const difference of listed) {
    test(`do not do the same, on purpose: ${difference.what}`, async () => {
      assert.deepEqual(await compare(difference.example), [difference])
    })
  }
})

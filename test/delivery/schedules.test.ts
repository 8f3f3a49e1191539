import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { runSchedule } from './schedule.ts'

describe('accidents in an order that a seed decides', { concurrency: true }, () => {
  for (const run of ['one', 'another']) {
    test(`leave every subscriber with every message, ${run}`, async t => {
      const seed = Math.floor(Math.random() * 2 ** 32)
      const { messages } = await runSchedule(t, { seed, steps: 30, ofEachKind: 5 })
      assert.ok(messages > 1)
    })
  }
})

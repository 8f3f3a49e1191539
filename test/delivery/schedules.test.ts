import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runSchedule } from './schedule.ts'

// Longer ones, with more subscribers: `npm run endurance -- accidents`.
test('accidents in an order that a seed decides leave every subscriber with every message', async t => {
  const seed = Math.floor(Math.random() * 2 ** 32)
  const { messages } = await runSchedule(t, { seed, steps: 15, ofEachKind: 2 })
  assert.ok(messages > 1)
})

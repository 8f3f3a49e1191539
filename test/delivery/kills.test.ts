import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runSchedule } from './schedule.ts'

test('a broker that is killed again and again repeats a window and what it had not written, nothing to who confirms', async t => {
  const seed = Math.floor(Math.random() * 2 ** 32)
  const { messages } = await runSchedule(t, { seed, steps: 3, ofEachKind: 2, accidents: ['killBroker'] })
  assert.ok(messages > 1)
})

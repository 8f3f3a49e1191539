import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { BackgroundThread } from '../../src/threads/background-thread.ts'

/** Answers each task with itself, "fail" with an error that ends the thread, and "wait" when it is cancelled. */
const script = `
  const { parentPort } = require('node:worker_threads')
  parentPort.on('message', task => {
    if (task === 'fail') throw new Error('so much for that')
    if (task !== 'wait') parentPort.postMessage(task)
  })`

/** A thread, and each that was begun for it. */
function open(t: TestContext, idleMs?: number) {
  const begun: Worker[] = []
  const begin = () => {
    const worker = new Worker(script, { eval: true })
    begun.push(worker)
    return worker
  }
  const thread = new BackgroundThread<string, string>(begin, 'repeats', idleMs)
  t.after(() => thread.close())
  return { thread, begun }
}

describe('a background thread', () => {
  test('is there once something is asked of it, and answers one task after the other', async t => {
    const { thread, begun } = open(t)
    assert.equal(begun.length, 0)
    for (const task of ['one', 'two', 'three']) assert.equal(await thread.ask(task), task)
    assert.equal(begun.length, 1)
  })

  test('that ends says so to who waits, and the next task begins another one', async t => {
    const { thread, begun } = open(t)
    await assert.rejects(thread.ask('fail'), /so much for that/)
    const asked = thread.ask('wait')
    await begun[1]?.terminate()
    await assert.rejects(asked, /the thread that repeats was ended/)
    assert.equal(await thread.ask('here'), 'here')
    assert.equal(begun.length, 3)
  })

  test('is ended when nothing is asked for a while, and what is asked while it ends is done by another one', async t => {
    const { thread, begun } = open(t, 1)
    await thread.ask('first')
    const ended = once(begun[0] as Worker, 'exit')
    // The timer that ends it was set before this one; the thread takes longer to end than it takes to ask.
    await sleep(2)
    assert.equal(await thread.ask('meanwhile'), 'meanwhile')
    await ended
    assert.equal(begun.length, 2)
  })

  test('is told when nobody wants the answer any more', async t => {
    const { thread } = open(t)
    const wanted = new AbortController()
    const asked = thread.ask('wait', [], wanted.signal)
    wanted.abort()
    assert.equal(await asked, 'cancel')
    assert.equal(await thread.ask('wait', [], wanted.signal), 'cancel')
  })

  test('is handed memory over', async t => {
    const { thread } = open(t)
    const memory = new ArrayBuffer(8)
    await thread.ask(memory as never, [memory])
    assert.equal(memory.byteLength, 0)
  })

  test('that is closed lets go of who waits', async t => {
    const { thread } = open(t)
    const asked = assert.rejects(thread.ask('wait'), /the thread that repeats was ended/)
    await thread.close()
    await asked
  })
})

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setImmediate as yieldToEventLoop } from 'node:timers/promises'
import fc from 'fast-check'
import { batchOf } from '../../src/delivery/batch.ts'
import { Egress, type Outlet } from '../../src/delivery/egress.ts'
import { Queue } from '../../src/delivery/queue.ts'
import { messageOf } from '../../src/protocol/message.ts'

const eagain = () => Promise.reject(Object.assign(new Error('try again'), { code: 'EAGAIN' }))

/** Subscribers a, b, c … behind a socket of which each connection takes `room` frames until `read` is called. */
function openEgress(subscribers: number, room = Number.POSITIVE_INFINITY) {
  const held = new Map<string, number>()
  const received = new Map<string, string[]>()
  const refused: string[] = []
  const egress = new Egress(
    frame => {
      const topic = frame.slice(0, 1)
      if ((held.get(topic) ?? 0) >= room) return eagain()
      held.set(topic, (held.get(topic) ?? 0) + 1)
      received.set(topic, [...(received.get(topic) ?? []), frame.slice(1)])
      return Promise.resolve()
    },
    () => yieldToEventLoop(),
    error => assert.fail(error as Error),
  )
  const outlets = Array.from({ length: subscribers }, (_, index): Outlet => {
    const topic = String.fromCharCode(97 + index)
    const queue = new Queue(
      { maxMessages: 1e6, maxBytes: 1e9, whenFull: 'drop_oldest' },
      { filled: () => egress.schedule(outlet), overflowed() {}, recovered() {} },
    )
    const outlet = { topic, queue, refused: () => refused.push(topic) }
    return outlet
  })
  return { egress, outlets, received, refused, read: () => held.clear() }
}

const messages = (count: number, from = 0) =>
  batchOf(Array.from({ length: count }, (_, index) => messageOf('indicator', String(from + index))))

const framesOf = (count: number) => Array.from({ length: count }, (_, index) => `indicator ${index}`)

describe('the egress', () => {
  test('sends every queue in order, whatever is pushed when', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat({ max: 3 }), fc.nat({ max: 700 })), { maxLength: 12 }),
        async pushes => {
          const { egress, outlets, received } = openEgress(4)
          const sent = [0, 0, 0, 0]
          for (const [index, count] of pushes) {
            outlets[index]?.queue.push(messages(count, sent[index]))
            sent[index] = (sent[index] ?? 0) + count
            if (count % 3 === 0) await egress.roundEnded()
          }
          while (!egress.isIdle) await yieldToEventLoop()
          for (const [index, { topic }] of outlets.entries()) {
            assert.deepEqual(received.get(topic) ?? [], framesOf(sent[index] ?? 0))
          }
        },
      ),
      { numRuns: 30 },
    )
  })

  test('lets only the subscriber wait whose connection is full, and keeps what was refused', async () => {
    const { egress, outlets, received, refused, read } = openEgress(2, 10)
    const [slow, fast] = outlets as [Outlet, Outlet]
    slow.queue.push(messages(25))
    fast.queue.push(messages(10))
    await egress.roundEnded()
    assert.deepEqual(refused, ['a'])
    assert.equal(slow.queue.length, 15)
    assert.deepEqual(received.get('b'), framesOf(10))
    while (slow.queue.length > 0) {
      read()
      egress.schedule(slow)
      await egress.roundEnded()
    }
    assert.deepEqual(received.get('a'), framesOf(25))
  })

  test('gives the next subscriber its turn before a long queue is empty', async () => {
    const { egress, outlets, received } = openEgress(2)
    const [long, short] = outlets as [Outlet, Outlet]
    long.queue.push(messages(100_000))
    short.queue.push(messages(1))
    await egress.roundEnded()
    assert.deepEqual(received.get('b'), framesOf(1))
    assert.ok(long.queue.length > 0)
    egress.unschedule(long)
  })

  test('tells of an error that is no refusal, keeps the message, and lets the subscriber try again', async () => {
    const errors: unknown[] = []
    let broken = true
    const sent: string[] = []
    const egress = new Egress(
      frame => (broken ? Promise.reject(new Error('broken')) : Promise.resolve(void sent.push(frame))),
      () => yieldToEventLoop(),
      error => errors.push(error),
    )
    const queue = new Queue(
      { maxMessages: 10, maxBytes: 1e6, whenFull: 'drop_oldest' },
      { filled: () => egress.schedule(outlet), overflowed() {}, recovered() {} },
    )
    const outlet: Outlet = {
      topic: 'a',
      queue,
      refused: () => {
        broken = false
        egress.schedule(outlet)
      },
    }
    queue.push(messages(2))
    while (!egress.isIdle) await yieldToEventLoop()
    assert.equal(errors.length, 1)
    assert.deepEqual(sent, ['aindicator 0', 'aindicator 1'])
  })

  test('stops in the middle of a run when the subscriber is no longer joined, and loses nothing', async () => {
    const { egress, outlets, received } = openEgress(1)
    const [outlet] = outlets as [Outlet]
    outlet.queue.push(messages(100))
    await Promise.resolve()
    await Promise.resolve()
    await Promise.resolve()
    egress.unschedule(outlet)
    while (!egress.isIdle) await yieldToEventLoop()
    const sent = received.get('a')?.length ?? 0
    assert.ok(sent > 0 && sent < 100)
    assert.equal(outlet.queue.length, 100 - sent)
    assert.equal(outlet.queue.head?.frame, `indicator ${sent}`)
  })
})

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setImmediate as yieldToEventLoop } from 'node:timers/promises'
import fc from 'fast-check'
import { type Batch, batchOf } from '../../src/delivery/batch.ts'
import { Egress, type Outlet } from '../../src/delivery/egress.ts'
import { MessageLog } from '../../src/delivery/message-log.ts'
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
  const log = openLog()
  const outlets = Array.from({ length: subscribers }, (_, index) => {
    const topic = String.fromCharCode(97 + index)
    return openOutlet(log, topic, egress, { refused: () => refused.push(topic) })
  })
  const push = (batch: Batch) => log.append(batch)
  return { egress, outlets, push, received, refused, read: (topic: string) => held.delete(topic) }
}

const openLog = () =>
  new MessageLog(undefined, { maxRecentMessages: 1e6, maxRecentBytes: 1e9, durability: 'background' })

/** A subscriber that can take messages from the start, however the socket treats it. */
function openOutlet(log: MessageLog, topic: string, egress: Egress, over: Partial<Outlet>): Outlet & { queue: Queue } {
  const queue = new Queue(
    log,
    {
      topic,
      interest: 'both',
      position: 1,
      frames: 0,
      snapshot: undefined,
      confirms: false,
      inFlight: { frames: 1000, bytes: 0 },
    },
    { filled: () => egress.filled(outlet), replayed() {}, missed: () => assert.fail() },
  )
  const outlet = {
    topic,
    queue,
    socket: 0,
    refused() {},
    starved: () => assert.fail(),
    turnEnded: () => queue.rest(),
    ...over,
  }
  egress.open(outlet)
  return outlet
}

const messages = (count: number, from = 0) =>
  batchOf(Array.from({ length: count }, (_, index) => messageOf('indicator', String(from + index))))

const framesOf = (count: number) => Array.from({ length: count }, (_, index) => `indicator ${index}`)

describe('the egress', () => {
  test('sends every queue in order, whatever is pushed when', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat({ max: 700 }), { maxLength: 12 }), async pushes => {
        const { egress, outlets, push, received } = openEgress(4)
        let sent = 0
        for (const count of pushes) {
          push(messages(count, sent))
          sent += count
          if (count % 3 === 0) await egress.roundEnded()
        }
        while (!egress.isIdle) await yieldToEventLoop()
        for (const { topic } of outlets) assert.deepEqual(received.get(topic) ?? [], framesOf(sent))
      }),
      { numRuns: 30 },
    )
  })

  test('lets only the subscriber wait whose connection is full, and keeps what was refused', async () => {
    const { egress, outlets, push, received, refused, read } = openEgress(2, 10)
    const [slow, fast] = outlets as [Outlet, Outlet]
    push(messages(10))
    await egress.roundEnded()
    read('b')
    push(messages(15, 10))
    await egress.roundEnded()
    assert.deepEqual(refused, ['a', 'b'])
    assert.equal(slow.queue.lag, 15)
    assert.equal(fast.queue.lag, 5)
    for (const [outlet, topic] of [
      [slow, 'a'],
      [fast, 'b'],
    ] as const) {
      while (!outlet.queue.isEmpty) {
        read(topic)
        egress.open(outlet)
        await egress.roundEnded()
      }
    }
    assert.deepEqual(received.get('a'), framesOf(25))
    assert.deepEqual(received.get('b'), framesOf(25))
  })

  test('gives the next subscriber its turn before a long queue is empty', async () => {
    const { egress, outlets, push, received } = openEgress(2)
    push(messages(100_000))
    await egress.roundEnded()
    const sent = received.get('a')?.length ?? 0
    assert.ok(sent > 0 && sent < 100_000)
    assert.ok(Math.abs(sent - (received.get('b')?.length ?? 0)) <= 512)
    for (const outlet of outlets) egress.close(outlet)
  })

  test('sends nothing while it is closed, and what came meanwhile when it is open again', async () => {
    const { egress, outlets, push, received } = openEgress(2)
    const [outlet] = outlets as [Outlet]
    egress.close(outlet)
    push(messages(3))
    while (!egress.isIdle) await yieldToEventLoop()
    assert.equal(received.get('a'), undefined)
    assert.deepEqual(received.get('b'), framesOf(3))
    egress.open(outlet)
    while (!egress.isIdle) await yieldToEventLoop()
    assert.deepEqual(received.get('a'), framesOf(3))
  })

  test('lets others have their turn while a message goes to very many', async () => {
    let pauses = 0
    const egress = new Egress(
      // A slow processor: each frame takes a millisecond.
      async () => {
        for (const end = performance.now() + 1; performance.now() < end; );
      },
      async () => {
        pauses++
        await yieldToEventLoop()
      },
      error => assert.fail(error as Error),
    )
    const log = openLog()
    for (let subscriber = 0; subscriber < 60; subscriber++) openOutlet(log, `subscriber ${subscriber}`, egress, {})
    log.append(messages(1))
    await egress.roundEnded()
    assert.equal(egress.delivered, 60)
    assert.ok(pauses > 6, `${pauses} pauses`)
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
    const log = openLog()
    const outlet: Outlet = openOutlet(log, 'a', egress, {
      refused: () => {
        broken = false
        egress.open(outlet)
      },
    })
    log.append(messages(2))
    while (!egress.isIdle) await yieldToEventLoop()
    assert.equal(errors.length, 1)
    assert.deepEqual(sent, ['aindicator 0', 'aindicator 1'])
  })

  test('stops in the middle of a run when the subscriber is no longer joined, and loses nothing', async () => {
    const { egress, outlets, push, received } = openEgress(1)
    const [outlet] = outlets as [Outlet]
    push(messages(100))
    await Promise.resolve()
    await Promise.resolve()
    await Promise.resolve()
    egress.close(outlet)
    while (!egress.isIdle) await yieldToEventLoop()
    const sent = received.get('a')?.length ?? 0
    assert.ok(sent > 0 && sent < 100)
    assert.equal(outlet.queue.lag, 100 - sent)
    assert.equal(outlet.queue.head?.frame, `indicator ${sent}`)
  })
})

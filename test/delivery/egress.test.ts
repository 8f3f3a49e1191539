import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setImmediate as yieldToEventLoop } from 'node:timers/promises'
import fc from 'fast-check'
import { type Batch, batchOf } from '../../src/delivery/batch.ts'
import { maxRunBytes } from '../../src/delivery/cursor.ts'
import type { Line } from '../../src/delivery/delivery.ts'
import { Egress } from '../../src/delivery/egress.ts'
import { MessageLog } from '../../src/delivery/message-log.ts'
import { Queue } from '../../src/delivery/queue.ts'
import { everything } from '../../src/delivery/wanted.ts'
import { type Message, messageOf } from '../../src/protocol/message.ts'

/** Subscribers a, b, c … of which each connection has room until it holds `room` frames that `read` was not called for. */
function openEgress(subscribers: number, room = Number.POSITIVE_INFINITY) {
  const held = new Map<string, number>()
  const received = new Map<string, string[]>()
  const filled: string[] = []
  const egress = new Egress(() => yieldToEventLoop())
  const log = openLog()
  const outlets = Array.from({ length: subscribers }, (_, index) => {
    const topic = String.fromCharCode(97 + index)
    const line = {
      get hasRoom() {
        return (held.get(topic) ?? 0) < room
      },
      send(run: readonly Message[]) {
        held.set(topic, (held.get(topic) ?? 0) + run.length)
        received.set(topic, [...(received.get(topic) ?? []), ...run.map(({ frame }) => String(frame))])
      },
    }
    return openOutlet(log, topic, egress, line, () => filled.push(topic))
  })
  const push = (batch: Batch) => log.append(batch)
  return { egress, outlets, push, received, filled, read: (topic: string) => held.delete(topic) }
}

const openLog = () =>
  new MessageLog(undefined, { maxRecentMessages: 1e6, maxRecentBytes: 1e9, durability: 'background' })

/** A subscriber that can take messages from the start, however its connection treats it. */
function openOutlet(
  log: MessageLog,
  topic: string,
  egress: Egress,
  line: { readonly hasRoom: boolean; send(run: readonly Message[]): void },
  filled: () => void = assert.fail,
) {
  const bounds = { maxDeliveries: 4, windowBytes: 1e9, networkBytes: 1000 }
  const fresh = { position: 1, confirms: false }
  const queue = new Queue(
    log,
    { topic, address: '', interest: 'both', snapshot: undefined, fresh, bounds },
    { filled: () => egress.filled(outlet), replayed() {}, missed: () => assert.fail() },
  )
  const counted: Line = {
    nextPing: 1,
    get hasRoom() {
      return line.hasRoom
    },
    send(run) {
      line.send(run)
      return 1
    },
    leave: () => assert.fail(),
  }
  const delivery = queue.join(counted, everything)
  queue.begin(delivery)
  const outlet = {
    topic,
    queue,
    delivery,
    filled,
    starved: () => assert.fail(),
    turnEnded: () => delivery.cursor?.rest(),
  }
  egress.open(outlet)
  return outlet
}

type Opened = ReturnType<typeof openOutlet>

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

  test('lets only the subscriber wait whose connection is full, and keeps what waits', async () => {
    const { egress, outlets, push, received, filled, read } = openEgress(2, 10)
    const [slow, fast] = outlets as [Opened, Opened]
    push(messages(10))
    await egress.roundEnded()
    read('b')
    push(messages(15, 10))
    await egress.roundEnded()
    assert.deepEqual(filled, ['a'])
    assert.equal(slow.queue.lag, 15)
    assert.equal(fast.queue.lag, 0)
    for (const [outlet, topic] of [
      [slow, 'a'],
      [fast, 'b'],
    ] as const) {
      while (!outlet.delivery.cursor?.isEmpty) {
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
    const [outlet] = outlets as [Opened]
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
    const egress = new Egress(async () => {
      pauses++
      await yieldToEventLoop()
    })
    // A slow processor: each run takes a millisecond.
    const send = () => {
      for (const end = performance.now() + 1; performance.now() < end; );
    }
    const log = openLog()
    for (let each = 0; each < 60; each++) openOutlet(log, `subscriber ${each}`, egress, { hasRoom: true, send })
    log.append(messages(1))
    await egress.roundEnded()
    assert.equal(egress.delivered, 60)
    assert.ok(pauses > 6, `${pauses} pauses`)
  })

  test('sends a long queue in runs of few bytes, and a long message alone', async () => {
    const runs: number[] = []
    const egress = new Egress(() => yieldToEventLoop())
    const log = openLog()
    openOutlet(log, 'a', egress, { hasRoom: true, send: run => runs.push(run.length) })
    const long = messageOf('indicator', 'x'.repeat(maxRunBytes))
    const half = messageOf('indicator', 'x'.repeat(maxRunBytes / 2))
    log.append(batchOf([long, half, half, half]))
    while (!egress.isIdle) await yieldToEventLoop()
    assert.deepEqual(runs, [1, 2, 1])
  })

  test('stops between two runs when the subscriber is no longer joined, and loses nothing', async () => {
    const { egress, outlets, push, received } = openEgress(1)
    const [outlet] = outlets as [Opened]
    push(messages(10_000))
    await egress.roundEnded()
    egress.close(outlet)
    while (!egress.isIdle) await yieldToEventLoop()
    const sent = received.get('a')?.length ?? 0
    assert.ok(sent > 0 && sent < 10_000)
    assert.equal(outlet.queue.lag, 10_000 - sent)
    assert.equal(String(outlet.delivery.cursor?.head?.frame), `indicator ${sent}`)
  })

  test('holds nobody up for a subscriber that leaves before its turn', async () => {
    const { egress, outlets, push } = openEgress(1)
    const [outlet] = outlets as [Opened]
    push(messages(1))
    const ended = egress.roundEnded()
    egress.close(outlet)
    await ended
    // Or between two rounds: its queue is longer than a run.
    egress.open(outlet)
    push(messages(2000))
    await egress.roundEnded()
    const next = egress.roundEnded()
    egress.close(outlet)
    await next
    assert.ok(outlet.queue.lag > 0)
  })
})

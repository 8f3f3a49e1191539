import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { batchOf } from '../../src/delivery/batch.ts'
import { MessageLog } from '../../src/delivery/message-log.ts'
import { Queue, type QueueStart } from '../../src/delivery/queue.ts'
import { Supplies } from '../../src/delivery/supplies.ts'
import { type Message, messageOf } from '../../src/protocol/message.ts'
import type { Interest, MessageType } from '../../src/protocol/topics.ts'
import { MemoryStore } from './memory-store.ts'

/** Frames that the broker holds for a connection, and bytes that the systems hold. */
const inFlight = { frames: 8, bytes: 200 }
const frameBytes = 20

/** A log of which little is in memory, with or without a store behind it. */
function openLog(store: MemoryStore | undefined, maxRecentMessages = 12) {
  const log = new MessageLog(store, { maxRecentMessages, maxRecentBytes: 1e9, durability: 'background' })
  const supplies =
    store && new Supplies(store, { maxHeld: 2, cachedBytes: 500, maxSelections: 2, betweenPages: async () => {} })
  return { log, supplies }
}

/** An application behind a connection: it receives what the connection has delivered when it breaks, and loses the rest. */
class Application {
  readonly received: string[] = []
  readonly edges: string[] = []
  readonly queue: Queue
  readonly #supplies: Supplies | undefined
  /** Frames that the broker holds, and behind it those in the systems' buffers. */
  #pipe: Message[] = []
  #buffers: Message[] = []

  constructor(log: MessageLog, supplies: Supplies | undefined, start: Partial<QueueStart> = {}) {
    this.#supplies = supplies
    const topic = start.topic ?? 'p2p'
    this.queue = new Queue(
      log,
      {
        topic,
        interest: 'both',
        position: log.next,
        frames: 0,
        snapshot: undefined,
        confirms: false,
        inFlightBytes: inFlight.frames * frameBytes + inFlight.bytes,
        ...start,
      },
      {
        filled: () => this.edges.push('filled'),
        replayed: () => this.edges.push('replayed'),
        missed: messages => this.edges.push(`missed ${messages}`),
      },
    )
  }

  /** Is sent so many frames, as far as its connection takes them; answers whether there may be more. */
  async take(atMost: number): Promise<boolean> {
    const { queue } = this
    if (!queue.isResumed) return false
    let taken = 0
    for (; taken < atMost && this.#pipe.length < inFlight.frames; taken++) {
      await this.#supplies?.supply(queue, new AbortController().signal)
      const { head } = queue
      if (head === undefined) return false
      this.#pipe.push(head)
      queue.skip(head)
    }
    if (this.#supplies) this.#supplies.turnEnded(queue)
    else queue.rest()
    return true
  }

  /** So many frames go to the systems, which hold only so much. */
  move(atMost: number): void {
    for (let moved = 0; moved < atMost; moved++) {
      const held = this.#buffers.reduce((bytes, { frame }) => bytes + frame.length, 0)
      const [next] = this.#pipe
      if (next === undefined || held + next.frame.length > inFlight.bytes) return
      this.#buffers.push(next)
      this.#pipe.shift()
    }
  }

  /** Receives so many frames. */
  receive(atMost: number): void {
    for (const { frame } of this.#buffers.splice(0, atMost)) this.received.push(String(frame))
  }

  /** The connection breaks, and what it held is lost. */
  breakConnection(): void {
    this.#pipe = []
    this.#buffers = []
    this.queue.rewind()
  }

  /** Says what it has received, all of it. */
  confirm(): void {
    this.queue.confirm(this.received.length)
    this.queue.resume()
  }

  /** Receives all there is. */
  async finish(): Promise<void> {
    let more = true
    while (more || this.#pipe.length > 0) {
      more = await this.take(5)
      this.move(100)
      this.receive(100)
    }
  }
}

let serial = 0
const numbered = (type: MessageType): Message => {
  const body = String(serial++).padStart(frameBytes - type.length - 1, '0')
  return messageOf(type, body, { object: { id: `${type}--${serial % 7}`, modified: String(serial), removed: false } })
}
const wantedBy = (interest: Interest) => (message: Message) => interest === 'both' || message.type === interest
const framesOf = (messages: readonly Message[]) => messages.map(({ frame }) => String(frame))

const interest = fc.constantFrom<Interest>('both', 'indicator', 'sighting')
const step = fc.oneof(
  fc.record({
    publish: fc.array(fc.constantFrom<MessageType>('indicator', 'sighting'), { minLength: 1, maxLength: 9 }),
  }),
  fc.record({ take: fc.integer({ min: 1, max: 12 }) }),
  fc.record({ move: fc.integer({ min: 1, max: 12 }) }),
  fc.record({ receive: fc.integer({ min: 1, max: 12 }) }),
  fc.constant({ breaks: true as const }),
  fc.constant({ confirms: true as const }),
)
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never

/** Plays the steps, then lets the application receive the rest. Answers what was published. */
async function play(
  steps: readonly Step[],
  log: MessageLog,
  application: Application,
  confirms = true,
): Promise<readonly Message[]> {
  const published: Message[] = []
  for (const each of steps) {
    if ('publish' in each) {
      const messages = each.publish.map(numbered)
      published.push(...messages)
      log.append(batchOf(messages))
    } else if ('take' in each) await application.take(each.take)
    else if ('move' in each) application.move(each.move)
    else if ('receive' in each) application.receive(each.receive)
    else if ('breaks' in each) application.breakConnection()
    else application.confirm()
  }
  if (confirms) application.confirm()
  await application.finish()
  return published
}

describe('a queue', () => {
  test('gives an application that says what it received exactly what it wants, in order, whatever breaks', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), interest, async (steps, wanted) => {
        const { log, supplies } = openLog(new MemoryStore())
        const application = new Application(log, supplies, { interest: wanted })
        application.queue.confirm(0)
        const published = await play(steps, log, application)
        assert.deepEqual(application.received, framesOf(published.filter(wantedBy(wanted))))
        assert.ok(application.queue.isEmpty)
        assert.equal(application.queue.missed, 0)
      }),
      { numRuns: 300 },
    )
  })

  test('gives one that says nothing all of it in order, and after a break again what may have been in flight', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), interest, async (steps, wanted) => {
        const { log, supplies } = openLog(new MemoryStore())
        const application = new Application(log, supplies, { interest: wanted })
        const silent = steps.filter(each => !('confirms' in each))
        const published = framesOf((await play(silent, log, application, false)).filter(wantedBy(wanted)))
        let expected = 0
        for (const frame of application.received) {
          const index = published.indexOf(frame)
          assert.ok(index <= expected, 'nothing is left out')
          const again = expected - index
          // What is in flight, one checkpoint's spacing, and one more at the edge.
          assert.ok(again <= inFlight.frames + inFlight.bytes / frameBytes + 3, `${again} came again`)
          expected = index + 1
        }
        assert.equal(expected, published.length)
      }),
      { numRuns: 300 },
    )
  })

  test('that has no store behind it loses the oldest, and counts them', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async steps => {
        const { log } = openLog(undefined)
        const application = new Application(log, undefined)
        application.queue.confirm(0)
        const unbroken = steps.filter(each => !('breaks' in each))
        const published = framesOf(await play(unbroken, log, application))
        const { received, queue } = application
        assert.deepEqual(
          received,
          published.filter(frame => received.includes(frame)),
        )
        assert.equal(received.length + queue.missed, published.length)
      }),
    )
  })

  test('misses what retention removed, and nothing else', async () => {
    const store = new MemoryStore()
    const { log, supplies } = openLog(store)
    const application = new Application(log, supplies)
    const published = Array.from({ length: 100 }, () => numbered('indicator'))
    for (const message of published) log.append(batchOf([message]))
    store.forgetBefore(40)
    await application.finish()
    assert.deepEqual(application.received, framesOf(published.slice(39)))
    assert.deepEqual(application.edges, ['filled', 'missed 39'])
  })

  test('hears of what fills it once, until it is empty again', async () => {
    const { log, supplies } = openLog(new MemoryStore())
    const application = new Application(log, supplies, { interest: 'sighting' })
    for (const type of ['indicator', 'sighting', 'sighting'] as const) log.append(batchOf([numbered(type)]))
    assert.deepEqual(application.edges, ['filled'])
    await application.finish()
    assert.ok(application.queue.isEmpty)
    log.append(batchOf([numbered('indicator')]))
    assert.ok(application.queue.isEmpty)
    log.append(batchOf([numbered('sighting')]))
    assert.deepEqual(application.edges, ['filled', 'filled'])
  })

  test('replays the latest version of each object, then goes on with what is live', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), fc.array(step, { maxLength: 30 }), async (before, after) => {
        const store = new MemoryStore()
        const { log, supplies } = openLog(store)
        const witness = new Application(log, supplies, { topic: 'other' })
        const earlier = await play(
          before.filter(each => 'publish' in each),
          log,
          witness,
        )
        const snapshot = { sinceMs: 0, upTo: log.next - 1 }
        const application = new Application(log, supplies, { position: store.oldest, snapshot })
        application.queue.confirm(0)
        const later = await play(after, log, application)
        const latest = new Map(earlier.map(message => [message.object?.id, message]))
        const objects = earlier.filter(message => latest.get(message.object?.id) === message)
        assert.deepEqual(application.received, framesOf([...objects, ...later]))
        assert.equal(application.queue.replaying, undefined)
      }),
      { numRuns: 200 },
    )
  })

  test('has what is for it alone, and never what is for all others', async () => {
    const { log, supplies } = openLog(new MemoryStore())
    const [one, other] = ['one', 'other'].map(topic => new Application(log, supplies, { topic, interest: 'none' }))
    log.append(batchOf([messageOf('indicator', 'answer', { audience: { only: 'one' } }), numbered('indicator')]))
    log.append(batchOf([messageOf('snapshotrequest', 'question', { audience: { except: 'one' } })]))
    await Promise.all([one?.finish(), other?.finish()])
    assert.deepEqual(one?.received, ['indicator answer'])
    assert.deepEqual(other?.received, ['snapshotrequest question'])
  })

  test('passes over nothing that is new although a crash lost what the application has counted', async () => {
    const store = new MemoryStore()
    const { log, supplies } = openLog(store)
    const application = new Application(log, supplies)
    application.queue.confirm(0)
    for (let count = 0; count < 10; count++) log.append(batchOf([numbered('indicator')]))
    const { position, frames } = application.queue.settled
    await application.finish()
    assert.equal(application.received.length, 10)

    store.loseFrom(8)
    const next = openLog(store)
    const restored = new Application(next.log, next.supplies, { position, frames, confirms: true })
    const fresh = Array.from({ length: 5 }, () => numbered('indicator'))
    for (const message of fresh) next.log.append(batchOf([message]))
    restored.queue.confirm(10)
    restored.queue.resume()
    await restored.finish()
    assert.deepEqual(restored.received, framesOf(fresh))
    // And it goes on counting as the application does.
    restored.queue.rewind()
    restored.queue.confirm(15)
    restored.queue.resume()
    await restored.finish()
    assert.deepEqual(restored.received, framesOf(fresh))
  })

  test('takes the count of an application that only begins to say what it received after frames came again', async () => {
    const { log, supplies } = openLog(new MemoryStore())
    const application = new Application(log, supplies)
    const published = Array.from({ length: 60 }, () => numbered('indicator'))
    for (const message of published.slice(0, 30)) log.append(batchOf([message]))
    await application.finish()
    application.breakConnection()
    await application.finish()
    application.confirm()
    for (const message of published.slice(30)) log.append(batchOf([message]))
    await application.finish()
    application.breakConnection()
    assert.equal(application.queue.isResumed, false)
    application.confirm()
    await application.finish()
    assert.deepEqual([...new Set(application.received)], framesOf(published))
    // What was in flight at the first break cannot be told from what was not: so much comes again, and no more.
    assert.ok(application.received.length < 60 + 2 * (inFlight.frames + inFlight.bytes / frameBytes + 3))
  })
})

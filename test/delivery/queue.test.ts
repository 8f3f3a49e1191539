import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { batchOf } from '../../src/delivery/batch.ts'
import type { MessageLog } from '../../src/delivery/message-log.ts'
import { type Message, messageOf } from '../../src/protocol/message.ts'
import type { MessageType } from '../../src/protocol/topics.ts'
import { Application } from './application.ts'
import { framesOf, numbered, openLog } from './logs.ts'
import { MemoryStore } from './memory-store.ts'

const step = fc.oneof(
  fc.record({
    publish: fc.array(fc.constantFrom<MessageType>('indicator', 'sighting'), { minLength: 1, maxLength: 9 }),
  }),
  fc.record({ send: fc.integer({ min: 1, max: 12 }) }),
  fc.record({ arrive: fc.integer({ min: 1, max: 12 }) }),
  fc.constant({ acknowledge: true as const }),
  fc.constant({ breaks: true as const }),
)
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never

/** Plays the steps, then lets the application receive the rest. Answers what was published. */
async function play(steps: readonly Step[], log: MessageLog, application: Application): Promise<readonly Message[]> {
  const published: Message[] = []
  await application.connect()
  for (const each of steps) {
    if ('publish' in each) {
      const messages = each.publish.map(numbered)
      published.push(...messages)
      log.append(batchOf(messages))
    } else if ('send' in each) await application.send(each.send)
    else if ('arrive' in each) application.arrive(each.arrive)
    else if ('acknowledge' in each) application.acknowledge()
    else {
      application.disconnect()
      application.notice()
      await application.connect()
    }
  }
  await application.finish()
  return published
}

/** What was sent, and did not arrive, is lost together with what came behind it, which was counted already. */
const sentAndLost: Step[] = [
  ...[5, 3].map(count => ({ publish: new Array<MessageType>(count).fill('indicator') })),
  { send: 1 },
  { publish: new Array<MessageType>(5).fill('indicator') },
  { send: 1 },
  { breaks: true },
]

describe('a queue', () => {
  test('that has no store behind it loses the oldest and nothing else, and counts what it lost', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async steps => {
        const { log } = openLog(undefined)
        const application = new Application(log, undefined, { counts: true })
        const published = framesOf(await play(steps, log, application))
        const { received, queue } = application
        assert.deepEqual(
          [...new Set(received)],
          published.filter(frame => received.includes(frame)),
        )
        // What was lost after it had been received counts, too: nobody can know.
        assert.ok(new Set(received).size + queue.missed >= published.length)
      }),
      { examples: [[sentAndLost]] },
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
    assert.deepEqual(
      application.edges.filter(each => each !== 'filled'),
      ['missed 39'],
    )
  })

  test('hears of what fills it once, until it is empty again', async () => {
    const { log, supplies } = openLog(new MemoryStore())
    const application = new Application(log, supplies, { interest: 'sighting' })
    await application.finish()
    for (const type of ['indicator', 'sighting', 'sighting'] as const) log.append(batchOf([numbered(type)]))
    assert.deepEqual(application.edges, ['filled'])
    await application.finish()
    assert.equal(application.queue.lag, 0)
    log.append(batchOf([numbered('indicator')]))
    assert.equal(application.queue.lag, 0)
    log.append(batchOf([numbered('sighting')]))
    assert.deepEqual(application.edges, ['filled', 'filled'])
    // Nobody is told of what nobody is sent.
    application.disconnect()
    application.notice()
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
        const fresh = { position: store.oldest, confirms: true }
        const application = new Application(log, supplies, { counts: true, fresh, snapshot })
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

  test('that has no store behind it keeps what is under way, and sends it again when its connection broke', async () => {
    const { log } = openLog(undefined, 100)
    const application = new Application(log, undefined)
    await application.connect()
    const published = Array.from({ length: 9 }, () => numbered('indicator'))
    log.append(batchOf(published))
    await application.send(9)
    assert.equal(application.queue.lag, 0)
    log.append(batchOf([numbered('indicator')]))
    application.disconnect()
    application.notice()
    await application.finish()
    assert.equal(application.received.length, 10)
    assert.deepEqual(application.received.slice(0, 9), framesOf(published))
    assert.equal(application.queue.missed, 0)
  })
})

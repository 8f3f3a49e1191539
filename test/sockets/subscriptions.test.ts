// What comes in on pub: subscriptions, and whatever else a peer sends there.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import fc from 'fast-check'
import { Subscriber, XPublisher } from 'zeromq'
import { messageOf } from '../../src/protocol/message.ts'
import { drawP2pTopic } from '../../src/protocol/topics.ts'
import { PubSocket } from '../../src/sockets/pub.ts'
import { commandFrame } from '../../src/sockets/zmtp/command.ts'
import { encodeFrames } from '../../src/sockets/zmtp/frame-reader.ts'
import { PeerBudget } from '../../src/sockets/zmtp/peer-budget.ts'
import { connected, greetingOf, listening, openPub, raw, readyOf, Told } from './broker-endpoint.ts'

const hello = Buffer.concat([greetingOf(), readyOf('SUB')])

const subscription = (prefix: string) => encodeFrames([Buffer.from(`\x01${prefix}`, 'latin1')])

/** Frames that subscribe to nothing that anybody could be sent, of any length. */
const lengths = fc.oneof(fc.nat({ max: 600 }), fc.constantFrom(255, 256, 65_535, 65_536, 300_000))
const pointless = fc.oneof(
  lengths.map(length => subscription('x'.repeat(length))),
  lengths.map(length => encodeFrames([Buffer.from('\0'.repeat(length), 'latin1')])),
  lengths.map(length => encodeFrames([Buffer.alloc(length, 'user message')])),
  lengths.map(length => encodeFrames([Buffer.alloc(length, 1), Buffer.alloc(length, 1)])),
  lengths.map(length => commandFrame('SUBSCRIBE', Buffer.alloc(length, 'x'))),
  lengths.map(length => commandFrame('CANCEL', Buffer.alloc(length, 'x'))),
  lengths.map(length => commandFrame('WHATEVER', Buffer.alloc(length))),
)

/** A peer without a library that has greeted, and says what the test wants. */
function open(t: TestContext, port: number, ...parts: Buffer[]): Socket {
  const socket = connect(port, '127.0.0.1')
  t.after(() => socket.destroy())
  socket.on('error', () => {})
  for (const part of [hello, ...parts]) socket.write(part)
  return socket
}

/** Fulfilled when the other side has said what it is: libzmq takes nothing before, as RFC 37 has it. */
async function greeted(socket: Socket): Promise<void> {
  for (let received = 0; received < 64 + readyOf('XPUB').length; ) received += (await once(socket, 'data'))[0].length
}

describe('what comes in on pub', { concurrency: true }, () => {
  test('of any kind and length harms none of the subscriptions around it', async t => {
    const admitted = new Set<string>()
    const { port, told } = await openPub(t, {}, topic => admitted.has(topic))
    await fc.assert(
      fc.asyncProperty(fc.array(pointless, { minLength: 1, maxLength: 5 }), async frames => {
        const topics = frames.map(() => drawP2pTopic())
        for (const topic of topics) admitted.add(topic)
        const socket = open(t, port, ...frames.flatMap((frame, at) => [frame, subscription(topics[at] as string)]))
        for (const topic of topics) await told.of(`joined ${topic}`)
        socket.destroy()
        for (const topic of topics) await told.of(`left ${topic}`)
      }),
      { numRuns: 50 },
    )
    assert.ok(!told.all.some(each => each.startsWith('broken')))
  })

  test('is no more than what a socket of libzmq is subscribed to: too long a prefix leaves it the others', async t => {
    const [topic, other] = [drawP2pTopic(), drawP2pTopic()]
    const { pub, port, told } = await openPub(t, {}, each => each === topic || each === other)
    const socket = connected(t, new Subscriber({ linger: 0, receiveTimeout: 60_000 }), port)
    socket.subscribe(topic, `${topic}${'x'.repeat(224)}`, 'y'.repeat(100_000), other)
    await told.of(`joined ${other}`)
    pub.send(topic, [messageOf('indicator', 'x')])
    assert.equal(String(await socket.receive()), `${topic}indicator x`)
    // What is nobody's topic was refused, and what begins with one and is too long.
    const subscribed = told.all.filter(each => !each.startsWith('acknowledged'))
    assert.deepEqual(subscribed.toSorted(), [`joined ${other}`, `joined ${topic}`, 'refused', 'refused'].toSorted())
  })

  test('of one prefix counts once for each connection, as with libzmq, whose sockets tell when their last use of it ends', async t => {
    const topic = drawP2pTopic()
    const { pub, port, told } = await openPub(t)
    const socket = connected(t, new Subscriber({ linger: 0, receiveTimeout: 60_000 }), port)
    socket.subscribe(topic)
    socket.subscribe(topic)
    socket.unsubscribe(topic)
    // What it sends is taken in order.
    const later = drawP2pTopic()
    socket.subscribe(later)
    await told.of(`joined ${later}`)
    pub.send(topic, [messageOf('indicator', 'x')])
    assert.equal(String(await socket.receive()), `${topic}indicator x`)
    socket.unsubscribe(topic)
    await told.of(`left ${topic}`)
    const subscribed = told.all.filter(each => !each.startsWith('acknowledged'))
    assert.deepEqual(subscribed, [`joined ${topic}`, `joined ${later}`, `left ${topic}`])
  })

  test("leaves the same subscriptions as at libzmq's XPUB, however often each is made and cancelled", async t => {
    const { port, told } = await openPub(t)
    const reference = new XPublisher({ linger: 0 })
    t.after(() => reference.close())
    await reference.bind('tcp://127.0.0.1:*')
    const referencePort = Number(new URL(String(reference.lastEndpoint)).port)
    const steps = fc.array(fc.tuple(fc.constantFrom(1, 0), fc.nat({ max: 2 })), { maxLength: 12 })
    await fc.assert(
      fc.asyncProperty(steps, async steps => {
        const [end, ...topics] = Array.from({ length: 4 }, () => drawP2pTopic()) as [string, string, string, string]
        const frames = [...steps.map(([kind, at]) => [kind, topics[at] as string] as const), [1, end] as const]
        const bytes = Buffer.concat(
          frames.map(([kind, topic]) => encodeFrames([Buffer.concat([Buffer.of(kind), Buffer.from(topic)])])),
        )
        const before = told.all.length
        const sockets = [open(t, port), open(t, referencePort)]
        for (const socket of sockets) {
          await greeted(socket)
          socket.write(bytes)
        }
        await told.of(`joined ${end}`)
        const here = new Set<string>()
        for (const each of told.all.slice(before)) {
          const [what, topic = ''] = each.split(' ')
          if (what === 'joined') here.add(topic)
          else here.delete(topic)
        }
        const there = new Set<string>()
        while (!there.has(end)) {
          const [notice = Buffer.alloc(0)] = await reference.receive()
          if (notice[0] === 1) there.add(String(notice.subarray(1)))
          else there.delete(String(notice.subarray(1)))
        }
        assert.deepEqual(here, there)
        for (const socket of sockets) socket.destroy()
        // Each tells what ended with its connection.
        await told.of(`left ${end}`)
        for (let left = 0; left < there.size; left++) await reference.receive()
      }),
      { numRuns: 100 },
    )
  })

  test('closes its connection if one frame is longer than any may be, when that shows', async t => {
    const { port, told } = await openPub(t, { maxMessageBytes: 1_000_000 })
    const header = (length: number) => Buffer.from(`0200000000${length.toString(16).padStart(8, '0')}`, 'hex')
    const topic = drawP2pTopic()
    open(t, port, header(1_000_000), Buffer.alloc(1_000_000), subscription(topic))
    await told.of(`joined ${topic}`)
    await raw(t, port, hello, header(1_000_001))
    assert.equal(told.all.at(-1), 'broken frame_too_long')
  })

  test('closes its connection if its prefixes are longer together than anybody needs, and not if they end meanwhile', async t => {
    const { port, told, budget } = await openBudgeted(t)
    const socket = open(t, port)
    const send = (kind: number, topic: string, count = 64) => {
      const prefixes = Array.from({ length: count }, (_, at) => `${topic}indicator {"${at}":"`.padEnd(220, 'x'))
      socket.write(
        Buffer.concat(prefixes.map(each => encodeFrames([Buffer.concat([Buffer.of(kind), Buffer.from(each)])]))),
      )
    }
    for (let count = 0; count < 50; count++) {
      const topic = drawP2pTopic()
      // No more changes of one than may be at once.
      send(1, topic, 32)
      send(0, topic, 32)
    }
    const last = drawP2pTopic()
    send(1, last)
    await told.of(`joined ${last}`)
    while (budget.held.prefixes <= 64 * 180) await nextTurn()
    assert.ok(!told.all.some(each => each.startsWith('broken')))
    for (let count = 0; count < 4; count++) send(1, drawP2pTopic())
    await told.of('broken too_many_subscriptions')
    assert.equal(budget.held.prefixes, 0)
  })

  test('takes no memory for what matches nothing, or what everybody may subscribe to', async t => {
    const { port, told, budget } = await openBudgeted(t)
    const topic = drawP2pTopic()
    const [types, long] = [['', 'i', 'indicator ', 'sighting'], 'x'.repeat(200)]
    const prefixes = [...types, ...Array.from({ length: 100 }, (_, at) => `${at}${long}`)].map(each => topic + each)
    open(t, port, ...prefixes.map(subscription), subscription(`${topic}sighting `))
    await told.of('refused', 100)
    await told.of(`joined ${topic}`)
    assert.equal(budget.held.prefixes, 0)
    assert.equal(told.all.filter(each => each === 'refused').length, 100)
  })

  test('of all connections together takes no more than may be: who has most is closed first', async t => {
    const { port, told, budget } = await openBudgeted(t, 200_000)
    const longPrefix = (topic: string, at: number) => subscription(`${topic}indicator {"${at}":"`.padEnd(220, 'x'))
    const topics = Array.from({ length: 6 }, () => drawP2pTopic())
    const few = open(t, port, longPrefix(drawP2pTopic(), 0))
    for (const topic of topics) open(t, port, ...Array.from({ length: 60 }, (_, at) => longPrefix(topic, at)))
    await told.of('broken crowded_out', 3)
    assert.ok(budget.held.prefixes <= 50_000)
    assert.equal(few.destroyed, false)
  })

  test('is told at most so often if it changes again and again, and in the end as it is', async t => {
    const { port, told } = await openPub(t)
    const [topic, last] = [drawP2pTopic(), drawP2pTopic()]
    const socket = open(t, port)
    const both = Buffer.concat([subscription(topic), encodeFrames([Buffer.from(`\0${topic}`)])])
    socket.write(Buffer.concat([...Array.from({ length: 700 }, () => both), subscription(topic), subscription(last)]))
    await told.of(`joined ${last}`)
    await told.of('changes too often')
    const changes = () => told.all.filter(each => each.endsWith(topic))
    while (changes().at(-1) !== `joined ${topic}`) await told.next()
    assert.ok(changes().length <= 256, `${changes().length} changes`)
  })

  test('of many topics is told in turns: nobody waits until all of them have been', async t => {
    const told = new Told()
    const [first, last] = [drawP2pTopic(), drawP2pTopic()]
    const others = Array.from({ length: 200 }, drawP2pTopic)
    const pub = new PubSocket(listening, {
      accept: topic => ({
        mayJoin: true,
        wants: () => {
          if (topic === last) told.note('honest')()
          else {
            const endMs = performance.now() + 1
            while (performance.now() < endMs);
            told.note(topic === first ? 'first' : 'other')()
          }
        },
        acknowledged() {},
        drained() {},
        closed: () => told.note('closed')(),
      }),
      refused: assert.fail,
      changesTooOften: assert.fail,
      broken: assert.fail,
      dropped: assert.fail,
    })
    t.after(() => pub.close())
    const port = await pub.bind()
    const [many, honest] = [open(t, port), open(t, port)]
    many.write(Buffer.concat([first, ...others].map(topic => subscription(topic))))
    await told.of('first')
    honest.write(subscription(last))
    await told.of('honest')
    assert.ok(told.all.filter(each => each === 'other').length < others.length)
    many.destroy()
    await told.of('closed', 1 + others.length)
  })
})

/** A socket that admits everybody, with a budget of its own. */
async function openBudgeted(t: TestContext, maxBytes = 1_000_000) {
  const budget = new PeerBudget({ maxBytes, messageTimeoutMs: 60_000, exceeded() {} })
  return { ...(await openPub(t, { budget })), budget }
}

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { Subscriber } from 'zeromq'
import { messageOf } from '../../src/protocol/message.ts'
import { drawP2pTopic } from '../../src/protocol/topics.ts'
import { Pings } from '../../src/sockets/pings.ts'
import { type Command, readCommand } from '../../src/sockets/zmtp/command.ts'
import { FrameReader } from '../../src/sockets/zmtp/frame-reader.ts'
import { takesPingsAfter } from '../../src/sockets/zmtp/takes-pings.ts'
import { zmtp2 } from '../../src/sockets/zmtp/zmtp-2.ts'
import { zmtp3 } from '../../src/sockets/zmtp/zmtp-3.ts'
import { commandOf, connected, greetingOf, listening, openPub, readyOf } from './broker-endpoint.ts'

const message = (text: string) => messageOf('indicator', text)

/** How libzmq greets: with the length of an identity in the signature. */
function libzmqGreeting(minor: number): Buffer {
  const greeting = greetingOf()
  greeting[8] = 1
  greeting[11] = minor
  return greeting
}

/** A subscriber without a library, which answers a PING as the test wants. */
function subscriber(
  t: TestContext,
  port: number,
  topic: string,
  answer: (ping: Command, socket: Socket) => void,
): Socket {
  const socket = connect(port, '127.0.0.1')
  t.after(() => socket.destroy())
  socket.on('error', () => {})
  let greeting = greetingOf().length
  const frames = new FrameReader(1_000_000, frame => {
    const command = frame.isCommand ? readCommand(frame.body) : undefined
    if (command?.name === 'PING') answer(command, socket)
  })
  socket.on('data', chunk => {
    const skipped = Math.min(greeting, chunk.length)
    greeting -= skipped
    frames.read(chunk.subarray(skipped))
  })
  socket.write(Buffer.concat([libzmqGreeting(1), readyOf('SUB'), commandOf('SUBSCRIBE', topic)]))
  return socket
}

/** What follows a PING's time to live. */
const contextOf = ({ body }: Command) => body.toString('latin1', 2)

describe("what a peer's library acknowledges", { concurrency: true }, () => {
  test('is what it has taken: everything that was sent before a PING that it answers', async t => {
    const { pub, port, told } = await openPub(t)
    const topic = drawP2pTopic()
    const socket = connected(t, new Subscriber({ linger: 0, receiveTimeout: 60_000 }), port)
    socket.subscribe(topic)
    await told.of(`acknowledged ${topic} 1`)
    const [first = 0] = pub.send(topic, [message('1'), message('2')])
    await told.of(`acknowledged ${topic} ${first}`)
    // What it has acknowledged it has, although the connection ends.
    pub.close()
    for (const text of ['1', '2']) assert.equal(String(await socket.receive()), `${topic}indicator ${text}`)
  })

  test('is nothing of what it has no room for, and that as soon as its application reads', async t => {
    const { pub, port, told } = await openPub(t)
    const topic = drawP2pTopic()
    const socket = new Subscriber({ linger: 0, receiveTimeout: 60_000, receiveHighWaterMark: 10 })
    connected(t, socket, port).subscribe(topic)
    await told.of(`acknowledged ${topic} 1`)
    const run = Array.from({ length: 100 }, (_, index) => message(String(index)))
    const [ping = 0] = pub.send(topic, run)
    // Another one's answer comes after its own would have.
    const other = drawP2pTopic()
    connected(t, new Subscriber({ linger: 0 }), port).subscribe(other)
    await told.of(`acknowledged ${other} 1`)
    assert.ok(!told.all.includes(`acknowledged ${topic} ${ping}`))
    for (const _ of run) await socket.receive()
    await told.of(`acknowledged ${topic} ${ping}`)
  })

  test('is matched by order where the PONG has no context, as libzmq 4.2 sends it', async t => {
    const { pub, port, told } = await openPub(t)
    const topic = drawP2pTopic()
    subscriber(t, port, topic, (_, socket) => socket.write(commandOf('PONG', '')))
    await told.of(`acknowledged ${topic} 1`)
    const [second = 0] = pub.send(topic, [message('x')])
    await told.of(`acknowledged ${topic} ${second}`)
    assert.equal(second, 2)
  })

  test('is asked for behind what was sent before the first answer, however much that was', async t => {
    const { pub, port, told } = await openPub(t, { answerTimeoutMs: 3_600_000 })
    const topic = drawP2pTopic()
    let isFirst = true
    const answerFirst = await new Promise<() => void>(resolve => {
      subscriber(t, port, topic, (ping, socket) => {
        const answer = () => void socket.write(commandOf('PONG', contextOf(ping)))
        if (isFirst) resolve(answer)
        else answer()
        isFirst = false
      })
    })
    const [ping = 0] = pub.send(topic, [message('x'.repeat(listening.windowBytes - 100_000))])
    answerFirst()
    const isAcknowledged = () =>
      told.all.some(each => each.startsWith('acknowledged') && Number(each.split(' ')[2]) >= ping)
    while (!isAcknowledged()) await told.next()
  })

  test('is nothing that was not asked for', async t => {
    const { pub, port, told } = await openPub(t)
    const topic = drawP2pTopic()
    const socket = subscriber(t, port, topic, (ping, peer) => {
      for (const context of ['\xff'.repeat(6), '\0'.repeat(6), contextOf(ping), contextOf(ping)]) {
        peer.write(commandOf('PONG', context))
      }
    })
    await told.of(`acknowledged ${topic} 1`)
    const [ping = 0] = pub.send(topic, [message('x')])
    await told.of(`acknowledged ${topic} ${ping}`)
    socket.write(commandOf('SUBSCRIBE', `${topic}sighting`))
    await told.of(`joined ${topic}`, 2)
    const acknowledged = told.all.filter(each => each.startsWith('acknowledged'))
    assert.deepEqual(acknowledged, [`acknowledged ${topic} 1`, `acknowledged ${topic} ${ping}`])
  })

  test('is asked for again on a connection where nothing is sent; one that answers no more has vanished', async t => {
    const { port, told } = await openPub(t, { answerTimeoutMs: 200 })
    const topic = drawP2pTopic()
    let answers = 3
    subscriber(t, port, topic, (ping, socket) => {
      if (answers-- > 0) socket.write(commandOf('PONG', contextOf(ping)))
    })
    await told.of(`acknowledged ${topic} 3`)
    await told.of('broken unanswered')
    await told.of(`left ${topic}`)
  })

  test('is late where somebody reads slowly, who is not taken for vanished', async t => {
    const { pub, port, told } = await openPub(t, { answerTimeoutMs: 200 })
    const [slow, idle] = [drawP2pTopic(), drawP2pTopic()]
    const reader = subscriber(t, port, slow, (ping, socket) => socket.write(commandOf('PONG', contextOf(ping))))
    await told.of(`acknowledged ${slow} 1`)
    reader.pause()
    while (pub.hasRoom(slow)) pub.send(slow, [message('x'.repeat(50_000))])
    // Others come, stop to answer, and are given up, one after the other.
    for (let count = 1; count <= 3; count++) {
      let answers = 1
      subscriber(t, port, idle, (ping, socket) => {
        if (answers-- > 0) socket.write(commandOf('PONG', contextOf(ping)))
      })
      await told.of('broken unanswered', count)
    }
    assert.ok(!told.all.includes(`left ${slow}`))
    reader.resume()
    await told.of(`drained ${slow}`)
  })
})

describe('PINGs', () => {
  const everyBytes = 1000

  test('follow what is sent one at a time, and say what has arrived', () => {
    const step = fc.oneof(
      fc.record({ send: fc.integer({ min: 1, max: 600 }) }),
      fc.constantFrom({ answer: true as const }, { ask: true as const }, { due: true as const }),
    )
    fc.assert(
      fc.property(fc.array(step), fc.boolean(), (steps, hasContext) => {
        const pings = new Pings(everyBytes)
        // Messages by the number of the PING that will follow them.
        const sent: number[] = []
        let [open, openBytes, answered] = [undefined as Buffer | undefined, 0, 0]
        for (const each of steps) {
          if ('send' in each) {
            sent.push(pings.next)
            pings.follow(each.send)
          } else if ('answer' in each) {
            const expected = open && pings.answered(hasContext ? open : Buffer.alloc(0))
            assert.equal(expected === undefined, open === undefined)
            answered = expected ?? answered
            // What came after it was sent is not acknowledged by it.
            for (const number of sent.slice(openBytes)) assert.ok(open === undefined || number > answered)
            open = undefined
          } else if ('due' in each ? pings.areDue : pings.areOpen || sent.length > 0) {
            const again = pings.areOpen
            const pieces = pings.pieces()
            const ping = readCommand((pieces.at(-1) as Buffer).subarray(2))
            if (!again) openBytes = sent.length
            open = Buffer.from(contextOf(ping), 'latin1')
            for (const number of sent.slice(0, openBytes)) assert.ok(number <= open.readUIntBE(0, 6))
            // Behind messages it is never read together with them.
            assert.equal(pieces.length, again || sent.every(number => number <= answered) ? 1 : 2)
          }
          assert.equal(pings.areOpen, open !== undefined)
          if (sent.some(number => number > answered)) assert.ok(pings.isMessageOpen)
        }
      }),
      { numRuns: 500 },
    )
  })

  test('go to those who answer them, and to nobody who might take them for messages', () => {
    for (const [greeting, type, expected] of [
      [libzmqGreeting(1), 'SUB', 'always'],
      [libzmqGreeting(1), 'XSUB', 'always'],
      [libzmqGreeting(0), 'SUB', 'filtered'],
      [libzmqGreeting(0), 'XSUB', 'never'],
      [libzmqGreeting(0), undefined, 'never'],
      [greetingOf(), 'SUB', 'never'],
    ] as const) {
      assert.equal(takesPingsAfter(greeting, zmtp3, type), expected)
    }
    assert.equal(takesPingsAfter(libzmqGreeting(0), zmtp2, 'SUB'), 'never')
  })

  test('do not go to a library that would hand them to an application which hears everything', async t => {
    const { port, told } = await openPub(t, {}, topic => topic.length === 32)
    const topic = drawP2pTopic()
    const socket = connect(port, '127.0.0.1')
    t.after(() => socket.destroy())
    let received = ''
    socket.on('data', chunk => {
      received += chunk.toString('latin1')
    })
    socket.write(Buffer.concat([libzmqGreeting(0), readyOf('SUB'), commandOf('SUBSCRIBE', '')]))
    await told.of('refused')
    socket.write(Buffer.concat([commandOf('SUBSCRIBE', topic), commandOf('PING', '\0\0over')]))
    while (!received.endsWith(commandOf('PONG', 'over').toString('latin1'))) await once(socket, 'data')
    assert.ok(!received.includes('PING'))
  })
})

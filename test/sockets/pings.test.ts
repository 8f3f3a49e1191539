import assert from 'node:assert/strict'
import { connect, type Socket } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { Subscriber } from 'zeromq'
import { messageOf } from '../../src/protocol/message.ts'
import { drawP2pTopic } from '../../src/protocol/topics.ts'
import { Pings } from '../../src/sockets/pings.ts'
import { FrameReader } from '../../src/sockets/zmtp/frame-reader.ts'
import { type Command, readCommand } from '../../src/sockets/zmtp/handshake.ts'
import { commandOf, connected, greetingOf, openPub, readyOf } from './broker-endpoint.ts'

const message = (text: string) => messageOf('indicator', text)

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
  socket.write(Buffer.concat([greetingOf(), readyOf('SUB'), commandOf('SUBSCRIBE', topic)]))
  return socket
}

/** What follows a PING's time to live. */
const contextOf = ({ body }: Command) => body.toString('latin1', 2)

describe("what a peer's library acknowledges", { concurrency: true }, () => {
  test('is what it has taken: everything that was sent before a PING that it answers', async t => {
    const { pub, port, told } = await openPub(t)
    const topic = drawP2pTopic()
    const socket = connected(t, new Subscriber({ linger: 0, receiveTimeout: 5000 }), port)
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
    const socket = new Subscriber({ linger: 0, receiveTimeout: 5000, receiveHighWaterMark: 10 })
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

  test('is nothing that was not asked for', async t => {
    const { pub, port, told } = await openPub(t)
    const topic = drawP2pTopic()
    const pings: string[] = []
    const socket = subscriber(t, port, topic, (ping, peer) => {
      pings.push(contextOf(ping))
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
    await told.of('broken it has vanished: it answers no PING')
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
      await told.of('broken it has vanished: it answers no PING', count)
    }
    assert.ok(!told.all.includes(`left ${slow}`))
    reader.resume()
    await told.of(`drained ${slow}`)
  })
})

describe('PINGs', () => {
  const everyBytes = 1000

  test('follow much that is sent, or else come in time, and are never more than are needed', () => {
    const step = fc.oneof(
      fc.record({ send: fc.integer({ min: 1, max: 600 }) }),
      fc.record({ wait: fc.integer({ min: 1, max: 60 }) }),
      fc.constant({ answer: true as const }),
      fc.constant({ due: true as const }),
    )
    fc.assert(
      fc.property(fc.array(step), steps => {
        const pings = new Pings(everyBytes)
        let nowMs = 0
        let unpinged = 0
        const sent: number[] = []
        const ping = () => {
          sent.push(pings.next)
          pings.frame(nowMs)
          unpinged = 0
        }
        for (const each of steps) {
          if ('send' in each) {
            unpinged += each.send
            if (pings.follow(each.send, nowMs)) ping()
            assert.ok(unpinged < everyBytes)
          } else if ('wait' in each) nowMs += each.wait
          else if ('due' in each) {
            assert.equal(pings.areDue, unpinged > 0)
            if (pings.areDue) ping()
          } else {
            // In order, and the last of all for none.
            assert.equal(pings.answered(Buffer.alloc(0)), sent.shift())
          }
          assert.equal(pings.areOpen, sent.length > 0)
          if (pings.isMessageOpen) assert.ok(sent.length > 0 || unpinged > 0)
        }
      }),
    )
  })
})

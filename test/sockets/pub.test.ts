import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { Subscriber } from 'zeromq'
import { messageOf } from '../../src/protocol/message.ts'
import { drawP2pTopic } from '../../src/protocol/topics.ts'
import type { PubSocketOptions } from '../../src/sockets/pub.ts'
import {
  commandOf,
  connected,
  greetingOf,
  LinkedPub,
  listening,
  openPub,
  raw,
  readyOf,
  Told,
} from './broker-endpoint.ts'

/** A socket with its subscribers, and what it tells of them. */
async function openWithSubscribers(
  t: TestContext,
  over: Partial<PubSocketOptions> = {},
  admits?: (topic: string) => boolean,
) {
  const { pub, port, told } = await openPub(t, over, admits)
  const subscribe = (...prefixes: string[]) => {
    const socket = connected(t, new Subscriber({ linger: 0, receiveTimeout: 60_000 }), port)
    socket.subscribe(...prefixes)
    return socket
  }
  return { pub, port, told: told.all, heardOf: told.of.bind(told), subscribe }
}

const message = (text: string, type: 'indicator' | 'sighting' = 'indicator') => messageOf(type, text)

describe('pub', { concurrency: true }, () => {
  test('sends what its subscribers wait for, whatever its length and its characters', async t => {
    const topic = drawP2pTopic()
    const { pub, heardOf, subscribe } = await openWithSubscribers(t)
    const socket = subscribe(topic)
    await heardOf(`joined ${topic}`)
    const texts = fc.array(fc.oneof(fc.string({ unit: 'binary', maxLength: 300 }), fc.nat({ max: 70_000 })))
    await fc.assert(
      fc.asyncProperty(texts, async drawn => {
        const run = drawn.map(each => message(typeof each === 'string' ? String(Buffer.from(each)) : 'x'.repeat(each)))
        pub.send(topic, run)
        for (const { frame } of run) assert.equal(String(await socket.receive()), topic + frame)
      }),
      { numRuns: 50 },
    )
  })

  test('honours the subscriptions it admits, each by its peer, and hears of their ends', async t => {
    const [mine, theirs] = [drawP2pTopic(), drawP2pTopic()]
    const { pub, told, heardOf, subscribe } = await openWithSubscribers(
      t,
      {},
      topic => topic === mine || topic === theirs,
    )
    const eavesdropper = subscribe('')
    const subscriber = subscribe(mine)
    const other = subscribe(theirs)
    await heardOf('refused')
    await heardOf(`joined ${mine}`)
    await heardOf(`joined ${theirs}`)
    pub.send(mine, [message('hello')])
    pub.send(theirs, [message('hi')])
    assert.equal(String(await subscriber.receive()), `${mine}indicator hello`)
    assert.equal(String(await other.receive()), `${theirs}indicator hi`)
    eavesdropper.receiveTimeout = 0
    await assert.rejects(eavesdropper.receive(), { code: 'EAGAIN' })
    subscriber.close()
    await heardOf(`left ${mine}`)
    other.unsubscribe(theirs)
    await heardOf(`left ${theirs}`)
    assert.equal(pub.hasRoom(mine), false)
    assert.deepEqual(
      told.filter(each => !each.startsWith('acknowledged')).toSorted(),
      [`joined ${mine}`, `joined ${theirs}`, `left ${mine}`, `left ${theirs}`, 'refused'].toSorted(),
    )
  })

  test('tells of each socket that it joined a topic, and left it', async t => {
    const topic = drawP2pTopic()
    const { pub, heardOf, subscribe } = await openWithSubscribers(t)
    const [one, two] = [subscribe(topic), subscribe(topic)]
    await heardOf(`joined ${topic}`, 2)
    pub.send(topic, [message('both')])
    for (const socket of [one, two]) assert.equal(String(await socket.receive()), `${topic}indicator both`)
    one.unsubscribe(topic)
    await heardOf(`left ${topic}`)
    pub.send(topic, [message('one')])
    assert.equal(String(await two.receive()), `${topic}indicator one`)
    two.unsubscribe(topic)
    await heardOf(`left ${topic}`, 2)
  })

  test('sends by type to who subscribed to a topic and a type', async t => {
    const topic = drawP2pTopic()
    const { pub, heardOf, subscribe } = await openWithSubscribers(t)
    const socket = subscribe(`${topic}sighting`)
    await heardOf(`joined ${topic}`)
    pub.send(topic, [message('no'), message('yes', 'sighting'), message('no')])
    pub.send(topic, [message('no'), message('again', 'sighting')])
    for (const text of ['yes', 'again']) assert.equal(String(await socket.receive()), `${topic}sighting ${text}`)
  })

  test('has no room while a connection holds as much as it may, and tells when it has', async t => {
    const topic = drawP2pTopic()
    const { pub, port, heardOf } = await openWithSubscribers(t)
    const socket = connected(t, new Subscriber({ linger: 0, receiveHighWaterMark: 10, receiveBufferSize: 4096 }), port)
    socket.subscribe(topic)
    await heardOf(`joined ${topic}`)
    let sent = 0
    const fill = () => {
      for (; pub.hasRoom(topic); sent++) pub.send(topic, [message(`${sent} ${'x'.repeat(10_000)}`)])
    }
    fill()
    for (let received = 0, drained = 0; received < 2000; received++) {
      while (sent <= received) {
        await heardOf(`drained ${topic}`, ++drained)
        fill()
      }
      assert.equal(String(await socket.receive()).split(' ')[1], String(received))
    }
  })

  test('holds no more for a connection than it may, however little comes at a time', async t => {
    const topic = drawP2pTopic()
    const { pub, port, heardOf } = await openWithSubscribers(t)
    const socket = connect(port, '127.0.0.1')
    t.after(() => socket.destroy())
    socket.write(Buffer.concat([greetingOf(), readyOf('SUB'), commandOf('SUBSCRIBE', topic)]))
    socket.pause()
    await heardOf(`joined ${topic}`)
    // What the systems take does not count here.
    while (pub.hasRoom(topic)) pub.send(topic, [message('x'.repeat(50_000))])
    socket.resume()
    await heardOf(`drained ${topic}`)
    socket.pause()
    const before = process.memoryUsage().arrayBuffers
    let sent = 0
    for (; pub.hasRoom(topic); sent++) pub.send(topic, [message('short')])
    assert.ok(process.memoryUsage().arrayBuffers - before < 4_000_000 + 2 * 65_536, `${sent} were sent`)
  })

  test('closes a connection of what is no subscriber, and says why', async t => {
    const { port, told } = await openWithSubscribers(t)
    const greeting = greetingOf()
    for (const [parts, reason] of [
      [[Buffer.from('GET / HTTP/1.1\r\n\r\n')], 'not_zmtp'],
      [[Buffer.alloc(10_000, 0xff)], 'security_mechanism'],
      [[greetingOf(3, 'CURVE')], 'security_mechanism'],
      [[greeting, Buffer.from('\0\x05hello')], 'no_ready'],
      [[greeting, Buffer.from('\x04\0')], 'malformed_command'],
      [[greeting, readyOf('PUB')], 'socket_type'],
      [[greeting, commandOf('READY', '\x0bSocket-Type')], 'malformed_ready'],
      [[greeting, Buffer.from('\x06\xff\xff\xff\xff\xff\xff\xff\xff', 'latin1')], 'frame_too_long'],
    ] as const) {
      await raw(t, port, ...parts)
      assert.equal(told.at(-1), `broken ${reason}`)
    }
  })

  test('closes a connection that does not say what it is in time', async t => {
    const { port, told } = await openWithSubscribers(t, { handshakeTimeoutMs: 20 })
    const received = await raw(t, port, Buffer.from([0xff]))
    assert.equal(received.length, 11, 'its own signature and version come first')
    assert.deepEqual(told, ['broken handshake_timeout'])
  })

  test('has as many connections as it may', async t => {
    const topic = drawP2pTopic()
    const { port, heardOf, subscribe } = await openWithSubscribers(t, { maxConnections: 1 })
    const first = subscribe(topic)
    await heardOf(`joined ${topic}`)
    await raw(t, port)
    await heardOf('dropped max_connections')
    first.close()
    await heardOf(`left ${topic}`)
    subscribe(topic)
    await heardOf(`joined ${topic}`, 2)
  })

  test('answers pings, and understands subscriptions as ZMTP 3.1 writes them', async t => {
    const topic = drawP2pTopic()
    const { pub, port, heardOf } = await openWithSubscribers(t)
    const socket = connect(port, '127.0.0.1')
    t.after(() => socket.destroy())
    const greeting = greetingOf()
    greeting[11] = 1
    // Byte by byte: frames come in any pieces.
    for (const [index, byte] of Buffer.concat([
      greeting,
      commandOf('READY', '\x0bsocket-type\0\0\0\x03SUB'),
      commandOf('SUBSCRIBE', topic),
      commandOf('PING', '\0\x0acontext'),
    ]).entries()) {
      socket.write(Buffer.from([byte]))
      if (index % 3 === 0) await new Promise(resolve => setImmediate(resolve))
    }
    let received = ''
    const receivedUntil = async (end: Buffer) => {
      while (!received.endsWith(end.toString('latin1'))) received += String((await once(socket, 'data'))[0])
    }
    await receivedUntil(commandOf('PONG', 'context'))
    await heardOf(`joined ${topic}`)
    pub.send(topic, [message('x')])
    await receivedUntil(Buffer.from(`\0\x2b${topic}indicator x`))
    socket.write(commandOf('CANCEL', topic))
    await heardOf(`left ${topic}`)
  })

  test('tells that its port is taken, and can try again', async t => {
    const { pub: first, port } = await openWithSubscribers(t)
    const second = new LinkedPub({ ...listening, port }, new Told())
    await assert.rejects(second.bind(), { code: 'EADDRINUSE' })
    first.close()
    assert.equal(await second.bind(), port)
    second.close()
    await second.serve()
  })
})

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { networkInterfaces } from 'node:os'
import { describe, type TestContext, test } from 'node:test'
import { Dealer, Publisher, Request, Subscriber, XPublisher, XSubscriber } from 'zeromq'
import { messageOf } from '../../src/protocol/message.ts'
import { drawP2pTopic } from '../../src/protocol/topics.ts'
import { ManageSocket } from '../../src/sockets/manage.ts'
import { SubSocket } from '../../src/sockets/sub.ts'
import { connected, listening, openPub, Told } from './broker-endpoint.ts'

const beating = { linger: 0, heartbeatInterval: 20, heartbeatTimeout: 1000, heartbeatTimeToLive: 1000 }

async function openManage(t: TestContext) {
  const told = new Told()
  const manage: ManageSocket = new ManageSocket(
    { ...listening, maxMessageBytes: 1000 },
    ({ route, parts }) => manage.reply(route, String(parts)),
    { broken: told.note('broken'), dropped: told.note('dropped') },
  )
  t.after(() => manage.close())
  return { port: await manage.bind(), told }
}

async function openSub(t: TestContext) {
  const told = new Told()
  const sub = new SubSocket(
    { ...listening, maxMessageBytes: 100_000, prefixes: ['stix2/'] },
    { take: ([body]) => told.note('took')(String(body)), flush: async () => {} },
    { broken: told.note('broken'), dropped: told.note('dropped') },
  )
  t.after(() => sub.close())
  return { port: await sub.bind(), told }
}

/** Stands between a client and the broker, and tells of connections, and of pongs that pass. */
async function relay(t: TestContext, port: number) {
  const told = new Told()
  const server = createServer(client => {
    told.note('connection')()
    const broker = connect(port, '127.0.0.1')
    t.after(() => client.destroy())
    t.after(() => broker.destroy())
    client.on('error', () => {})
    broker.on('error', () => {})
    client.pipe(broker).pipe(client)
    // A pong is a short frame and written at once: it is not torn.
    broker.on('data', chunk => {
      if (chunk.includes('PONG')) told.note('pong')()
    })
  })
  t.after(() => server.close())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { port: (server.address() as { port: number }).port, told }
}

const message = (text: string, type: 'indicator' | 'sighting' = 'indicator') => messageOf(type, text)

describe("ZeroMQ's own sockets", { concurrency: true }, () => {
  test('that send heartbeats keep their one connection, though nothing else comes', async t => {
    const { pub, port: pubPort, told } = await openPub(t)
    const topic = drawP2pTopic()
    const subscribing = await relay(t, pubPort)
    const subscriber = connected(t, new Subscriber({ ...beating, receiveTimeout: 60_000 }), subscribing.port)
    subscriber.subscribe(topic)
    const asking = await relay(t, (await openManage(t)).port)
    const dealer = connected(t, new Dealer({ ...beating, routingId: 'me', receiveTimeout: 60_000 }), asking.port)
    const { port: subPort, told: published } = await openSub(t)
    const publishing = await relay(t, subPort)
    const publisher = connected(t, new XPublisher(beating), publishing.port)
    await publisher.receive()
    const relays = [subscribing, asking, publishing]
    await told.of(`joined ${topic}`)
    for (const { told: seen } of relays) await seen.of('pong', 30)
    pub.send(topic, [message('still here')])
    assert.equal(String(await subscriber.receive()), `${topic}indicator still here`)
    await dealer.send(['', 'hello'])
    assert.equal(String((await dealer.receive())[1]), 'hello')
    await publisher.send('stix2/1')
    await published.of('took stix2/1')
    for (const { told: seen } of relays) assert.equal(seen.all.filter(each => each === 'connection').length, 1)
  })

  test('of other kinds and with other options are peers as well', async t => {
    const { pub, port, told } = await openPub(t)
    const topic = drawP2pTopic()
    const xsub = connected(t, new XSubscriber({ linger: 0, handshakeInterval: 1000, receiveTimeout: 60_000 }), port)
    await xsub.send(`\x01${topic}`)
    await told.of(`joined ${topic}`)
    pub.send(topic, [message('x')])
    assert.equal(String(await xsub.receive()), `${topic}indicator x`)
    await xsub.send(`\0${topic}`)
    await told.of(`left ${topic}`)
    const asked = await openManage(t)
    // With `correlate` a request has a number in front, which has to come back.
    const req = connected(t, new Request({ linger: 0, routingId: 'r'.repeat(255), correlate: true }), asked.port)
    for (const text of ['a', 'b']) {
      await req.send(text)
      assert.equal(String(await req.receive()), text)
    }
    const { port: subPort, told: published } = await openSub(t)
    const publisher = connected(t, new Publisher({ linger: 0, handshakeInterval: 1000 }), subPort)
    const sending = setInterval(() => publisher.send('stix2/1'), 5)
    t.after(() => clearInterval(sending))
    await published.of('took stix2/1')
  })

  test('subscribe to what they like, once or twice, and get each message once', async t => {
    const { pub, port, told } = await openPub(t)
    const [one, two] = [drawP2pTopic(), drawP2pTopic()]
    const socket = new Subscriber({ linger: 0, receiveTimeout: 60_000 })
    // Before there is a connection, and after.
    socket.subscribe(one, one, `${one}sighting`)
    connected(t, socket, port)
    await told.of(`joined ${one}`, 2)
    socket.subscribe(two, one)
    await told.of(`joined ${two}`)
    const received = async (count: number) => {
      const frames: string[] = []
      while (frames.length < count) frames.push(String(await socket.receive()))
      return frames
    }
    pub.send(one, [message('1'), message('2', 'sighting')])
    pub.send(two, [message('3')])
    assert.deepEqual(await received(3), [`${one}indicator 1`, `${one}sighting 2`, `${two}indicator 3`])
    // It subscribed three times, so it still wants the topic after one end.
    socket.unsubscribe(one)
    socket.unsubscribe(two)
    await told.of(`left ${two}`)
    pub.send(one, [message('4')])
    assert.deepEqual(await received(1), [`${one}indicator 4`])
    socket.unsubscribe(one, one)
    socket.subscribe(two)
    await told.of(`joined ${two}`, 2)
    pub.send(one, [message('5'), message('6', 'sighting')])
    assert.deepEqual(await received(1), [`${one}sighting 6`])
    assert.ok(!told.all.includes(`left ${one}`))
  })

  test('come back with their subscriptions when the broker was away', async t => {
    const { pub, port, told } = await openPub(t)
    const topic = drawP2pTopic()
    const socket = connected(t, new Subscriber({ linger: 0, receiveTimeout: 60_000, reconnectInterval: 10 }), port)
    socket.subscribe(topic)
    await told.of(`joined ${topic}`)
    // libzmq subscribes again only while somebody receives.
    const received = socket.receive()
    pub.close()
    await told.of(`left ${topic}`)
    const next = await openPub(t, { port })
    await next.told.of(`joined ${topic}`)
    next.pub.send(topic, [message('again')])
    assert.equal(String(await received), `${topic}indicator again`)
  })

  test('ask over a connection of their own each time, and may hang up and ask again', async t => {
    const { port, told } = await openManage(t)
    for (let count = 0; count < 300; count++) {
      const req = new Request({ linger: 0, receiveTimeout: 60_000 })
      req.connect(`tcp://127.0.0.1:${port}`)
      await req.send(String(count))
      // Every third does not wait for its reply.
      if (count % 3 > 0) assert.equal(String(await req.receive()), String(count))
      req.close()
    }
    assert.deepEqual(told.all, [])
  })

  test('find an endpoint at an address, a name or a network interface', async t => {
    const [loopback] =
      Object.entries(networkInterfaces()).find(([, all]) => all?.some(({ internal }) => internal)) ?? []
    for (const host of ['*', 'localhost', loopback ?? 'localhost']) {
      const { port, told } = await openPub(t, { host })
      const topic = drawP2pTopic()
      const socket = new Subscriber({ linger: 0 })
      t.after(() => socket.close())
      socket.connect(`tcp://localhost:${port}`)
      socket.subscribe(topic)
      await told.of(`joined ${topic}`)
    }
  })
})

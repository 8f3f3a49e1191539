import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import { Subscriber } from 'zeromq'
import { drawP2pTopic } from '../../src/protocol/topics.ts'
import { SubSocket } from '../../src/sockets/sub.ts'
import { encodeFrames } from '../../src/sockets/zmtp/frame-reader.ts'
import { commandOf, connected, greetingOf, listening, openPub, readyOf, Told } from './broker-endpoint.ts'

/** A ping whose peer is dead when nothing comes for so many tenths of a second; its answer has this context. */
const ping = (tenths: number, context = '') => commandOf('PING', `\0${String.fromCharCode(tenths)}${context}`)

/** A peer without a library that has greeted. */
function open(t: TestContext, port: number, type: string): Socket {
  const socket = connect(port, '127.0.0.1')
  t.after(() => socket.destroy())
  socket.on('error', () => {})
  socket.write(Buffer.concat([greetingOf(), readyOf(type)]))
  return socket
}

async function receivedUntil(socket: Socket, end: Buffer): Promise<void> {
  for (let received = Buffer.alloc(0); !received.includes(end); ) {
    received = Buffer.concat([received, (await once(socket, 'data'))[0]])
  }
}

describe("a ping's time to live", { concurrency: true }, () => {
  test('ends a connection on which nothing comes meanwhile, and no other', async t => {
    const topic = drawP2pTopic()
    const { port, told } = await openPub(t)
    const forever = open(t, port, 'SUB')
    forever.write(ping(0))
    const alive = open(t, port, 'SUB')
    alive.write(Buffer.concat([ping(1), commandOf('SUBSCRIBE', topic)]))
    const revoked = open(t, port, 'SUB')
    revoked.write(Buffer.concat([ping(1), ping(0)]))
    await told.of(`joined ${topic}`)
    // One after the other, so that those above have had more time than the last of these.
    for (let count = 1; count <= 2; count++) {
      const silent = open(t, port, 'SUB')
      silent.write(ping(2, 'silent'))
      await receivedUntil(silent, commandOf('PONG', 'silent'))
      await told.of('broken expired', count)
    }
    for (const socket of [forever, alive, revoked]) {
      socket.write(ping(0, 'still there'))
      await receivedUntil(socket, commandOf('PONG', 'still there'))
    }
    assert.deepEqual(told.all, [`joined ${topic}`, 'broken expired', 'broken expired'])
  })

  test('passes no sentence on a peer that is not read meanwhile', async t => {
    const told = new Told()
    let flushed = () => {}
    const sub = new SubSocket(
      { ...listening, maxMessageBytes: 1000, prefixes: ['stix2/'] },
      {
        take: parts => told.note('taken')(parts.join()),
        flush: () => {
          told.note('flushing')()
          return new Promise(resolve => {
            flushed = resolve
          })
        },
      },
      { broken: told.note('broken'), dropped: told.note('dropped') },
    )
    t.after(() => sub.close())
    const port = await sub.bind()
    const publisher = open(t, port, 'PUB')
    publisher.write(encodeFrames([Buffer.from('stix2/1')]))
    await told.of('flushing')
    publisher.write(Buffer.concat([encodeFrames([Buffer.from('stix2/2')]), ping(1, 'read')]))
    await receivedUntil(publisher, commandOf('PONG', 'read'))
    // From now on it is not read.
    publisher.write(encodeFrames([Buffer.from('stix2/3')]))
    open(t, port, 'PUB').write(ping(5))
    await told.of('broken expired')
    flushed()
    await told.of('flushing', 2)
    flushed()
    await told.of('taken stix2/3')
    flushed()
    assert.equal(told.all.filter(each => each.startsWith('broken')).length, 1)
  })

  test('finds out that a socket of libzmq is there no more, of which nothing else tells', async t => {
    const topic = drawP2pTopic()
    const { port, told } = await openPub(t)
    const clients: Socket[] = []
    const relay = createServer(client => {
      const broker = connect(port, '127.0.0.1')
      for (const socket of [client, broker]) {
        t.after(() => socket.destroy())
        socket.on('error', () => {})
      }
      client.pipe(broker).pipe(client)
      clients.push(client)
      // A pong is a short frame and written at once: it is not torn.
      broker.on('data', chunk => chunk.includes('PONG') && told.note('pong')())
    })
    t.after(() => relay.close())
    relay.listen(0, '127.0.0.1')
    await once(relay, 'listening')
    const beating = { heartbeatInterval: 20, heartbeatTimeout: 60_000, heartbeatTimeToLive: 1000 }
    const socket = new Subscriber({ linger: 0, ...beating })
    connected(t, socket, (relay.address() as { port: number }).port)
    socket.subscribe(topic)
    await told.of(`joined ${topic}`)
    await told.of('pong')
    for (const client of clients) client.unpipe()
    await told.of('broken expired')
    await told.of(`left ${topic}`)
  })
})

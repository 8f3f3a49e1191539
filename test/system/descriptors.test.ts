// A broker that may have few files open, and strangers who would have them all.
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Request } from 'zeromq'
import { greetingOf, readyOf } from '../sockets/broker-endpoint.ts'
import { startBroker } from './broker-process.ts'
import { get, inspectorOf, scrape } from './monitored.ts'
import { indicator, publisher, receive, request } from './wire.ts'

/** Connections that do nothing, and come again when they are closed; as many as so. Fulfilled when all were there. */
async function idle(t: TestContext, port: number, type: string, count: number): Promise<void> {
  let isOver = false
  t.after(() => {
    isOver = true
  })
  const open = () =>
    new Promise<void>(resolve => {
      if (isOver) return
      const socket = connect(port, '127.0.0.1')
      t.after(() => socket.destroy())
      socket.on('error', () => {})
      socket.resume()
      socket.write(Buffer.concat([greetingOf(), readyOf(type)]))
      socket.on('close', () => {
        resolve()
        setTimeout(open, 200)
      })
      socket.on('data', () => resolve())
    })
  await Promise.all(Array.from({ length: count }, open))
}

/** A connection to `manage` that asked for something, and so does not give way to others; undefined: it was closed at once. */
function asking(t: TestContext, port: number): Promise<Socket | undefined> {
  const body = Buffer.from(JSON.stringify({ action: 'heartbeat', topic: 'x' }))
  return new Promise(resolve => {
    const socket = connect(port, '127.0.0.1')
    t.after(() => socket.destroy())
    socket.on('error', () => {})
    socket.on('close', () => resolve(undefined))
    socket.on('data', data => data.includes('status') && resolve(socket))
    socket.write(Buffer.concat([greetingOf(), readyOf('REQ'), Buffer.from([1, 0, 0, body.length]), body]))
  })
}

/** Fulfilled when the broker answers so whether it is ready. */
async function readiness(inspected: URL, wanted: number): Promise<string> {
  for (;;) {
    const { status, text } = await get(inspected, '/readyz')
    if (status === wanted) return text
    await sleep(50)
  }
}

describe('a broker that may have 128 files open', { concurrency: true }, () => {
  test('goes on for everybody while strangers connect to all of its ports and do nothing', async t => {
    const broker = await startBroker(t, { openFileLimit: 128, history: { max_bytes: 16_777_216 } })
    const { topic } = await request(broker.manage, { action: 'subscribe', topic: 'stix2' })
    const receiver = receive(t, broker.pub, topic)
    const { send } = await publisher(t, broker.sub)
    const first = indicator()
    await send(`stix2/indicator ${first}`)
    await receiver.received(1)
    await idle(t, broker.pub, 'SUB', 100)
    await idle(t, broker.sub, 'PUB', 30)
    await idle(t, broker.manage, 'REQ', 30)

    // Who was there before, still is.
    await send(`stix2/indicator ${indicator()}`)
    await receiver.received(2)
    // Who comes now, gets in.
    const { topic: later } = await request(broker.manage, { action: 'subscribe', topic: 'stix2' })
    const another = receive(t, broker.pub, later)
    const asking = new Request({ linger: 0, receiveTimeout: 60_000 })
    t.after(() => asking.close())
    asking.connect(`tcp://127.0.0.1:${broker.manage}`)
    // Each is longer than a segment of this log may be.
    for (let count = 0; count < 3; count++) {
      const body = indicator({ description: 'x'.repeat(300_000) })
      await asking.send(JSON.stringify({ action: 'publish', topic: 'stix2/indicator', message: [JSON.parse(body)] }))
      assert.equal(JSON.parse(String((await asking.receive())[0])).status, 'success')
    }
    await receiver.received(5)
    await another.received(3)
    const segments = readdirSync(join(broker.directory, 'threatbus-history')).filter(name => name.endsWith('.log'))
    assert.ok(segments.length > 2, segments.join())
    assert.ok(!broker.log.some(({ level }) => level === 'ERROR'))
  })

  test('says so when none are left, is not ready then, and is again when there are', async t => {
    const broker = await startBroker(t, { openFileLimit: 128, inspector: { port: 0 } })
    const inspected = await inspectorOf(broker)
    assert.equal((await get(inspected, '/readyz')).status, 200)
    const sockets: Socket[] = []
    for (let socket = await asking(t, broker.manage); socket; socket = await asking(t, broker.manage))
      sockets.push(socket)
    assert.ok(sockets.length > 30 && sockets.length < 128, `${sockets.length} connections`)
    const { level, msg } = await broker.logged(({ msg }) => msg.includes('as many open files as may be'))
    assert.equal(level, 'ERROR')
    assert.match(msg, /LimitNOFILE/)
    assert.match(await readiness(inspected, 503), /file descriptor/)
    assert.ok(((await scrape(inspected)).get('threatbus_limit_reached_total{limit="file_descriptors"}') ?? 0) >= 1)
    for (const socket of sockets.slice(0, 20)) socket.destroy()
    await readiness(inspected, 200)

    // What others take of the descriptors nobody tells: that no file can be opened is found out.
    await Promise.all(sockets.slice(0, 20).map(() => asking(t, broker.manage)))
    const page = () => connect(Number(inspected.port), '127.0.0.1').on('error', () => {})
    const pages = Array.from({ length: 64 }, page)
    t.after(() => {
      for (const each of pages) each.destroy()
    })
    const out = await broker.logged(({ msg }) => msg.startsWith('no file can be opened'))
    assert.equal(out.level, 'ERROR')
  })

  test('says at its start that they are few, and shows who was refused or had to give way', async t => {
    const inspector = { port: 0, max_connections: 8 }
    const broker = await startBroker(t, { openFileLimit: 128, inspector, zmq: { max_connections: 40 } })
    const warning = await broker.logged(({ msg }) => msg.includes('files'))
    assert.match(warning.msg, /128 files open, so \d+ connections in all, which is less than 3 ports with 40/)
    assert.equal(warning.level, 'WARNING')
    const inspected = await inspectorOf(broker)
    await idle(t, broker.sub, 'PUB', 45)
    const after = await scrape(inspected)
    assert.ok((after.get('threatbus_connections{endpoint="sub"}') ?? 0) <= 40)
    assert.ok((after.get('threatbus_connections_broken_total{endpoint="sub",reason="gave_way"}') ?? 0) >= 5)
  })
})

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, test } from 'node:test'
import { Dealer, Subscriber } from 'zeromq'
import { type BrokerProcess, startBroker } from './broker-process.ts'
import { indicator, publisher, receive, request } from './wire.ts'

const mib = 1024 * 1024

/** Runs `attack` while a subscriber listens, and sees that it still gets everything that decent applications publish. */
async function undisturbed(
  t: import('node:test').TestContext,
  attack: (broker: BrokerProcess) => Promise<void>,
  settings = {},
): Promise<BrokerProcess> {
  const broker = await startBroker(t, settings)
  const { topic } = await request(broker.manage, { action: 'subscribe', topic: 'stix2' })
  const receiver = receive(t, broker.pub, topic)
  const { send } = await publisher(t, broker.sub)
  const bodies = Array.from({ length: 20 }, () => indicator())
  for (const body of bodies.slice(0, 10)) await send(`stix2/indicator ${body}`)
  await attack(broker)
  for (const body of bodies.slice(10)) await send(`stix2/indicator ${body}`)
  assert.deepEqual(
    await receiver.received(20),
    bodies.map(body => `${topic}indicator ${body}`),
  )
  assert.deepEqual(await request(broker.manage, { action: 'heartbeat', topic }), { status: 'success' })
  return broker
}

describe('nothing changes for the others when somebody', { concurrency: 4 }, () => {
  test('sends random bytes to all three ports', async t => {
    await undisturbed(t, async broker => {
      for (const port of [broker.manage, broker.pub, broker.sub]) {
        for (let connection = 0; connection < 20; connection++) {
          const socket = connect(port, '127.0.0.1').on('error', () => {})
          await once(socket, 'connect')
          socket.end(randomBytes(1 + connection * 500))
        }
      }
    })
  })

  test('leaves connections half open', async t => {
    await undisturbed(t, async broker => {
      // The first bytes of a ZMTP greeting, and then silence.
      const greeting = Buffer.from([0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3])
      for (const port of [broker.manage, broker.pub, broker.sub]) {
        for (let connection = 0; connection < 50; connection++) {
          const socket = connect(port, '127.0.0.1').on('error', () => {})
          t.after(() => socket.destroy())
          await once(socket, 'connect')
          socket.write(greeting.subarray(0, connection % greeting.length))
        }
      }
    })
  })

  test('publishes what is no message, which is counted by reason', async t => {
    const broker = await undisturbed(t, async ({ sub }) => {
      const { send } = await publisher(t, sub)
      await send('stix2/indicator', indicator())
      await send('stix2/indicator')
      await send('stix2/indicator ')
      await send('stix2/indicator nonsense')
      await send('stix2/indicator []')
      await send(`stix2/indicator \ufeff${indicator()}`)
      await send(Buffer.concat([Buffer.from('stix2/indicator {"a":"'), Buffer.from([0xff, 0xc0]), Buffer.from('"}')]))
      await send(`stix2/bundle {"type":"bundle","objects":[${indicator()}]}`)
      await send(`threatbus/snapshotenvelopes ${indicator()}`)
      await send(`stix2/indicator ${indicator({ spec_version: '2.0' })}`)
      await send(`stix2/indicator ${indicator({ pattern: '[a:b = ' })}`)
      await send(`stix2/indicator {"x":${'['.repeat(100_000)}${']'.repeat(100_000)}}`)
      await send(`stix2/indicator ${'['.repeat(100_000)}`)
      await send(`stix2/indicator ${indicator({ x_list: Array(5_000_000).fill({}) })}`)
      for (let count = 0; count < 200; count++) await send(randomBytes(50))
      for (let count = 0; count < 200; count++) await send(Buffer.concat([Buffer.from('stix2/'), randomBytes(50)]))
    })
    for (const reason of [
      'multipart',
      'no_separator',
      'not_json',
      'not_an_object',
      'invalid_utf8',
      'unsupported_type',
      'unknown_topic',
      'unsupported_spec_version',
      'invalid_pattern',
      'nested_too_deep',
      'too_many_values',
    ]) {
      await broker.logged(line => line.reason === reason)
    }
    assert.ok(broker.log.length < 40, 'once in a while, not once a message')
    await broker.stop()
    const { accepted, refused, delivered } = await broker.logged(({ msg }) => msg === 'in all')
    assert.deepEqual(accepted, { indicator: 20, sighting: 0 })
    assert.equal((refused as Record<string, number>).nested_too_deep, 2)
    assert.equal((refused as Record<string, number>).too_many_values, 1)
    assert.equal(delivered, 20)
  })

  test('publishes 10 MB that are no message, and 10 MB that are one', async t => {
    const big = indicator({ description: 'x'.repeat(10 * mib) })
    const broker = await startBroker(t)
    const { topic } = await request(broker.manage, { action: 'subscribe', topic: 'stix2' })
    const receiver = receive(t, broker.pub, topic)
    const { send } = await publisher(t, broker.sub)
    await send(Buffer.concat([Buffer.from('stix2/indicator '), Buffer.alloc(10 * mib, '[')]))
    await send(`stix2/indicator ${big}`)
    const [frame] = await receiver.received(1)
    assert.ok(frame === `${topic}indicator ${big}`)
  })

  test('sends a message or a request that is larger than any may be', async t => {
    const settings = { zmq: { max_message_size: 100_000 } }
    await undisturbed(
      t,
      async ({ manage, sub }) => {
        const { send } = await publisher(t, sub)
        await send(`stix2/indicator ${indicator({ description: 'x'.repeat(200_000) })}`)
        const dealer = new Dealer({ linger: 0 })
        t.after(() => dealer.close())
        dealer.connect(`tcp://127.0.0.1:${manage}`)
        await dealer.send(['', 'x'.repeat(200_000)])
      },
      settings,
    )
  })

  test('sends requests of all shapes to manage: each gets one reply', async t => {
    await undisturbed(t, async ({ manage }) => {
      const shapes = [['a', 'b'], ['', ''], [''], [randomBytes(100)], ['['.repeat(100_000)], ['x'.repeat(10 * mib)]]
      for (const parts of shapes) assert.equal((await request(manage, ...parts)).status, 'error')
      // A DEALER may leave the empty frame out, and may have several requests under way.
      const dealer = new Dealer({ linger: 0, receiveTimeout: 60_000 })
      t.after(() => dealer.close())
      dealer.connect(`tcp://127.0.0.1:${manage}`)
      for (let count = 0; count < 100; count++) await dealer.send('{"action":"heartbeat","topic":"x"}')
      for (let count = 0; count < 100; count++) {
        const [reply] = await dealer.receive()
        assert.equal(JSON.parse(String(reply)).status, 'error')
      }
    })
  })

  test('asks and hangs up before the reply', async t => {
    await undisturbed(t, async ({ manage }) => {
      for (let count = 0; count < 200; count++) {
        const dealer = new Dealer({ linger: 100 })
        dealer.connect(`tcp://127.0.0.1:${manage}`)
        await dealer.send(['', '{"action":"subscribe","topic":[""]}'])
        dealer.close()
      }
      assert.equal((await request(manage, { action: 'heartbeat', topic: 'x' })).status, 'error')
    })
  })

  test('subscribes on pub to thousands of prefixes that are not theirs, and leaves', async t => {
    await undisturbed(t, async ({ pub }) => {
      const socket = new Subscriber({ linger: 0 })
      socket.connect(`tcp://127.0.0.1:${pub}`)
      for (let count = 0; count < 5000; count++) socket.subscribe(randomBytes(32).toString('hex'))
      socket.subscribe('x'.repeat(100_000))
      socket.close()
    })
  })
})

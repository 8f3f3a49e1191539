import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { describe, test } from 'node:test'
import { Subscriber } from 'zeromq'
import { commandOf, greetingOf, readyOf } from '../sockets/broker-endpoint.ts'
import { startBroker } from './broker-process.ts'
import type { LogLine } from './log-lines.ts'
import { indicator, publisher, receive, request } from './wire.ts'

/** Does a log line tell this story of a subscriber? */
const tells = (topic: string, sentence: string, reason?: string) => (line: LogLine) =>
  line.subscriber === `${topic.slice(0, 6)}…` && line.msg.startsWith(sentence) && line.reason === reason

describe('a subscriber', { concurrency: true }, () => {
  test('has its story told, with its topic shortened', async t => {
    const broker = await startBroker(t)
    const { topic } = await request(broker.manage, { action: 'subscribe', topic: 'stix2' })
    await broker.logged(tells(topic, 'subscribed'))
    const receiver = receive(t, broker.pub, topic)
    await broker.logged(tells(topic, 'joined'))
    receiver.close()
    await broker.logged(tells(topic, 'stale', 'disconnected'))
    receive(t, broker.pub, topic)
    await broker.logged(tells(topic, 'back'))
    await request(broker.manage, { action: 'unsubscribe', topic })
    await broker.logged(tells(topic, 'unsubscribed', 'requested'))
    assert.ok(!JSON.stringify(broker.log).includes(topic))
  })

  test('whose socket is gone finds what was published meanwhile when it comes back, in order', async t => {
    const broker = await startBroker(t)
    const { topic } = await request(broker.manage, { action: 'subscribe', topic: 'stix2' })
    const first = receive(t, broker.pub, topic)
    const { send } = await publisher(t, broker.sub)
    const bodies = Array.from({ length: 300 }, () => indicator())
    for (const body of bodies.slice(0, 100)) await send(`stix2/indicator ${body}`)
    await first.received(100)
    first.close()
    await broker.logged(tells(topic, 'stale', 'disconnected'))
    for (const body of bodies.slice(100)) await send(`stix2/indicator ${body}`)
    const second = receive(t, broker.pub, topic)
    // What its library has acknowledged does not come again; that may lack what came at the very end.
    const frames = await second.received(200)
    while (frames.at(-1) !== `${topic}indicator ${bodies.at(-1)}`) await second.received(frames.length + 1)
    assert.deepEqual(
      frames,
      bodies.slice(-frames.length).map(body => `${topic}indicator ${body}`),
    )
  })

  test('that is back before its broken connection was noticed gets at once what that one held', async t => {
    // broker ──▶ forerunner: reads nothing, and breaks after its successor has come
    //        └─▶ successor
    const broker = await startBroker(t)
    const { topic } = await request(broker.manage, { action: 'subscribe', topic: 'stix2' })
    const forerunner = connect(broker.pub, '127.0.0.1')
    t.after(() => forerunner.destroy())
    forerunner.pause()
    forerunner.write(Buffer.concat([greetingOf(), readyOf('SUB'), commandOf('SUBSCRIBE', topic)]))
    await broker.logged(tells(topic, 'joined'))
    const witness = await request(broker.manage, { action: 'subscribe', topic: 'stix2' })
    const seen = receive(t, broker.pub, witness.topic)
    const { send } = await publisher(t, broker.sub)
    const published: string[] = []
    const publish = async () => {
      const body = indicator()
      await send(`stix2/indicator ${body}`)
      published.push(`${topic}indicator ${body}`)
      await seen.received(published.length)
    }
    for (let count = 0; count < 10; count++) await publish()
    // Nobody has noticed anything, and the forerunner is still served.
    const successor = receive(t, broker.pub, topic)
    await successor.received(published.length)
    forerunner.resetAndDestroy()
    await publish()
    assert.deepEqual(await successor.received(published.length), published)
    assert.ok(!broker.log.some(tells(topic, 'stale')))
  })

  test('that never joins is stale, then unsubscribed, and its heartbeat is then an error', async t => {
    const broker = await startBroker(t, { join_timeout: 0.1, evict_after: 0.1 })
    const { topic } = await request(broker.manage, { action: 'subscribe', topic: 'stix2' })
    await broker.logged(tells(topic, 'stale', 'never_joined'))
    await broker.logged(tells(topic, 'unsubscribed', 'evicted'))
    assert.equal((await request(broker.manage, { action: 'heartbeat', topic })).status, 'error')
  })

  test('whose heartbeats stop is stale and kept for; the next heartbeat brings it back with all it missed', async t => {
    const broker = await startBroker(t, { heartbeat: { timeout: 3 } })
    const { topic } = await request(broker.manage, { action: 'subscribe', topic: 'stix2' })
    const receiver = receive(t, broker.pub, topic)
    await broker.logged(tells(topic, 'joined'))
    await request(broker.manage, { action: 'heartbeat', topic })
    await broker.logged(tells(topic, 'stale', 'heartbeat_stopped'))
    const { send } = await publisher(t, broker.sub)
    const witness = await request(broker.manage, { action: 'subscribe', topic: 'stix2' })
    const body = indicator()
    await send(`stix2/indicator ${body}`)
    await receive(t, broker.pub, witness.topic).received(1)
    assert.deepEqual(receiver.frames, [])
    assert.deepEqual(await request(broker.manage, { action: 'heartbeat', topic }), { status: 'success' })
    assert.deepEqual(await receiver.received(1), [`${topic}indicator ${body}`])
  })

  test('that never sends a heartbeat is healthy as long as its socket is joined', async t => {
    const broker = await startBroker(t, { heartbeat: { timeout: 3 } })
    const { topic } = await request(broker.manage, { action: 'subscribe', topic: 'stix2' })
    const receiver = receive(t, broker.pub, topic)
    await broker.logged(tells(topic, 'joined'))
    const other = await request(broker.manage, { action: 'subscribe', topic: 'stix2' })
    receive(t, broker.pub, other.topic)
    await broker.logged(tells(other.topic, 'joined'))
    await request(broker.manage, { action: 'heartbeat', topic: other.topic })
    await broker.logged(tells(other.topic, 'stale', 'heartbeat_stopped'))
    const { send } = await publisher(t, broker.sub)
    await send(`stix2/indicator ${indicator()}`)
    await receiver.received(1)
    assert.ok(!broker.log.some(line => line.subscriber === `${topic.slice(0, 6)}…` && line.msg.startsWith('stale')))
  })

  test('that reads slowly gets everything in order, and only it waits', async t => {
    // publisher ─ 12,000 × 2 kB ─▶ broker ──▶ fast: reads at once
    //                                     └─▶ slow: holds 10 frames, reads when the fast one has everything
    const broker = await startBroker(t, { zmq: { send_buffer_size: 4096 } })
    const [slow, fast] = [
      await request(broker.manage, { action: 'subscribe', topic: 'stix2' }),
      await request(broker.manage, { action: 'subscribe', topic: 'stix2' }),
    ]
    const socket = new Subscriber({ linger: 0, receiveHighWaterMark: 10, receiveBufferSize: 4096 })
    t.after(() => socket.close())
    socket.connect(`tcp://127.0.0.1:${broker.pub}`)
    socket.subscribe(slow.topic)
    const fastReceiver = receive(t, broker.pub, fast.topic)
    await broker.logged(tells(slow.topic, 'joined'))
    const { send } = await publisher(t, broker.sub)
    const bodies = Array.from({ length: 12_000 }, () => indicator({ description: 'x'.repeat(1700) }))
    for (const body of bodies) await send(`stix2/indicator ${body}`)
    await fastReceiver.received(bodies.length)
    for (const body of bodies) {
      const [frame] = await socket.receive()
      assert.equal(String(frame), `${slow.topic}indicator ${body}`)
    }
  })

  test('loses the oldest messages if it lags too far behind without a history, which is said', async t => {
    const broker = await startBroker(t, { history: { enabled: false }, queue: { max_messages: 100 } })
    const { topic } = await request(broker.manage, { action: 'subscribe', topic: 'stix2' })
    const witness = await request(broker.manage, { action: 'subscribe', topic: 'stix2' })
    const seen = receive(t, broker.pub, witness.topic)
    const { send } = await publisher(t, broker.sub)
    const bodies = Array.from({ length: 250 }, () => indicator())
    for (const [index, body] of bodies.entries()) {
      await send(`stix2/indicator ${body}`)
      // One at a time, so that the witness never lags.
      await seen.received(index + 1)
    }
    const late = receive(t, broker.pub, topic)
    const frames = await late.received(100)
    assert.deepEqual(
      frames,
      bodies.slice(150).map(body => `${topic}indicator ${body}`),
    )
    const { missed } = await broker.logged(({ msg }) =>
      msg.startsWith('a subscriber lagged past what is kept in memory'),
    )
    assert.equal(missed, 150)
  })

  test('one too many is refused with a reason, and there is room again when one leaves', async t => {
    const broker = await startBroker(t, { max_subscribers: 2 })
    const subscribe = () => request(broker.manage, { action: 'subscribe', topic: 'stix2' })
    const [first, second] = [await subscribe(), await subscribe()]
    for (const { topic } of [first, second]) {
      receive(t, broker.pub, topic)
      await broker.logged(tells(topic, 'joined'))
    }
    const refused = await subscribe()
    assert.equal(refused.status, 'error')
    assert.match(String(refused.reason), /as many subscribers as it admits \(2\)/)
    await request(broker.manage, { action: 'unsubscribe', topic: first.topic })
    assert.equal((await subscribe()).status, 'success')
  })
})

test('600 subscribers on 600 connections each receive each of 100 messages, in order', async t => {
  const broker = await startBroker(t)
  const receivers = []
  for (let count = 0; count < 600; count++) {
    const { topic } = await request(broker.manage, { action: 'subscribe', topic: 'stix2/indicator' })
    receivers.push({ topic, receiver: receive(t, broker.pub, topic) })
  }
  const { send } = await publisher(t, broker.sub)
  const bodies = Array.from({ length: 100 }, () => indicator())
  for (const body of bodies) await send(`stix2/indicator ${body}`)
  for (const { topic, receiver } of receivers) {
    assert.deepEqual(
      await receiver.received(100),
      bodies.map(body => `${topic}indicator ${body}`),
    )
  }
})

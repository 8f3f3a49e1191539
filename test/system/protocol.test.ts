import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { startBrokerHere } from './broker-here.ts'
import { indicator, publisher, receive, request, sighting } from './wire.ts'

describe('the bus', { concurrency: true }, () => {
  test('brings an indicator from a publisher to everyone who subscribed to indicators, byte for byte', async t => {
    // publisher ── sub ▶ broker ── pub ▶ one, another
    const broker = await startBrokerHere(t)
    const subscriptions = [
      await request(broker.manage, { action: 'subscribe', topic: 'stix2/indicator' }),
      await request(broker.manage, { action: 'subscribe', topic: ['stix2/indicator', 'stix2/sighting'] }),
    ]
    const receivers = subscriptions.map(({ topic }) => receive(t, broker.pub, topic))
    const { send } = await publisher(t, broker.sub)
    const body = indicator({ name: 'späti ☕', x_numbers: [1.0, 1e3], x_null: null }).replace(
      '{',
      '{ \t"x_first":1.50, ',
    )
    await send(`stix2/indicator ${body}`)
    for (const [index, receiver] of receivers.entries()) {
      assert.deepEqual(await receiver.received(1), [`${subscriptions[index]?.topic}indicator ${body}`])
    }
  })

  test('answers a subscription with a p2p topic and the ports as strings', async t => {
    const broker = await startBrokerHere(t)
    const reply = await request(broker.manage, { action: 'subscribe', topic: 'stix2/indicator', snapshot: 0 })
    assert.match(reply.topic, /^[a-z]{32}$/)
    assert.deepEqual(reply, {
      topic: reply.topic,
      pub_port: String(broker.pub),
      sub_port: String(broker.sub),
      status: 'success',
    })
  })

  test('delivers what was published between the subscribe reply and the arrival of the SUB socket, in order', async t => {
    const broker = await startBrokerHere(t)
    const { topic } = await request(broker.manage, { action: 'subscribe', topic: 'stix2/indicator' })
    const witness = await request(broker.manage, { action: 'subscribe', topic: 'stix2/indicator' })
    const seen = receive(t, broker.pub, witness.topic)
    const { send } = await publisher(t, broker.sub)
    const bodies = Array.from({ length: 10_000 }, () => indicator())
    for (const body of bodies) await send(`stix2/indicator ${body}`)
    await seen.received(bodies.length)
    const late = receive(t, broker.pub, topic)
    const frames = await late.received(bodies.length)
    assert.deepEqual(
      frames,
      bodies.map(body => `${topic}indicator ${body}`),
    )
  })

  test('keeps the order of a publisher, indicators and sightings interleaved as sent, and gives it its own back', async t => {
    const broker = await startBrokerHere(t)
    const { topic } = await request(broker.manage, { action: 'subscribe', topic: 'stix2' })
    const receiver = receive(t, broker.pub, topic)
    const { send } = await publisher(t, broker.sub)
    const sent: string[] = []
    for (let index = 0; index < 500; index++) {
      const type = index % 3 === 0 ? 'sighting' : 'indicator'
      const body = type === 'sighting' ? sighting() : indicator()
      await send(`stix2/${type} ${body}`)
      sent.push(`${topic}${type} ${body}`)
    }
    assert.deepEqual(await receiver.received(sent.length), sent)
  })

  test('goes by the type of the body, not by the rest of the topic', async t => {
    const broker = await startBrokerHere(t)
    const { topic } = await request(broker.manage, { action: 'subscribe', topic: 'stix2/sighting' })
    const receiver = receive(t, broker.pub, topic)
    const { send } = await publisher(t, broker.sub)
    await send(`stix2/sighting ${indicator()}`)
    const body = sighting()
    await send(`stix2/indicator ${body}`)
    assert.deepEqual(await receiver.received(1), [`${topic}sighting ${body}`])
  })

  test('delivers a message once to a subscription whose topics overlap', async t => {
    const broker = await startBrokerHere(t)
    const topics = ['stix2', 'stix2/ind', 'stix2/indicator']
    const { topic } = await request(broker.manage, { action: 'subscribe', topic: topics })
    const receiver = receive(t, broker.pub, topic)
    const { send } = await publisher(t, broker.sub)
    const [first, second] = [indicator(), indicator()]
    await send(`stix2/indicator ${first}`)
    await send(`stix2/indicator ${second}`)
    assert.deepEqual(await receiver.received(2), [`${topic}indicator ${first}`, `${topic}indicator ${second}`])
  })

  test('lets a subscriber hear only the types whose prefixes its SUB socket subscribed to', async t => {
    const broker = await startBrokerHere(t)
    const { topic } = await request(broker.manage, { action: 'subscribe', topic: 'stix2' })
    const receiver = receive(t, broker.pub, `${topic}sighting`)
    const { send } = await publisher(t, broker.sub)
    await send(`stix2/indicator ${indicator()}`)
    const body = sighting()
    await send(`stix2/sighting ${body}`)
    assert.deepEqual(await receiver.received(1), [`${topic}sighting ${body}`])
  })

  test('ends a subscription that asks for it, and then does not know it any more', async t => {
    const broker = await startBrokerHere(t)
    const { topic } = await request(broker.manage, { action: 'subscribe', topic: 'stix2' })
    const heartbeat = () => request(broker.manage, { action: 'heartbeat', topic })
    assert.deepEqual(await heartbeat(), { status: 'success' })
    assert.deepEqual(await request(broker.manage, { action: 'unsubscribe', topic }), { status: 'success' })
    assert.equal((await heartbeat()).status, 'error')
    assert.equal((await request(broker.manage, { action: 'unsubscribe', topic })).status, 'error')
  })

  test('lets nobody hear what is not theirs', async t => {
    const broker = await startBrokerHere(t)
    const { topic } = await request(broker.manage, { action: 'subscribe', topic: 'stix2' })
    const eavesdropper = receive(t, broker.pub, '', topic.slice(0, 31), 'stix2/indicator')
    await broker.logged(({ msg }) => msg.includes('a peer on pub was refused'))
    const receiver = receive(t, broker.pub, topic)
    const { send } = await publisher(t, broker.sub)
    for (let index = 0; index < 100; index++) await send(`stix2/indicator ${indicator()}`)
    await receiver.received(100)
    await request(broker.manage, { action: 'heartbeat', topic })
    assert.deepEqual(eavesdropper.frames, [])
  })
})

import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { Subscriber } from 'zeromq'
import { startBroker } from './broker-process.ts'
import { indicator, publisher, receive, request, sighting } from './wire.ts'

const indicators = (count: number) => Array.from({ length: count }, () => indicator())
const framesOf = (topic: string, bodies: readonly string[]) => bodies.map(body => `${topic}indicator ${body}`)

/** Publishes with a receipt, in one request. */
const publish = (port: number, bodies: readonly string[]) =>
  request(port, `{"action":"publish","topic":"stix2/indicator","message":[${bodies.join()}]}`)

describe('a broker with a history', { concurrency: true }, () => {
  test('delivers after it was killed what it had acknowledged, to subscribers whose sockets come back', async t => {
    const broker = await startBroker(t)
    const away = await request(broker.manage, { action: 'subscribe', topic: 'stix2' })
    const here = await request(broker.manage, { action: 'subscribe', topic: 'stix2/indicator' })
    const receiver = receive(t, broker.pub, here.topic)
    const bodies = indicators(500)
    const reply = await publish(broker.manage, bodies)
    assert.deepEqual(reply, { status: 'success', sequence: 500 })
    await receiver.received(500)
    await broker.stop('SIGKILL')

    const next = await startBroker(t, {}, broker)
    for (const { topic } of [away, here]) {
      assert.deepEqual(await request(next.manage, { action: 'heartbeat', topic }), { status: 'success' })
    }
    const more = indicators(10)
    assert.equal((await publish(next.manage, more)).sequence, 510)
    const late = receive(t, next.pub, away.topic)
    assert.deepEqual(await late.received(510), framesOf(away.topic, [...bodies, ...more]))
    // It did not say what it received: what may have been in flight comes again, in order, and then what is new.
    const frames = await receiver.received(1010)
    assert.deepEqual(frames.slice(500), framesOf(here.topic, [...bodies, ...more]))
  })

  test('goes on exactly where a subscriber that confirms says it is', async t => {
    const broker = await startBroker(t)
    const { topic } = await request(broker.manage, { action: 'subscribe', topic: 'stix2' })
    const bodies = indicators(300)
    await publish(broker.manage, bodies.slice(0, 200))
    const socket = new Subscriber({ linger: 0 })
    t.after(() => socket.close())
    socket.connect(`tcp://127.0.0.1:${broker.pub}`)
    socket.subscribe(topic)
    const received: string[] = []
    const read = async (count: number) => {
      for (let each = 0; each < count; each++) received.push(String((await socket.receive())[0]))
    }
    await read(150)
    await request(broker.manage, { action: 'heartbeat', topic, received: 150 })
    await read(50)
    await broker.stop('SIGKILL')
    const next = await startBroker(t, {}, broker)
    await publish(next.manage, bodies.slice(200))
    await request(next.manage, { action: 'heartbeat', topic, received: 200 })
    await read(100)
    assert.deepEqual(received, framesOf(topic, bodies))
  })

  test('sends a subscriber whose socket was gone for a while what it missed, and says how it can do without the rest', async t => {
    const broker = await startBroker(t)
    const { topic } = await request(broker.manage, { action: 'subscribe', topic: 'stix2' })
    const first = receive(t, broker.pub, topic)
    const bodies = indicators(40)
    await publish(broker.manage, bodies.slice(0, 20))
    await first.received(20)
    await request(broker.manage, { action: 'heartbeat', topic, received: 20 })
    first.close()
    await broker.logged(({ reason }) => reason === 'disconnected')
    await publish(broker.manage, bodies.slice(20))
    const second = receive(t, broker.pub, topic)
    await request(broker.manage, { action: 'heartbeat', topic, received: 20 })
    assert.deepEqual(await second.received(20), framesOf(topic, bodies.slice(20)))
  })

  test('feeds from disk who lags behind what is in memory', async t => {
    const broker = await startBroker(t, { history: { recent_bytes: 65_536 } })
    const { topic } = await request(broker.manage, { action: 'subscribe', topic: 'stix2' })
    const bodies = Array.from({ length: 3000 }, () => indicator({ description: 'x'.repeat(1000) }))
    for (let from = 0; from < bodies.length; from += 500) await publish(broker.manage, bodies.slice(from, from + 500))
    const late = receive(t, broker.pub, topic)
    assert.deepEqual(await late.received(bodies.length), framesOf(topic, bodies))
  })

  test('begins a subscription with the latest versions of what it has, without what was revoked or removed', async t => {
    const broker = await startBroker(t)
    const [kept, changed, revoked, removed] = indicators(4) as [string, string, string, string]
    const change = (body: string, over: object) =>
      JSON.stringify({ ...JSON.parse(body), modified: '2026-11-24T07:00:00.000Z', ...over })
    const seen = sighting()
    const changes = [
      change(changed, {}),
      change(revoked, { revoked: true }),
      change(removed, { x_threatbus_update: 'REMOVE' }),
    ]
    await publish(broker.manage, [kept, changed, revoked, seen, removed, ...changes])
    const { topic } = await request(broker.manage, { action: 'subscribe', topic: 'stix2', snapshot: 1 })
    const live = indicator()
    await publish(broker.manage, [live])
    const frames = await receive(t, broker.pub, topic).received(4)
    const expected = [`indicator ${kept}`, `sighting ${seen}`, `indicator ${changes[0]}`, `indicator ${live}`]
    assert.deepEqual(
      frames,
      expected.map(each => topic + each),
    )
  })

  test('merges what applications answer with what it has itself', async t => {
    const broker = await startBroker(t)
    const own = indicator()
    await publish(broker.manage, [own])
    const application = await request(broker.manage, { action: 'subscribe', topic: 'x' })
    const heard = receive(t, broker.pub, application.topic)
    const asker = await request(broker.manage, { action: 'subscribe', topic: 'stix2/indicator', snapshot: 1 })
    const [asked] = await heard.received(1)
    const { snapshot_id } = JSON.parse(String(asked).slice(String(asked).indexOf(' ')))
    const { send } = await publisher(t, broker.sub)
    const theirs = indicator()
    for (const body of [own, theirs]) {
      await send(
        `threatbus/snapshotenvelope {"type":"snapshotenvelope","snapshot_type":1,"snapshot_id":"${snapshot_id}","body":${body}}`,
      )
    }
    const live = indicator()
    await send(`stix2/indicator ${live}`)
    const frames = await receive(t, broker.pub, asker.topic).received(3)
    assert.deepEqual(frames[0], `${asker.topic}indicator ${own}`)
    assert.deepEqual([...frames].sort(), framesOf(asker.topic, [own, theirs, live]).sort())
  })

  test('refuses to publish what is not valid, and stores nothing of the request', async t => {
    const broker = await startBroker(t)
    const refused = await publish(broker.manage, [indicator(), '{"type":"indicator"}', indicator()])
    assert.equal(refused.status, 'error')
    assert.equal(refused.index, 1)
    assert.equal((await publish(broker.manage, [indicator()])).sequence, 1)
  })

  test('counts how long a subscriber is stale across a restart', async t => {
    let broker = await startBroker(t, { join_timeout: 0.1 })
    const { topic } = await request(broker.manage, { action: 'subscribe', topic: 'stix2' })
    await broker.logged(({ reason }) => reason === 'never_joined')
    const staleSince: unknown[] = []
    for (const signal of ['SIGTERM', 'SIGKILL', 'SIGTERM'] as const) {
      await broker.stop(signal)
      const journal = readFileSync(join(broker.directory, 'threatbus-history', 'subscriptions.journal'), 'utf8')
      staleSince.push(/"staleSinceMs":(\d+)/.exec(journal)?.[1])
      broker = await startBroker(t, {}, broker)
    }
    assert.match(String(staleSince[0]), /^\d+$/)
    assert.equal(new Set(staleSince).size, 1, 'since when it is stale survives')
    await broker.stop()
    const last = await startBroker(t, { evict_after: 0.5 }, broker)
    await last.logged(({ reason }) => reason === 'evicted')
    assert.equal((await request(last.manage, { action: 'heartbeat', topic })).status, 'error')
  })

  test('forgets who unsubscribed, also after a restart', async t => {
    const broker = await startBroker(t)
    const { topic } = await request(broker.manage, { action: 'subscribe', topic: 'stix2' })
    await request(broker.manage, { action: 'unsubscribe', topic })
    await broker.stop()
    const next = await startBroker(t, {}, broker)
    assert.equal((await request(next.manage, { action: 'heartbeat', topic })).status, 'error')
  })

  test('is off when it is turned off: publish says so, and nothing is written', async t => {
    const broker = await startBroker(t, { history: { enabled: false } })
    const reply = await publish(broker.manage, indicators(1))
    assert.equal(reply.status, 'error')
    assert.equal(reply.history, false)
    assert.ok(!existsSync(join(broker.directory, 'threatbus-history')))
  })
})

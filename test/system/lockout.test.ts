/** Strangers who subscribe and never join, from addresses of their own, beside applications that do. */
import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { Request, Subscriber } from 'zeromq'
import { subscription } from '../history/subscription-arbitraries.ts'
import { startBrokerHere } from './broker-here.ts'
import { type RunningBroker, startBroker } from './broker-process.ts'
import { inspectorOf, scrape } from './monitored.ts'
import { indicator, type Receiver, type Reply, receive, request } from './wire.ts'

/** Asks `manage` from an address of this machine, many times by one connection. */
function from(t: TestContext, address: string, port: number) {
  const socket = new Request({ linger: 0, receiveTimeout: 60_000 })
  t.after(() => socket.close())
  socket.connect(`tcp://${address}:0;127.0.0.1:${port}`)
  const ask = async (asked: object): Promise<Reply> => {
    await socket.send(JSON.stringify(asked))
    const [reply] = await socket.receive()
    return JSON.parse(String(reply))
  }
  return {
    subscribe: () => ask({ action: 'subscribe', topic: 'stix2/indicator' }),
    knows: async (topic: string) => (await ask({ action: 'heartbeat', topic })).status === 'success',
  }
}

const tells = (topic: string, what: string) => (line: { readonly msg: string; readonly subscriber?: unknown }) =>
  line.msg.startsWith(what) && line.subscriber === `${topic.slice(0, 6)}…`

/** Fulfilled when it has joined; on a busy machine it may have been stale before. */
const joins = (broker: RunningBroker, topic: string) =>
  broker.logged(line => tells(topic, 'joined')(line) || tells(topic, 'back')(line))

/** Subscribes and joins, as applications do. */
async function join(t: TestContext, broker: RunningBroker, address = '127.0.0.1') {
  const { topic, reason } = await from(t, address, broker.manage).subscribe()
  assert.equal(reason, undefined)
  const receiver = receive(t, broker.pub, topic)
  await joins(broker, topic)
  return { topic, receiver }
}

/** Publishes, and waits until all have it. */
async function reaches(broker: RunningBroker, receivers: readonly Receiver[]) {
  const message = JSON.parse(indicator())
  const before = receivers.map(({ frames }) => frames.length)
  const reply = await request(broker.manage, { action: 'publish', topic: 'stix2/indicator', message })
  assert.equal(reply.status, 'success')
  for (const [index, receiver] of receivers.entries()) await receiver.received((before[index] ?? 0) + 1)
}

describe('who never joined', { concurrency: true }, () => {
  test('gives way when room is needed, the longest first, and who has joined does not, also over a restart', async t => {
    const settings = { max_subscribers: 8, join_timeout: 0.05, inspector: { port: 0 } }
    const first = await startBroker(t, settings)
    const joined = await join(t, first)
    const left = await join(t, first)
    left.receiver.close()
    await first.logged(tells(left.topic, 'stale'))
    const stranger = from(t, '127.0.0.2', first.manage)
    const topics: string[] = []
    for (let times = 0; times < 20; times++) topics.push((await stranger.subscribe()).topic)
    const { reason } = await first.logged(tells(topics[0] as string, 'unsubscribed'))
    assert.equal(reason, 'crowded_out')
    await first.logged(tells(topics[19] as string, 'stale'))
    const known = []
    for (const topic of topics) known.push(await stranger.knows(topic))
    assert.deepEqual(known, [...Array(14).fill(false), ...Array(6).fill(true)])
    const values = await scrape(await inspectorOf(first))
    assert.equal(values.get('threatbus_subscriptions_ended_total{reason="crowded_out"}'), 14)
    assert.equal(values.get('threatbus_limit_reached_total{limit="max_subscribers"}'), 14)
    assert.equal(values.get('threatbus_address_subscribers_max'), 6)

    await first.stop('SIGKILL')
    const second = await startBroker(t, settings, first)
    const others = []
    for (let address = 3; address < 9; address++) others.push(await join(t, second, `127.0.0.${address}`))
    for (const topic of topics) assert.equal(await from(t, '127.0.0.1', second.manage).knows(topic), false)
    const back = receive(t, second.pub, left.topic)
    await reaches(second, [joined.receiver, back, ...others.map(({ receiver }) => receiver)])
    const refused = await from(t, '127.0.0.9', second.manage).subscribe()
    assert.equal(refused.reason, 'the broker has as many subscribers as it admits (8), and all of them have joined')
  })

  test('gives way in the share of its address, whose own it is to be full: others have room', async t => {
    const broker = await startBrokerHere(t, { settings: { max_subscribers: 10, max_subscribers_per_address: 3 } })
    const [one, two] = [await join(t, broker, '127.0.0.2'), await join(t, broker, '127.0.0.2')]
    const stranger = from(t, '127.0.0.2', broker.manage)
    for (let times = 0; times < 10; times++) assert.equal((await stranger.subscribe()).status, 'success')
    const three = await join(t, broker, '127.0.0.2')
    const refused = await stranger.subscribe()
    const share = '127.0.0.2 has as many subscribers as one address may (3, max_subscribers_per_address)'
    assert.equal(refused.reason, `${share}, and all of them have joined`)
    const honest = await join(t, broker)
    await reaches(
      broker,
      [one, two, three, honest].map(({ receiver }) => receiver),
    )
  })

  test('is refused when its address subscribes too often, and others are not', async t => {
    const settings = { max_subscribers: 20, max_subscribers_per_address: 4, subscribe_rate: 5 }
    const broker = await startBrokerHere(t, { settings: settings })
    const stranger = from(t, '127.0.0.2', broker.manage)
    let reason: string | undefined
    while (reason === undefined) ({ reason } = await stranger.subscribe())
    assert.equal(reason, '127.0.0.2 subscribes too often (subscribe_rate is 5 a second): try again later')
    const honest = await join(t, broker)
    // It is a rate: in a while it may again.
    while (reason !== undefined) ({ reason } = await stranger.subscribe())
    await reaches(broker, [honest.receiver])
  })

  test('gives way to others when an earlier broker gave it; of what older ones gave nobody knows, and nothing does', async t => {
    const records = [1, 2, 3].map(number => ({ ...subscription(number), exchanges: [] }))
    const [one, two, three] = records.map(({ topic }) => topic) as [string, string, string]
    const left = records.map(each =>
      each.topic === three ? ({ ...each, neverJoined: true, address: '127.0.0.2' } as const) : each,
    )
    const broker = await startBrokerHere(t, { settings: { max_subscribers: 3 }, left })
    const stranger = from(t, '127.0.0.1', broker.manage)
    for (let times = 0; times < 3; times++) assert.equal((await stranger.subscribe()).status, 'success')
    assert.deepEqual(
      [await stranger.knows(one), await stranger.knows(two), await stranger.knows(three)],
      [true, true, false],
    )
  })

  test('is as joined as anybody once it has, by a topic of a connection with many', async t => {
    const broker = await startBrokerHere(t, { settings: { max_subscribers: 4 } })
    const stranger = from(t, '127.0.0.2', broker.manage)
    const topics = [await stranger.subscribe(), await stranger.subscribe()].map(({ topic }) => topic)
    const socket = new Subscriber({ linger: 0 })
    t.after(() => socket.close())
    socket.connect(`tcp://127.0.0.1:${broker.pub}`)
    socket.subscribe(...topics)
    for (const topic of topics) await joins(broker, topic)
    for (let times = 0; times < 5; times++) assert.equal((await stranger.subscribe()).status, 'success')
    for (const topic of topics) assert.ok(await stranger.knows(topic))
  })
})

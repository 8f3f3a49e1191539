import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { shortened } from '../../src/protocol/topics.ts'
import { startBrokerHere } from './broker-here.ts'
import { inspectorOf, scrape } from './monitored.ts'
import { RawSubscriber } from './raw-subscriber.ts'
import { indicator, publisher, request } from './wire.ts'

/** A connection that has joined a topic. */
async function joined(t: TestContext, port: number, topic: string): Promise<RawSubscriber> {
  const subscriber = new RawSubscriber(port)
  t.after(() => subscriber.close())
  subscriber.write({ to: topic })
  await subscriber.asked()
  return subscriber
}

async function subscribed(manage: number): Promise<string> {
  return (await request(manage, { action: 'subscribe', topic: 'stix2' })).topic
}

describe('of the connections of one subscriber', { concurrency: true }, () => {
  test('a few stay: a further one ends that which has taken nothing for longest', async t => {
    const broker = await startBrokerHere(t, { settings: { inspector: { port: 0 } } })
    const topic = await subscribed(broker.manage)
    const connections: RawSubscriber[] = []
    for (let count = 0; count < 4; count++) connections.push(await joined(t, broker.pub, topic))
    const [first, second, third, fourth] = connections as [RawSubscriber, RawSubscriber, RawSubscriber, RawSubscriber]
    const { send } = await publisher(t, broker.sub)
    await first.answer()
    await send(`stix2/indicator ${indicator()}`)
    // A PING behind what was sent: the answer to the one before has come.
    await first.asked()
    const fifth = await joined(t, broker.pub, topic)
    await second.closed()
    const sixth = await joined(t, broker.pub, topic)
    await third.closed()
    await send(`stix2/indicator ${indicator()}`)
    for (const each of [first, fourth, fifth, sixth]) {
      const [frame] = (await each.received(each === first || each === fourth ? 2 : 1)).slice(-1)
      assert.ok(frame?.startsWith(`${topic}indicator `))
    }
    const metrics = await scrape(await inspectorOf(broker))
    assert.equal(metrics.get('threatbus_connections_broken_total{endpoint="pub",reason="superseded"}'), 2)
    const limit = 'plugins.apps.zmq.max_connections_per_subscriber'
    assert.equal(metrics.get(`threatbus_limit_reached_total{limit="${limit}"}`), 2)
    assert.ok(!broker.log.some(line => JSON.stringify(line).includes(topic)))
  })

  test('one that has joined another topic as well only leaves this one', async t => {
    const broker = await startBrokerHere(t, { settings: { zmq: { max_connections_per_subscriber: 1 } } })
    const [one, other] = [await subscribed(broker.manage), await subscribed(broker.manage)]
    const both = await joined(t, broker.pub, one)
    both.write({ to: other })
    await broker.logged(({ msg, subscriber }) => msg.startsWith('joined') && subscriber === shortened(other))
    const newer = await joined(t, broker.pub, one)
    const { send } = await publisher(t, broker.sub)
    const body = indicator()
    await send(`stix2/indicator ${body}`)
    assert.deepEqual(await newer.received(1), [`${one}indicator ${body}`])
    await both.received(1)
    assert.ok(both.frames.includes(`${other}indicator ${body}`))
    // Now it has joined nothing but the other topic, which it loses, too.
    await joined(t, broker.pub, other)
    await both.closed()
  })
})

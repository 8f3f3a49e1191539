// A log that fails when it should say something: so does the actor that it is told by.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { subscription } from '../history/subscription-arbitraries.ts'
import { startBrokerHere } from './broker-here.ts'
import { inspectorOf, scrape } from './monitored.ts'
import { receive, request } from './wire.ts'

describe('an actor that fails', { concurrency: true }, () => {
  test('is the only one that is forgotten, whoever looks like it', async t => {
    // The p2p topics of these are alike but for the last letter.
    const [failing, healthy] = [1, 2].map(number => ({ ...subscription(number, 1), exchanges: [] }))
    assert.ok(failing && healthy)
    let joined = 0
    const { manage, pub, logged } = await startBrokerHere(t, {
      left: [failing, healthy],
      fails: ({ msg }) => msg === 'back' && ++joined === 1,
    })
    receive(t, pub, failing.topic)
    const { level, actor } = await logged(({ msg }) => msg.startsWith('an actor failed'))
    assert.deepEqual([level, actor], ['error', `subscriber.${failing.topic.slice(0, 6)}…`])
    const heartbeat = (topic: string) => request(manage, { action: 'heartbeat', topic })
    assert.equal((await heartbeat(failing.topic)).status, 'error')
    assert.equal((await heartbeat(healthy.topic)).status, 'success')
    receive(t, pub, healthy.topic)
    await logged(({ msg }) => msg === 'back')
  })

  test('as it ends a snapshot does not keep the subscriber that asked from going on', async t => {
    const settings = { snapshot: { answer_timeout: 0.1 }, inspector: { port: 0 } }
    const broker = await startBrokerHere(t, { settings, fails: ({ outcome }) => outcome === 'nobody_answered' })
    await request(broker.manage, { action: 'subscribe', topic: 'x' })
    const { topic } = await request(broker.manage, { action: 'subscribe', topic: 'stix2', snapshot: 1 })
    receive(t, broker.pub, topic)
    await broker.logged(({ msg }) => msg.startsWith('joined'))
    const { actor } = await broker.logged(({ msg }) => msg.startsWith('an actor failed'))
    assert.match(String(actor), /^snapshot\./)
    const values = await scrape(await inspectorOf(broker))
    assert.equal(values.get('threatbus_subscribers{state="live"}'), 1)
    assert.equal(values.get('threatbus_snapshots_open'), 0)
    assert.equal(values.get('threatbus_snapshots_closed_total{outcome="nobody_answered"}'), 1)
    assert.equal(values.get('threatbus_snapshots_closed_total{outcome="failed"}'), 0)
  })
})

// Whatever runs in a broker when it ends, its process ends by itself. The time to shut down is longer than a test may take:
// a timer or a connection that kept the process would keep it until this test is given up.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { get as httpGet } from 'node:http'
import { connect, createServer } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { ManageClient } from '../bench/manage-client.ts'
import { greetingOf, readyOf } from '../sockets/broker-endpoint.ts'
import { type BrokerProcess, startBroker } from './broker-process.ts'
import { startNode } from './command-process.ts'
import { inspectorOf } from './monitored.ts'
import { indicator, publisher, receive, request } from './wire.ts'

const patient = { shutdown_timeout: 3600 }

const subscribe = (broker: BrokerProcess, topic: string | string[], snapshot = 0) =>
  request(broker.manage, { action: 'subscribe', topic, snapshot })

/** Opens a snapshot exchange that nobody answers, and one that an application has begun to answer. */
async function openExchanges(t: TestContext, broker: BrokerProcess) {
  const application = await subscribe(broker, 'x')
  const heard = receive(t, broker.pub, application.topic)
  for (const topic of ['stix2/sighting', 'stix2/indicator']) await subscribe(broker, topic, 1)
  const [, asked = ''] = await heard.received(2)
  const { snapshot_id } = JSON.parse(asked.slice(asked.indexOf(' ')))
  const { send } = await publisher(t, broker.sub)
  const body = indicator()
  await send(
    `threatbus/snapshotenvelope {"type":"snapshotenvelope","snapshot_type":1,"snapshot_id":"${snapshot_id}","body":${body}}`,
  )
  // What was published behind the envelope has come: so has that.
  const witness = await subscribe(broker, 'stix2/indicator')
  await send(`stix2/indicator ${indicator()}`)
  await receive(t, broker.pub, witness.topic).received(1)
}

describe('the broker process ends by itself', { concurrency: true }, () => {
  for (const enabled of [true, false]) {
    test(`while snapshot exchanges are open, ${enabled ? 'with' : 'without'} a history`, async t => {
      const broker = await startBroker(t, { ...patient, history: { enabled } })
      await openExchanges(t, broker)
      assert.equal(await broker.stop(), 0)
    })
  }

  test('while subscribers wait for whatever they can wait for', async t => {
    const broker = await startBroker(t, { ...patient, join_timeout: 0.1 })
    const told = (topic: string, sentence: RegExp, why?: string) =>
      broker.logged(({ msg, subscriber, reason }) => {
        return sentence.test(msg) && reason === why && subscriber === `${topic.slice(0, 6)}…`
      })
    // On a busy machine a socket comes after it was given up, and its subscriber is back.
    const joined = (topic: string) => told(topic, /^(joined|back)/)
    const [never, gone, silent, confirming] = await Promise.all(
      Array.from({ length: 4 }, () => subscribe(broker, 'stix2')),
    )
    assert.ok(never && gone && silent && confirming)
    const socket = receive(t, broker.pub, gone.topic)
    receive(t, broker.pub, silent.topic)
    const first = receive(t, broker.pub, confirming.topic)
    await Promise.all([gone, silent, confirming].map(({ topic }) => joined(topic)))
    await request(broker.manage, { action: 'heartbeat', topic: silent.topic })
    await request(broker.manage, { action: 'heartbeat', topic: confirming.topic, received: 0 })
    socket.close()
    first.close()
    await Promise.all([
      told(never.topic, /^stale/, 'never_joined'),
      ...[gone, confirming].map(({ topic }) => told(topic, /^stale/, 'disconnected')),
    ])
    receive(t, broker.pub, confirming.topic)
    await told(confirming.topic, /^back/)
    await subscribe(broker, 'stix2')
    assert.equal(await broker.stop(), 0)
  })

  test('while somebody looks', async t => {
    const broker = await startBroker(t, { ...patient, inspector: { port: 0 }, commandLine: ['--trace', 'trace.jsonl'] })
    await openExchanges(t, broker)
    const asked = httpGet(new URL('/inspector/live', await inspectorOf(broker)), { agent: false })
    const [response] = await once(asked, 'response')
    // It is cut off.
    response.on('error', () => {})
    await once(response, 'data')
    assert.equal(await broker.stop(), 0)
  })

  test('while connections have not said what they are, or have no more to say', async t => {
    const broker = await startBroker(t, { ...patient, inspector: { port: 0 } })
    const { port } = await inspectorOf(broker)
    const greeting = greetingOf()
    for (const each of [broker.manage, broker.pub, broker.sub, Number(port)]) {
      for (const bytes of [
        Buffer.alloc(0),
        greeting.subarray(0, 10),
        greeting,
        Buffer.concat([greeting, readyOf('SUB')]),
      ]) {
        const socket = connect(each, '127.0.0.1').on('error', () => {})
        t.after(() => socket.destroy())
        await once(socket, 'connect')
        socket.write(bytes)
      }
    }
    assert.equal(await broker.stop(), 0)
  })

  test('when it is stopped as soon as it has found what an earlier one left', async t => {
    const broker = await startBroker(t, patient)
    await openExchanges(t, broker)
    assert.equal(await broker.stop('SIGKILL'), null)
    const next = await startBroker(t, patient, broker)
    assert.equal(await next.stop(), 0)
  })

  test('when an endpoint cannot listen, whatever an earlier one left', async t => {
    const broker = await startBroker(t, patient)
    await openExchanges(t, broker)
    await broker.stop('SIGKILL')
    const taken = createServer().listen(broker.pub, '127.0.0.1')
    t.after(() => taken.close())
    await once(taken, 'listening')
    await assert.rejects(startBroker(t, { ...patient, zmq: { bind_retry: 0 } }, broker), /the broker ended with 69/)
  })

  test('when its supervisor fails by an error', async t => {
    const broker = await startBroker(t, { ...patient, inspector: { port: 0 } })
    await openExchanges(t, broker)
    await broker.stop('SIGKILL')
    const failing = startNode(t, fileURLToPath(new URL('failing-broker.js', import.meta.url)), broker.directory)
    const { code, lines } = await failing.ended
    assert.deepEqual([code, lines], [0, ['the log is broken']])
  })

  test('however many subscribers there are', async t => {
    const broker = await startBroker(t, patient)
    const manage = new ManageClient({ host: '127.0.0.1', port: broker.manage })
    await manage.subscribe('stix2', 1000)
    manage.close()
    assert.equal(await broker.stop(), 0)
  })
})

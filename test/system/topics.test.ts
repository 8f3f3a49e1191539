import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { startBrokerHere } from './broker-here.ts'
import { startBroker } from './broker-process.ts'
import { get, inspectorOf } from './monitored.ts'
import { indicator, publisher, receive, request, sighting } from './wire.ts'

const megabytes = 1_000_000

const long = (end = '') => 'x'.repeat(5 * megabytes) + end

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** The memory of this process that is in use, in bytes. */
function memoryInUse(): number {
  collectGarbage()
  return process.memoryUsage().heapUsed
}

describe('the topics of a subscription', () => {
  test('may be a hundred, and no more than the configuration says', async t => {
    const { manage } = await startBrokerHere(t)
    const topics = Array.from({ length: 100 }, (_, number) => `stix2/indicator/${number}`)
    assert.equal((await request(manage, { action: 'subscribe', topic: topics })).status, 'success')
    const { status, reason } = await request(manage, { action: 'subscribe', topic: [...topics, 'stix2'] })
    assert.deepEqual([status, reason], ['error', 'a subscription has at most 100 topics'])
  })

  test('leave next to nothing in memory and in the log, however long they are', async t => {
    const broker = await startBrokerHere(t)
    const before = memoryInUse()
    for (let count = 0; count < 20; count++) {
      const topic = [long(String(count)), 'stix2/indicator', long()]
      assert.equal((await request(broker.manage, { action: 'subscribe', topic })).status, 'success')
    }
    const kept = memoryInUse() - before
    assert.ok(kept < 50 * megabytes, `of 200 MB ${kept} bytes are kept`)
    for (const line of broker.lines) assert.ok(line.length < 1000, line.slice(0, 1000))
  })

  test('leave next to nothing on disk, and are heard as they were after a restart', async t => {
    const broker = await startBroker(t)
    const topics = [long(), 'stix2/sight', long('stix2/indicator')]
    const { topic } = await request(broker.manage, { action: 'subscribe', topic: topics })
    const journal = readFileSync(join(broker.directory, 'threatbus-history', 'subscriptions.journal'))
    assert.ok(journal.includes(topic) && journal.length < 10_000, `${journal.length} bytes`)
    await broker.stop('SIGKILL')
    const next = await startBroker(t, {}, broker)
    const { send } = await publisher(t, next.sub)
    const seen = sighting()
    await send(`stix2/indicator ${indicator()}`)
    await send(`stix2/sighting ${seen}`)
    assert.deepEqual(await receive(t, next.pub, topic).received(1), [`${topic}sighting ${seen}`])
  })

  test('that can match nothing are granted, and warned of, once for many; not the one that is meant to', async t => {
    const broker = await startBrokerHere(t)
    const subscribe = async (...topic: string[]) => {
      assert.equal((await request(broker.manage, { action: 'subscribe', topic })).status, 'success')
    }
    const warnings = () => broker.lines.map(line => JSON.parse(line)).filter(({ msg }) => msg.includes('match nothing'))
    await subscribe('stix2', 'stix2/ind')
    await subscribe('threatbus/nothing')
    assert.deepEqual(warnings(), [])
    await subscribe('stix2/sighting', 'stix2/indicators', 'indicator')
    await subscribe('x')
    const [warning, ...others] = warnings()
    assert.deepEqual([warning.level, warning.topics, others.length], ['warn', ['stix2/indicators', 'indicator'], 0])
    const told = broker.lines.map(line => JSON.parse(line)).find(({ topics }) => topics?.includes('stix2/sighting'))
    assert.equal(warning.subscriber, told.subscriber)
  })

  test('ask for the snapshots that their ends name, however long they are', async t => {
    const broker = await startBrokerHere(t)
    const application = await request(broker.manage, { action: 'subscribe', topic: 'x' })
    const heard = receive(t, broker.pub, application.topic)
    const topics = [long('sighting'), long(), long('indicator')]
    await request(broker.manage, { action: 'subscribe', topic: topics, snapshot: 1 })
    const asked = (await heard.received(2)).map(frame => JSON.parse(frame.slice(frame.indexOf(' '))).snapshot_type)
    assert.deepEqual(asked, [1, 2])
  })

  test('are shown shortened: in the log, the status and the trace, and no p2p topic among them', async t => {
    const broker = await startBroker(t, { inspector: { port: 0 }, commandLine: ['--trace', 'trace.jsonl'] })
    const { topic: secret } = await request(broker.manage, { action: 'subscribe', topic: 'stix2' })
    const topics = [`stix2/${secret}`, secret, `${secret}indicator`, 'stix2/indicator', long('indicator')]
    await request(broker.manage, { action: 'subscribe', topic: topics })
    const begin = secret.slice(0, 6)
    const shown = [`stix2/${begin}…`, `${begin}…`, 'stix2/indicator', 'xxxxxx…']
    const line = await broker.logged(
      ({ msg, topics }) => msg === 'subscribed' && Array.isArray(topics) && topics.length > 1,
    )
    assert.deepEqual(line.topics, shown)
    const { text } = await get(await inspectorOf(broker), '/status')
    const { listed } = JSON.parse(text).subscribers
    assert.ok(
      listed.some((each: { topics: unknown }) => String(each.topics) === String(shown)),
      text,
    )
    assert.equal(await broker.stop(), 0)
    const trace = readFileSync(join(broker.directory, 'trace.jsonl'), 'utf8')
    assert.ok(trace.includes('"subscriber"'))
    for (const told of [trace, text, JSON.stringify(broker.log)]) {
      assert.ok(!told.includes(secret) && told.length < megabytes)
    }
  })
})

/** A broker whose history is taken away while it runs: by hand, or by a script that tidies up. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdirSync, renameSync, rmSync, unlinkSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { greetingOf, readyOf } from '../sockets/broker-endpoint.ts'
import { type BrokerProcess, startBroker } from './broker-process.ts'
import { startCommand } from './command-process.ts'
import { get, inspectorOf } from './monitored.ts'
import { indicator, receive, request } from './wire.ts'

const historyOf = ({ directory }: BrokerProcess) => join(directory, 'threatbus-history')
const publish = ({ manage }: BrokerProcess, body = indicator()) =>
  request(manage, `{"action":"publish","topic":"stix2/indicator","message":${body}}`)

describe('a history that goes away', { concurrency: true }, () => {
  test('when its directory is deleted, the broker says so, acknowledges nothing, delivers what it has, and ends', async t => {
    const broker = await startBroker(t, { inspector: { port: 0 }, shutdown_timeout: 2 })
    const inspector = await inspectorOf(broker)
    const { topic } = await request(broker.manage, { action: 'subscribe', topic: 'stix2' })
    const reader = connect(broker.pub, '127.0.0.1').on('error', () => {})
    const closed = once(reader, 'close')
    t.after(() => reader.destroy())
    for (const part of [greetingOf(), readyOf('SUB')]) reader.write(part)
    reader.write(Buffer.concat([Buffer.of(0, topic.length + 1, 1), Buffer.from(topic)]))
    await broker.logged(({ msg }) => msg.startsWith('joined'))
    // More than it can have been sent before it reads: the broker has to deliver it before it ends.
    const body = indicator({ description: 'x'.repeat(1_000_000) })
    for (let sent = 0; sent < 20; sent++) assert.equal((await publish(broker, body)).status, 'success')
    rmSync(historyOf(broker), { recursive: true })
    const { level } = await broker.logged(({ msg }) => msg.includes('is gone: nothing is written any more'))
    assert.equal(level, 'ERROR')
    assert.equal((await publish(broker)).status, 'error')
    assert.equal((await get(inspector, '/readyz')).status, 503)
    let received = 0
    reader.on('data', bytes => {
      received += bytes.length
    })
    const { level: last } = await broker.logged(({ msg }) => msg.includes('start it anew'))
    assert.equal(last, 'CRITICAL')
    await closed
    assert.ok(received > 20_000_000)
    // It has stopped by itself.
    const code = await broker.stop('SIGCONT')
    assert.equal(code, 69)
    assert.deepEqual(readdirSync(broker.directory), ['config.yaml'], 'nothing was made anew')
    const next = await startBroker(t, {}, broker)
    assert.equal((await publish(next)).status, 'success')
  })

  test('when another directory takes its place, nothing in that is touched', async t => {
    const broker = await startBroker(t)
    assert.equal((await publish(broker)).status, 'success')
    const moved = `${historyOf(broker)}.moved`
    renameSync(historyOf(broker), moved)
    const imported = startCommand(t, 'history', 'import', '--path', historyOf(broker), '-')
    imported.stdin.end(indicator())
    assert.equal((await imported.ended).code, 0)
    const before = readdirSync(historyOf(broker))
    await broker.logged(({ msg }) => msg.includes('start it anew'))
    assert.deepEqual(readdirSync(historyOf(broker)), before)
  })

  test('when its lock is deleted, no second broker gets in, and it is put back', async t => {
    const broker = await startBroker(t)
    unlinkSync(join(historyOf(broker), 'broker.sock'))
    const second = startCommand(t, '-c', join(broker.directory, 'config.yaml'))
    const { code, stderr } = await second.ended
    assert.equal(code, 69)
    assert.match(stderr, /is in use by another broker/)
    const { level } = await broker.logged(({ msg }) => msg.includes('broker.sock) was deleted; it is there again'))
    assert.equal(level, 'ERROR')
    assert.equal((await publish(broker)).status, 'success')
    assert.equal(await broker.stop(), 0)
  })

  test('when its files are deleted, they are written anew, and nothing is lost', async t => {
    const broker = await startBroker(t)
    const { topic } = await request(broker.manage, { action: 'subscribe', topic: 'stix2' })
    const bodies = Array.from({ length: 20 }, () => indicator())
    for (const body of bodies) assert.equal((await publish(broker, body)).status, 'success')
    for (const name of readdirSync(historyOf(broker)))
      if (name !== 'broker.sock') unlinkSync(join(historyOf(broker), name))
    await broker.logged(({ msg }) => msg.startsWith('the log of messages is written again; 0 messages lost'))
    await broker.logged(({ msg }) => msg.startsWith('the list of subscriptions is written again'))
    await broker.stop('SIGKILL')
    const next = await startBroker(t, {}, broker)
    const frames = await receive(t, next.pub, topic).received(bodies.length)
    assert.deepEqual(
      frames,
      bodies.map(body => `${topic}indicator ${body}`),
    )
  })
})

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { Subscriber } from 'zeromq'
import { startBroker, threatbusCommand } from './broker-process.ts'
import { indicator, publisher, receive, request } from './wire.ts'

/** Runs the command in an empty directory until it ends. */
async function run(t: TestContext, options: { args?: string[]; env?: object; files?: Record<string, string> }) {
  const cwd = mkdtempSync(join(tmpdir(), 'threatbus-'))
  t.after(() => rmSync(cwd, { recursive: true }))
  for (const [name, text] of Object.entries(options.files ?? {})) writeFileSync(join(cwd, name), text)
  const child = spawn(process.execPath, [threatbusCommand, ...(options.args ?? [])], {
    cwd,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const output = { stdout: '', stderr: '' }
  child.stdout.on('data', data => (output.stdout += data))
  child.stderr.on('data', data => (output.stderr += data))
  const [code] = await once(child, 'close')
  return { code, cwd, ...output }
}

const configOf = (ports: object, others: object = {}) =>
  JSON.stringify({ plugins: { apps: { zmq: ports } }, inspector: { enabled: false }, ...others })

/** A broker with 5,000 messages queued for a joined subscriber that reads none of them yet. */
async function withUnreadMessages(t: TestContext, settings: Record<string, unknown> = {}) {
  const broker = await startBroker(t, settings)
  const { topic } = await request(broker.manage, { action: 'subscribe', topic: 'stix2' })
  const witness = await request(broker.manage, { action: 'subscribe', topic: 'stix2' })
  const seen = receive(t, broker.pub, witness.topic)
  // Holds little itself, so that most is still queued in the broker when it is told to end.
  const socket = new Subscriber({ linger: 0, receiveHighWaterMark: 1, receiveBufferSize: 4096 })
  t.after(() => socket.close())
  socket.connect(`tcp://127.0.0.1:${broker.pub}`)
  socket.subscribe(topic)
  await broker.logged(({ msg, subscriber }) => msg.startsWith('joined') && subscriber === `${topic.slice(0, 6)}…`)
  const { send } = await publisher(t, broker.sub)
  const bodies = Array.from({ length: 5000 }, () => indicator({ description: 'x'.repeat(5000) }))
  for (const body of bodies) await send(`stix2/indicator ${body}`)
  await seen.received(bodies.length)
  return { broker, topic, socket, bodies }
}

describe('the broker process', { concurrency: true }, () => {
  test('delivers what is queued for joined subscribers before it ends, and exits with 0', async t => {
    const { broker, topic, socket, bodies } = await withUnreadMessages(t, { shutdown_timeout: 60 })
    const exited = broker.stop()
    for (const body of bodies) assert.equal(String((await socket.receive())[0]), `${topic}indicator ${body}`)
    assert.equal(await exited, 0)
  })

  for (const [enabled, sentence] of [
    [true, 'left for the next start'],
    [false, 'not delivered in time'],
  ] as const) {
    const kept = enabled ? 'with' : 'without'
    test(`ends within its time although a subscriber reads nothing, and says so, ${kept} a history`, async t => {
      const { broker } = await withUnreadMessages(t, { shutdown_timeout: 1, history: { enabled } })
      assert.equal(await broker.stop(), 0)
      const { messages } = await broker.logged(({ msg }) => msg.includes(sentence))
      assert.ok(Number(messages) > 0)
    })
  }

  test('ends at once on a second signal', async t => {
    const { broker } = await withUnreadMessages(t, { shutdown_timeout: 60 })
    const exited = broker.stop('SIGINT')
    await broker.logged(({ msg }) => msg.startsWith('stopping on SIGINT'))
    broker.process.kill('SIGTERM')
    assert.equal(await exited, 143)
  })

  test('refuses new subscriptions while it ends, and still answers heartbeats', async t => {
    const { broker, topic } = await withUnreadMessages(t, { shutdown_timeout: 60 })
    broker.process.kill('SIGTERM')
    await broker.logged(({ msg }) => msg.startsWith('stopping on SIGTERM'))
    const refused = await request(broker.manage, { action: 'subscribe', topic: 'stix2' })
    assert.equal(refused.status, 'error')
    assert.match(String(refused.reason), /starting or stopping/)
    assert.deepEqual(await request(broker.manage, { action: 'heartbeat', topic }), { status: 'success' })
  })

  for (const endpoint of ['manage', 'pub', 'sub']) {
    test(`fails with one clear line when the ${endpoint} address is taken`, async t => {
      const taken = createServer().listen(0, '127.0.0.1')
      t.after(() => taken.close())
      await once(taken, 'listening')
      const { port } = taken.address() as import('node:net').AddressInfo
      const ports = { manage: 0, pub: 0, sub: 0, [endpoint]: port }
      const { code, stderr } = await run(t, { files: { 'config.yaml': configOf(ports) } })
      assert.equal(code, 69)
      const lines = stderr
        .trim()
        .split('\n')
        .map(line => JSON.parse(line))
      const critical = lines.filter(({ level }) => level === 'CRITICAL')
      assert.equal(critical.length, 1)
      assert.match(critical[0].msg, new RegExp(`the ${endpoint} endpoint cannot listen on .*:${port}: another process`))
    })
  }

  test('waits for an address that is taken if it was asked to', async t => {
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const { port } = taken.address() as import('node:net').AddressInfo
    const starting = startBroker(t, { zmq: { pub: port, bind_retry: 60 } })
    // The others listen first; then the address becomes free.
    setImmediate(() => taken.close())
    const broker = await starting
    assert.equal(broker.pub, port)
    assert.equal(await broker.stop(), 0)
  })

  test('says every mistake in its configuration at once, with file, line and column, and exits with 78', async t => {
    const text = 'plugins:\n  apps:\n    zmq:\n      manage: abc\n      pub: 70000\nvalidation: loose\n'
    const { code, stderr } = await run(t, { files: { 'config.yaml': text } })
    assert.equal(code, 78)
    assert.match(stderr, /config\.yaml:4:15 plugins\.apps\.zmq\.manage: /)
    assert.match(stderr, /config\.yaml:5:12 plugins\.apps\.zmq\.pub: /)
    assert.match(stderr, /config\.yaml:6:13 validation: /)
  })

  test('lets the environment win over the file', async t => {
    const taken = createServer().listen(0, '127.0.0.1')
    t.after(() => taken.close())
    await once(taken, 'listening')
    const { port } = taken.address() as import('node:net').AddressInfo
    const { code, stderr } = await run(t, {
      files: { 'config.yml': configOf({ manage: 0, pub: 0, sub: 0 }) },
      env: { THREATBUS_PLUGINS__APPS__ZMQ__MANAGE: String(port) },
    })
    assert.equal(code, 69)
    assert.match(stderr, /the manage endpoint cannot listen/)
  })

  test('logs to a file at the level of its own', async t => {
    const taken = createServer().listen(0, '127.0.0.1')
    t.after(() => taken.close())
    await once(taken, 'listening')
    const { port } = taken.address() as import('node:net').AddressInfo
    const logging = { console: false, file: true, file_verbosity: 'CRITICAL', filename: 'bus.log' }
    const files = { 'config.yaml': configOf({ manage: port, pub: 0, sub: 0 }, { logging }) }
    const { code, cwd, stderr } = await run(t, { files })
    assert.equal(code, 69)
    const lines = readFileSync(join(cwd, 'bus.log'), 'utf8').trim().split('\n')
    assert.deepEqual(
      lines.map(line => JSON.parse(line).level),
      ['CRITICAL'],
    )
    // With the console off the reason is still said, once.
    assert.match(stderr, /^the manage endpoint cannot listen on .*\n$/)
  })
})

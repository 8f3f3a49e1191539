/** A broker whose history can't be used says so in one line, and does not start. */
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { crc32 } from 'node:zlib'
import { startBroker } from './broker-process.ts'
import { startCommand } from './command-process.ts'
import { indicator, request } from './wire.ts'

/** A directory with a configuration on free ports, whose history is in `path`. */
function configured(t: TestContext, path: string): { directory: string; config: string } {
  const directory = mkdtempSync(join(tmpdir(), 'threatbus-history-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const config = join(directory, 'config.yaml')
  const zmq = { manage: 0, pub: 0, sub: 0 }
  writeFileSync(config, JSON.stringify({ history: { path }, plugins: { apps: { zmq } } }))
  return { directory, config }
}

/** Starts a broker that can't, and answers its last words. */
async function lastWords(t: TestContext, config: string): Promise<string> {
  const { code, stderr } = await startCommand(t, '-c', config).ended
  assert.equal(code, 69, stderr)
  const { level, msg } = JSON.parse(stderr.trim().split('\n').at(-1) ?? '')
  assert.equal(level, 'CRITICAL')
  return msg
}

describe('a broker does not start', { concurrency: true }, () => {
  test('in a history that another broker uses, and says which one', async t => {
    const broker = await startBroker(t)
    const history = join(broker.directory, 'threatbus-history')
    const { config } = configured(t, history)
    const said = await lastWords(t, config)
    assert.ok(said.includes(history))
    assert.ok(said.includes(`process ${broker.process.pid}`))
    assert.ok(said.includes(`manage 127.0.0.1:${broker.manage}`))
    // And the one that uses it is none the worse for it.
    const message = JSON.parse(indicator())
    const reply = await request(broker.manage, { action: 'publish', topic: 'stix2/indicator', message })
    assert.equal(reply.status, 'success')
  })

  test('in a history of a newer version', async t => {
    const broker = await startBroker(t)
    const message = JSON.parse(indicator())
    await request(broker.manage, { action: 'publish', topic: 'stix2/indicator', message })
    await broker.stop()
    const history = join(broker.directory, 'threatbus-history')
    const segment = join(history, readdirSync(history).find(name => name.endsWith('.log')) ?? '')
    const bytes = readFileSync(segment)
    bytes.writeUInt32LE(3, 8)
    bytes.writeUInt32LE(crc32(Buffer.concat([bytes.subarray(0, 12), bytes.subarray(16, 32)])), 12)
    writeFileSync(segment, bytes)
    const said = await lastWords(t, configured(t, history).config)
    assert.match(said, /made by a newer version.*format 3.*use that version/)
    assert.ok(said.includes(segment))
  })

  test('in a file', async t => {
    const { directory, config } = configured(t, 'file')
    writeFileSync(join(directory, 'file'), '')
    assert.match(await lastWords(t, config), /file/)
  })
})

test('a broker starts beside a file of its history that can not be read, keeps it, and says what to do', async t => {
  const broker = await startBroker(t)
  await request(broker.manage, { action: 'publish', topic: 'stix2/indicator', message: JSON.parse(indicator()) })
  await broker.stop()
  const history = join(broker.directory, 'threatbus-history')
  const segment = join(history, readdirSync(history).find(name => name.endsWith('.log')) ?? '')
  writeFileSync(segment, 'what was on the disk before, perhaps')
  const next = await startBroker(t, {}, broker)
  const { level, path, msg } = await next.logged(({ msg }) => msg.includes('set aside'))
  assert.equal(level, 'ERROR')
  assert.equal(readFileSync(String(path), 'utf8'), 'what was on the disk before, perhaps')
  assert.ok(String(path).startsWith(`${segment}.unreadable-`))
  assert.match(msg, /put a good copy in its place .* or delete it/)
  assert.equal((await request(next.manage, { action: 'heartbeat', topic: 'x' })).status, 'error')
})

test('a history is readable for its user alone', async t => {
  const broker = await startBroker(t)
  const message = JSON.parse(indicator())
  await request(broker.manage, { action: 'subscribe', topic: 'stix2' })
  await request(broker.manage, { action: 'publish', topic: 'stix2/indicator', message })
  const history = join(broker.directory, 'threatbus-history')
  assert.equal(statSync(history).mode & 0o077, 0)
  const names = readdirSync(history)
  assert.ok(names.length >= 3, String(names))
  for (const name of names) assert.equal(statSync(join(history, name)).mode & 0o077, 0, name)
})

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { parse } from 'yaml'
import { startBroker } from './broker-process.ts'
import { startCommand, startNode, temporaryFile } from './command-process.ts'
import { indicator, publisher, receive, request } from './wire.ts'

const readme = readFileSync(new URL('../../../README.md', import.meta.url), 'utf8')
const scripts: Record<string, string> = JSON.parse(
  readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'),
).scripts

describe('threatbus', { concurrency: true }, () => {
  test('demo shows indicators arriving and a sighting going back, and ends', async t => {
    const { code, lines } = await startCommand(t, 'demo').ended
    assert.equal(code, 0)
    assert.equal(lines.filter(line => line.startsWith('tool      received ')).length, 8)
    assert.ok(lines.some(line => line.startsWith('platform  received the sighting of indicator--')))
    assert.match(String(lines.at(-1)), /^broker {4}stopped/)
  })

  test('check prints the configuration in effect, which is a configuration itself', async t => {
    const { code, lines } = await startCommand(t, 'check', '-c', 'config/threatbus.yaml').ended
    assert.equal(code, 0)
    assert.equal(parse(lines.join('\n')).plugins.apps.zmq.manage, 13370)
  })

  test('check does not print the token', async t => {
    const token = 'a-token-of-many-characters'
    const file = temporaryFile(t, 'config.yaml', `inspector: {token: ${token}}`)
    const { code, lines } = await startCommand(t, 'check', '-c', file).ended
    assert.deepEqual([code, lines.join().includes(token)], [0, false])
  })

  test('check tells the mistakes of a configuration that is not there', async t => {
    const { code, stderr } = await startCommand(t, 'check', '-c', 'no-such-file.yaml').ended
    assert.equal(code, 78)
    assert.match(stderr, /no-such-file\.yaml/)
  })
})

describe('the README', () => {
  test('names only npm scripts that exist', () => {
    const named = [...readme.matchAll(/npm (?:run )?([a-z]+)/g)].map(([, name]) => name)
    for (const name of new Set(named)) assert.ok(name === 'ci' || name === 'install' || scripts[String(name)], name)
  })

  test('names only commands that threatbus has', async t => {
    const named = [...readme.matchAll(/^npx threatbus ([a-z]+)/gm)].map(([, name]) => String(name))
    assert.ok(named.length >= 4)
    for (const name of new Set(named)) assert.equal((await startCommand(t, name, '--help').ended).code, 0, name)
  })

  test('shows an application that answers an indicator with a sighting', async t => {
    // publisher ── indicator ─▶ broker ─▶ the application of the README ── sighting ─▶ broker ─▶ witness
    const broker = await startBroker(t)
    const witness = await request(broker.manage, { action: 'subscribe', topic: 'stix2/sighting' })
    const seen = receive(t, broker.pub, `${witness.topic}sighting`)
    const [, source] = /```ts\n(.*?)```/s.exec(readme) ?? []
    assert.ok(source)
    const script = source
      .replace("'threatbus'", `'${new URL('../../src/index.js', import.meta.url)}'`)
      .replace('13370', String(broker.manage))
    const application = startNode(t, '--input-type=module', '--eval', script)
    await broker.logged(({ msg, topics }) => msg === 'subscribed' && String(topics) === 'stix2/indicator')
    const { send } = await publisher(t, broker.sub)
    const body = indicator()
    await send(`stix2/indicator ${body}`)
    const [frame] = await seen.received(1)
    const sighting = JSON.parse(String(frame).slice(`${witness.topic}sighting `.length))
    assert.equal(sighting.sighting_of_ref, JSON.parse(body).id)
    assert.deepEqual(await application.printed(1), ["[domain-name:value = 'evil.example']"])
  })
})

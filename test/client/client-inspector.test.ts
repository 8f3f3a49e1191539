/** Applications whose connection to a bus is inspected, and those whose is not. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import { type BusEvent, type ConnectOptions, connect, InvalidArgumentError } from '../../src/index.ts'
import { liveEvents } from '../inspector/live-events.ts'
import { startBroker } from '../system/broker-process.ts'
import { startNode } from '../system/command-process.ts'
import { get } from '../system/monitored.ts'
import { indicator } from '../system/wire.ts'

const token = 'a-token-of-many-characters'

/** An application that joins a broker, and is inspected. */
async function inspected(t: TestContext, inspect: NonNullable<ConnectOptions['inspect']>) {
  const broker = await startBroker(t)
  const events: BusEvent[] = []
  const endpoint = `127.0.0.1:${broker.manage}`
  const bus = connect({ endpoint, inspect, heartbeatIntervalMs: 100, onEvent: event => void events.push(event) })
  t.after(() => bus.close())
  return { broker, bus, events, address: (await bus.inspector) ?? '' }
}

describe('a client with `inspect`', { concurrency: true }, () => {
  test('shows its connection and its sessions, with their charts and what happens, and no p2p topic', async t => {
    // application ── inspect ──> its own page; its session ──> broker
    const { broker, bus, address } = await inspected(t, { name: 'watcher' })
    const before = await bus.subscribe('stix2/sighting')
    const { until } = await liveEvents(t, address)
    const found = await until(all => all.filter(({ type }) => type === '@xstate.actor').length >= 2)
    assert.match(found.find(record => record.type === 'trace')?.program ?? '', /^watcher with threatbus \d/)
    // What led there was kept before anybody looked.
    await until(all =>
      all.some(record => record.type === '@xstate.snapshot' && record.event.type.includes('requestSubscription')),
    )
    const indicators = await bus.subscribe('stix2/indicator')
    await bus.publish(indicator())
    await indicators[Symbol.asyncIterator]().next()
    const records = await until(all =>
      all.some(record => record.type === 'reading' && record.totals.delivered === 1 && record.totals.accepted === 1),
    )
    const charts = records.flatMap(record => (record.type === 'definition' ? [record.chart] : []))
    assert.deepEqual(charts, ['client', 'clientSession'])
    const actors = records.filter(record => record.type === '@xstate.actor')
    const [client] = actors
    const sessions = actors.filter(({ chart }) => chart === 'clientSession')
    assert.deepEqual(
      sessions.map(({ parent, about }) => [parent, about?.topics]),
      [
        [client?.actor, ['stix2/sighting']],
        [client?.actor, ['stix2/indicator']],
      ],
    )
    await until(all =>
      all.some(({ type, ...rest }) => type === '@xstate.snapshot' && JSON.stringify(rest).includes('requestHeartbeat')),
    )
    assert.doesNotMatch(JSON.stringify(records), /[a-z]{32}/)
    await before.close()
    await until(all => all.some(record => record.type === '@xstate.snapshot' && record.snapshot?.value === 'closed'))
    assert.equal(await broker.stop(), 0)
  })

  test('serves the page itself, to this machine alone', async t => {
    const { address } = await inspected(t, true)
    const url = new URL(address)
    assert.equal(url.hostname, '127.0.0.1')
    assert.match((await get(url, '/')).text, /<!doctype html>/i)
    assert.equal((await get(url, '/', { host: `evil.example:${url.port}` })).status, 403)
    assert.equal((await get(url, '/inspector/live', { origin: 'http://evil.example' })).status, 403)
  })

  test('needs its token if it has one', async t => {
    const { address } = await inspected(t, { token })
    const url = new URL(address)
    assert.equal((await get(url, '/')).status, 401)
    assert.equal((await get(url, '/', { authorization: `Bearer ${token}` })).status, 200)
  })

  test('is refused what would show it to others, or can not be meant', () => {
    for (const inspect of [{ host: '0.0.0.0' }, { port: 70_000 }, { token: 'short' }]) {
      assert.throws(() => connect({ inspect }), InvalidArgumentError)
    }
  })

  test('goes on without it if its port is taken, and says so', async t => {
    const other = createServer().listen(0, '127.0.0.1')
    t.after(() => other.close())
    await once(other, 'listening')
    const { port } = other.address() as { port: number }
    const { bus, events } = await inspected(t, { port })
    assert.equal(await bus.inspector, undefined)
    await bus.subscribe('stix2/indicator')
    const failed = events.find(({ event }) => event === 'inspector_failed')
    assert.match(failed && 'error' in failed ? `${failed.error}` : '', /EADDRINUSE/)
  })

  test('ends it when it closes, although somebody looks', async t => {
    const { bus, address } = await inspected(t, true)
    const { until } = await liveEvents(t, address)
    await until(all => all.some(({ type }) => type === '@xstate.actor'))
    await bus.close()
    await assert.rejects(fetch(address))
  })
})

describe('an application', { concurrency: true }, () => {
  const hook = 'export async function load(u, c, next) { process._rawDebug(u); return next(u, c) }'
  const register = `import { register } from 'node:module'; register('data:text/javascript,' + ${JSON.stringify(encodeURIComponent(hook))})`
  const index = new URL('../../src/index.js', import.meta.url).href

  for (const [inspect, loads] of [
    ['false', false],
    ['true', true],
  ] as const) {
    test(`with inspect: ${inspect} ${loads ? 'loads' : 'does not even load'} the inspector, which does not keep it alive`, async t => {
      const script = `
        ${register}
        const { connect } = await import(${JSON.stringify(index)})
        const bus = connect({ inspect: ${inspect} })
        await bus.inspector
      `
      const { code, stderr } = await startNode(t, '--input-type=module', '-e', script).ended
      assert.equal(code, 0)
      assert.equal(/\/src\/inspector\//.test(stderr), loads)
      assert.match(stderr, /\/src\/client\/connect\.js/)
    })
  }
})

// A real connector between a real broker and the stand-in for VAST, and what monitoring sees of it over HTTP.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { describe, test } from 'node:test'
import type { TraceRecord } from '../../src/inspector/trace/records.ts'
import { standInVast } from '../fixtures/stand-in-vast.ts'
import { liveEvents } from '../inspector/live-events.ts'
import { startBrokerHere } from '../system/broker-here.ts'
import { get, inspectorOf, scrape } from '../system/monitored.ts'
import { event, indicator, platform, removed } from './applications.ts'
import { isAttached, startConnector } from './connector-process.ts'

const watched = { inspector: { port: 0 } }
const address = '10.1.2.3'
const events = [event(1, { src_ip: address }), event(2, { src_ip: address })]
const about = () => indicator(`[ipv4-addr:value = '${address}']`)

describe('monitoring of the connector', { concurrency: true }, () => {
  test('metrics and status tell exactly what was matched, reported and left out, and no value of an indicator', async t => {
    // platform ── indicators ─▶ broker ─▶ connector ─▶ VAST (two stored events, one live) ─▶ sightings ─▶ platform
    const vast = standInVast(t, { events })
    const broker = await startBrokerHere(t)
    const { bus, until } = await platform(t, broker)
    const settings = { ...watched, live_match: true, matcher_name: 'm' }
    const connector = startConnector(t, broker, vast, settings)
    const url = await inspectorOf(connector)
    const [one, other] = [about(), indicator("[domain-name:value = 'evil.example']")]
    await bus.publish(one)
    await until(({ length }) => length >= 2)
    for (const message of [other, removed(other), indicator("[process:name = 'x']")]) await bus.publish(message)
    await connector.logged(({ reason }) => reason === 'unsupported_object')
    await vast.until(({ contentOf }) => contentOf('m').size === 1 && isAttached(vast, connector))
    vast.feed(event(3, { src_ip: address }))
    await until(({ length }) => length >= 3)
    const isSettled = async () => {
      const values = await scrape(url)
      const backlog = values.get('vast_threatbus_retro_match_backlog')
      const waiting = values.get('vast_threatbus_waiting_sightings')
      return backlog === 0 && waiting === 0 && values.get('vast_threatbus_live_iocs') === 1
    }
    while (!(await isSettled()));

    const values = await scrape(url)
    const expected = {
      vast_threatbus_running: 1,
      vast_threatbus_bus_subscribed: 1,
      vast_threatbus_vast_there: 1,
      vast_threatbus_live_matcher_attached: 1,
      vast_threatbus_indicators_total: 2,
      vast_threatbus_removals_total: 1,
      vast_threatbus_query_duration_seconds_count: 2,
      'vast_threatbus_matches_total{type="retro"}': 2,
      'vast_threatbus_matches_total{type="live"}': 1,
      vast_threatbus_sightings_total: 3,
      'vast_threatbus_losses_total{reason="unsupported_object"}': 1,
      'vast_threatbus_losses_total{reason="sink_failed"}': 0,
      vast_threatbus_waiting_sightings_bytes: 0,
      'vast_threatbus_vast_calls{state="waiting"}': 0,
      'vast_threatbus_limit_reached_total{limit="max_live_iocs"}': 0,
    }
    for (const [name, value] of Object.entries(expected)) assert.equal(values.get(name), value, name)
    assert.ok((values.get('nodejs_eventloop_lag_seconds') ?? -1) >= 0)

    const { text } = await get(url, '/status')
    const status = JSON.parse(text)
    assert.deepEqual(
      [status.state, status.ready, status.bus.state, status.vast.state, status.live_matcher],
      ['running', true, 'subscribed', 'there', { name: 'm', state: 'attached', iocs: 1 }],
    )
    assert.deepEqual(status.matches, { retro: 2, live: 1 })
    assert.deepEqual(status.losses, { unsupported_object: 1 })
    const everything = text + (await get(url, '/metrics')).text
    for (const secret of [address, 'evil.example', one.id]) assert.ok(!everything.includes(secret), secret)
  })

  test('every reason for a loss is there from the start, and without live matching nothing of the live matcher', async t => {
    const vast = standInVast(t)
    const connector = startConnector(t, await startBrokerHere(t), vast, watched)
    const values = await scrape(await inspectorOf(connector))
    const losses = [...values].filter(([name]) => name.startsWith('vast_threatbus_losses_total'))
    assert.ok(losses.length >= 25)
    assert.ok(losses.every(([, times]) => times === 0))
    assert.ok(!values.has('vast_threatbus_live_iocs') && !values.has('vast_threatbus_live_matcher_attached'))
    assert.equal([...values.keys()].filter(name => name.startsWith('vast_threatbus_build_info{version=')).length, 1)
  })

  test('it is ready once the bus has subscribed it and VAST answers, and says what is missing', async t => {
    const vast = standInVast(t)
    vast.goAway()
    const broker = await startBrokerHere(t)
    const connector = startConnector(t, broker, vast, watched)
    const url = await inspectorOf(connector)
    await connector.logged(({ msg }) => msg.startsWith('subscribed'))
    await connector.logged(({ msg }) => msg.startsWith('VAST does not answer'))
    assert.deepEqual(await get(url, '/readyz'), { status: 503, text: 'not ready: VAST does not answer\n' })
    assert.equal((await get(url, '/healthz')).status, 200)
    vast.comeBack()
    await connector.logged(({ msg }) => msg === 'VAST is there')
    assert.deepEqual(await get(url, '/readyz'), { status: 200, text: 'ready\n' })
    const values = await scrape(url)
    assert.equal(values.get('vast_threatbus_vast_there'), 1)
  })

  test('a bus that is not there is told', async t => {
    const vast = standInVast(t)
    const former = await startBrokerHere(t)
    await former.stop()
    const connector = startConnector(t, former, vast, watched)
    const url = await inspectorOf(connector)
    await connector.logged(({ msg }) => msg === 'VAST is there')
    const { status, text } = await get(url, '/readyz')
    assert.deepEqual([status, text], [503, 'not ready: the bus has not granted the subscription yet\n'])
  })

  test('strangers are refused, and the token is never told', async t => {
    const token = 'a-token-of-many-characters'
    const vast = standInVast(t)
    const connector = startConnector(t, await startBrokerHere(t), vast, { inspector: { port: 0, token } })
    const url = await inspectorOf(connector)
    assert.equal((await get(url, '/metrics', { authorization: `Bearer ${token}` })).status, 200)
    assert.equal((await get(url, '/metrics')).status, 401)
    assert.equal((await get(url, '/metrics', { host: `evil.example:${url.port}` })).status, 403)
    const { reason } = await connector.logged(({ msg }) => msg.startsWith('an HTTP request was refused'))
    assert.equal(reason, 'unauthorized')
    assert.equal(await connector.stop(), 0)
    assert.ok(!JSON.stringify(connector.log).includes(token))
  })

  test('a port that is taken, by another connector or whoever, costs the inspector and nothing else', async t => {
    const other = createServer().listen(0, '127.0.0.1')
    t.after(() => other.close())
    await once(other, 'listening')
    const { port } = other.address() as { port: number }
    const vast = standInVast(t, { events })
    const broker = await startBrokerHere(t)
    const { bus, until } = await platform(t, broker)
    const connector = startConnector(t, broker, vast, { inspector: { port } })
    const { level, msg } = await connector.logged(line => line.msg.startsWith("the inspector can't listen"))
    assert.equal(level, 'WARNING')
    assert.match(msg, /another process listens there .*the connector goes on without metrics, health and page/)
    await bus.publish(about())
    await until(({ length }) => length >= 2)
    assert.equal(await connector.stop(), 0)
  })
})

test('the inspector shows the actors of the connector: its own, the live matcher, and the session at the bus', async t => {
  const vast = standInVast(t)
  const broker = await startBrokerHere(t)
  const settings = { ...watched, live_match: true, matcher_name: 'm' }
  const connector = startConnector(t, broker, vast, settings)
  const url = await inspectorOf(connector)
  await connector.logged(({ msg }) => msg.startsWith('subscribed'))
  assert.match((await get(url, '/')).text, /<!doctype html>/i)
  const { until } = await liveEvents(t, url.href)
  const records = await until(all => all.filter(({ type }) => type === '@xstate.actor').length >= 4)
  const actors = records.filter(record => record.type === '@xstate.actor')
  assert.deepEqual(
    actors.map(({ chart }) => chart),
    ['connector', 'liveMatcher', 'client', 'clientSession'],
  )
  const [root, matcher, client, session] = actors
  // What led there was kept before anybody looked.
  const isOfSession = (record: TraceRecord) => record.type === '@xstate.snapshot' && record.actor === session?.actor
  const first = (await until(all => all.some(isOfSession))).find(isOfSession)
  assert.equal(first?.type === '@xstate.snapshot' && first.event.type, 'xstate.init')
  assert.deepEqual([matcher?.parent, client?.parent, session?.parent], [root?.actor, root?.actor, client?.actor])
  assert.equal(new Set(actors.map(({ actor }) => actor)).size, 4)
  assert.equal(await connector.stop(), 0)
  const steps = records.filter(record => record.type === '@xstate.snapshot')
  const came = (chart: string) =>
    steps.findLast(({ actor }) => actor === actors.find(each => each.chart === chart)?.actor)
  assert.equal(came('client')?.snapshot?.value, 'closed')
})

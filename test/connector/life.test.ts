// The connector between a bus and a VAST that come and go, or do what they should not.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { standInVast } from '../fixtures/stand-in-vast.ts'
import { startBrokerHere } from '../system/broker-here.ts'
import { startBroker } from '../system/broker-process.ts'
import { StandInBus } from '../system/stand-in-bus.ts'
import { event, indicator, platform } from './applications.ts'
import { isAttached, startConnector } from './connector-process.ts'

const address = '10.1.2.3'
const events = [event(1, { src_ip: address })]
const about = () => indicator(`[ipv4-addr:value = '${address}']`)

describe('while VAST is away', () => {
  test('indicators wait, and are matched when it comes', async t => {
    const vast = standInVast(t, { events })
    vast.goAway()
    const broker = await startBrokerHere(t)
    const { bus, until } = await platform(t, broker)
    const connector = startConnector(t, broker, vast)
    await connector.logged(({ msg }) => msg.startsWith('VAST does not answer'))
    await bus.publish(about())
    await connector.logged(({ msg }) => msg.startsWith('subscribed'))
    vast.comeBack()
    await until(({ length }) => length >= 1)
    assert.equal(vast.callsOf('export').length, 1)
  })

  test('a query that it broke off is made again', async t => {
    const vast = standInVast(t, { events })
    vast.order('hang', 'export')
    const broker = await startBrokerHere(t)
    const { bus, until } = await platform(t, broker)
    const connector = startConnector(t, broker, vast)
    await bus.publish(about())
    await vast.until(({ callsOf }) => callsOf('export').length === 1)
    vast.goAway()
    await connector.logged(({ msg }) => msg.startsWith('VAST does not answer'))
    vast.comeBack()
    await until(({ length }) => length >= 1)
  })

  test('the live matcher is attached again, and looks for everything again', async t => {
    const vast = standInVast(t)
    const broker = await startBrokerHere(t)
    const { bus, until } = await platform(t, broker)
    const connector = startConnector(t, broker, vast, { live_match: true, matcher_name: 'm', retro_match: false })
    const one = about()
    await bus.publish(one)
    await vast.until(({ contentOf }) => contentOf('m').size === 1)
    vast.goAway()
    await connector.logged(({ msg }) => msg.startsWith('the live matcher ended'))
    vast.comeBack()
    await vast.until(
      ({ contentOf }) => contentOf('m').get(address) === `threatbus__${one.id}` && isAttached(vast, connector),
    )
    vast.feed(...events)
    const [sighting] = await until(({ length }) => length >= 1)
    assert.equal(sighting?.sighting_of_ref, one.id)
    assert.equal(vast.greatest('matcher attach'), 1)
  })
})

test('a value that VAST calls a syntax error is told once, and the live matcher goes on without', async t => {
  const vast = standInVast(t)
  vast.order('refuse', 'matcher add')
  const broker = await startBrokerHere(t)
  const { bus, until } = await platform(t, broker)
  const connector = startConnector(t, broker, vast, { live_match: true, matcher_name: 'm', retro_match: false })
  await bus.publish(indicator("[domain-name:value = 'refused.test']"))
  const line = await connector.logged(({ reason }) => reason === 'ioc_syntax_error')
  assert.equal(line.value, 'refused.test')
  vast.order('serve')
  await bus.publish(about())
  await vast.until(({ contentOf }) => contentOf('m').size === 1 && isAttached(vast, connector))
  vast.feed(...events)
  await until(({ length }) => length >= 1)
  assert.equal(await connector.stop(), 0)
  assert.deepEqual(connector.log.at(-1)?.left_out, { ioc_syntax_error: 1 })
  assert.deepEqual([vast.callsOf('matcher add').length, vast.callsOf('status').length], [2, 1])
})

describe('a query', () => {
  test('that takes too long is ended, and the others go on', async t => {
    const vast = standInVast(t, { events })
    vast.order('stubborn', 'export')
    const broker = await startBrokerHere(t)
    const { bus, until } = await platform(t, broker)
    const settings = { retro_match_timeout: 1, kill_grace: 0.1, max_background_tasks: 1 }
    const connector = startConnector(t, broker, vast, settings)
    const stuck = about()
    await bus.publish(stuck)
    const line = await connector.logged(({ reason }) => reason === 'query_timed_out')
    assert.equal(line.indicator, stuck.id)
    assert.match(line.msg, /was killed after 1 s \(retro_match_timeout\)/)
    vast.order('serve')
    const other = about()
    await bus.publish(other)
    const [sighting] = await until(({ length }) => length >= 1)
    assert.equal(sighting?.sighting_of_ref, other.id)
  })

  test('that crashes again and again while VAST is there is given up, and the log says why', async t => {
    const vast = standInVast(t, { events })
    vast.order('crash', 'export')
    const broker = await startBrokerHere(t)
    const { bus } = await platform(t, broker)
    const connector = startConnector(t, broker, vast, { retro_match_attempts: 3 })
    await bus.publish(about())
    await connector.logged(({ reason }) => reason === 'query_failed')
    assert.equal(vast.callsOf('export').length, 3)
  })

  test('that VAST calls a syntax error is told once, with the query, and given up; the others go on', async t => {
    const vast = standInVast(t, { events })
    vast.order('refuse', 'export')
    const broker = await startBrokerHere(t)
    const { bus, until } = await platform(t, broker)
    const connector = startConnector(t, broker, vast)
    // So long that standard error has more than is kept of it.
    const hosts = Array.from({ length: 1000 }, (_, n) => `host-${n}.test`)
    const refused = indicator(`[domain-name:value IN (${hosts.map(host => `'${host}'`).join()})]`)
    await bus.publish(refused)
    const line = await connector.logged(({ reason }) => reason === 'query_syntax_error')
    assert.equal(line.indicator, refused.id)
    assert.equal(line.query, hosts.map(host => `"${host}" == net.domain || "${host}" == net.hostname`).join(' || '))
    assert.match(
      `${line.stderr}`,
      /^!! syntax_error: invalid query: "host-0\.test".* "host-999\.test" == net\.hostname$/s,
    )
    vast.order('serve')
    await bus.publish(about())
    await until(({ length }) => length >= 1)
    assert.equal(await connector.stop(), 0)
    assert.deepEqual(connector.log.at(-1)?.left_out, { query_syntax_error: 1 })
    assert.deepEqual([vast.callsOf('export').length, vast.callsOf('status').length], [2, 1])
  })

  test('that prints garbage is read as far as it can be', async t => {
    const vast = standInVast(t, { events })
    vast.order('garbage', 'export')
    const broker = await startBrokerHere(t)
    const { bus } = await platform(t, broker)
    const connector = startConnector(t, broker, vast, { max_line_bytes: 1024 })
    await bus.publish(about())
    await connector.logged(({ reason }) => reason === 'unreadable_event')
    assert.equal(await connector.stop(), 0)
    assert.equal(connector.log.at(-1)?.retro_matched, 1)
  })

  test('says --low-priority if VAST knows it, and --max-events if that is wanted', async t => {
    for (const lowPriority of [true, false]) {
      const vast = standInVast(t, { events, lowPriority })
      const broker = await startBrokerHere(t)
      const { bus, until } = await platform(t, broker)
      startConnector(t, broker, vast, { retro_match_max_events: lowPriority ? 7 : 0 })
      await bus.publish(about())
      await until(({ length }) => length >= 1)
      const args = vast.callsOf('export')[0]?.args ?? []
      assert.equal(args.includes('--low-priority'), lowPriority)
      assert.equal(args.includes('--max-events=7'), lowPriority)
      assert.deepEqual(args.slice(0, 4), ['-e', 'localhost:42000', 'export', '--caf.scheduler.max-threads=1'])
    }
  })
})

describe('while queries hang', () => {
  test('no more indicators are taken than may wait, and none is lost', async t => {
    const vast = standInVast(t, { events })
    vast.order('hang', 'export')
    const broker = await startBrokerHere(t)
    const { bus, until } = await platform(t, broker)
    const connector = startConnector(t, broker, vast, { max_background_tasks: 2, max_waiting_indicators: 5 })
    const indicators = Array.from({ length: 20 }, about)
    await Promise.all(indicators.map(each => bus.publish(each)))
    await vast.until(({ callsOf }) => callsOf('export').length === 2)
    vast.order('serve')
    const sightings = await until(({ length }) => length >= indicators.length)
    assert.deepEqual(
      new Set(sightings.map(sighting => sighting.sighting_of_ref)),
      new Set(indicators.map(({ id }) => id)),
    )
    assert.ok(vast.greatest('export') <= 2)
    assert.equal(await connector.stop(), 0)
  })
})

describe('a bus', () => {
  test('that is not there yet is waited for', async t => {
    const vast = standInVast(t, { events })
    const former = await startBroker(t)
    assert.equal(await former.stop(), 0)
    const connector = startConnector(t, former, vast)
    await connector.logged(({ msg }) => msg.startsWith('the bus grants no subscription'))
    const broker = await startBroker(t, {}, former)
    const { bus, until } = await platform(t, broker)
    await bus.publish(about())
    await until(({ length }) => length >= 1)
  })

  test('that is away gets its sightings when it is back; queries go on meanwhile', async t => {
    const vast = standInVast(t, { events })
    vast.order('hang', 'export')
    const former = await startBroker(t)
    const first = await platform(t, former)
    startConnector(t, former, vast)
    await first.bus.publish(about())
    await vast.until(({ callsOf }) => callsOf('export').length === 1)
    await former.stop('SIGKILL')
    vast.order('serve')
    await vast.until(({ calls }) => calls.some(({ what, verb }) => what === 'ended' && verb === 'export'))
    await startBroker(t, {}, former)
    await first.until(({ length }) => length >= 1)
  })
})

test('a bus that gives no receipts is told, and gets its sightings nevertheless', async t => {
  const vast = standInVast(t, { events })
  const bus = await StandInBus.start()
  t.after(() => bus.stop())
  const connector = startConnector(t, bus.ports, vast)
  await bus.until(() => bus.topics.length > 0)
  const one = about()
  await bus.deliver(bus.topics[0] ?? '', 'indicator', JSON.stringify(one))
  const line = await connector.logged(({ msg }) => msg.startsWith('the bus gives no receipts'))
  assert.deepEqual([line.level, line.reason], ['WARNING', 'unknown_request'])
  await bus.until(() => bus.received.some(frame => frame.includes(one.id)))
  assert.equal(await connector.stop(), 0)
})

test('metrics are InfluxDB lines of what changed', async t => {
  const vast = standInVast(t, { events })
  const broker = await startBrokerHere(t)
  const { bus, until } = await platform(t, broker)
  const connector = startConnector(t, broker, vast, { metrics: { interval: 60, filename: 'numbers.log' } })
  await bus.publish(about())
  await until(({ length }) => length >= 1)
  assert.equal(await connector.stop(), 0)
  const text = readFileSync(join(connector.directory, 'numbers.log'), 'utf8')
  assert.match(
    text,
    /^vast-threatbus,host=[^ ,=]+ added_iocs=1,retro_match_backlog=0,retro_matches_per_ioc_min=1,retro_matches_per_ioc_max=1,retro_matches_per_ioc_avg=1,retro_query_time_per_ioc_min=[\d.]+,retro_query_time_per_ioc_max=[\d.]+,retro_query_time_per_ioc_avg=[\d.]+ \d{19}\n$/,
  )
})

test('noisy indicators are summed up, and what is summed up goes at the end', async t => {
  const many = Array.from({ length: 10 }, (_, at) => event(at, { src_ip: address }))
  const vast = standInVast(t, { events: many })
  const broker = await startBrokerHere(t)
  const { bus, until } = await platform(t, broker)
  const connector = startConnector(t, broker, vast, { max_sightings_per_minute: 3 })
  await bus.publish(about())
  await until(({ length }) => length >= 3)
  await vast.until(({ calls }) => calls.some(({ what, verb }) => what === 'ended' && verb === 'export'))
  assert.equal(await connector.stop(), 0)
  const sightings = await until(({ length }) => length >= 4)
  const sum = sightings[3]
  assert.deepEqual(
    [sum?.count, sum?.first_seen, sum?.last_seen],
    [7, '2017-03-24T00:00:03.000Z', '2017-03-24T00:00:09.000Z'],
  )
})

test('what can not be matched is left out, told and counted by its reason', async t => {
  const vast = standInVast(t, { events: [...events, { src_ip: '10.9.9.9' }] })
  const broker = await startBrokerHere(t)
  const { bus, until } = await platform(t, broker)
  const connector = startConnector(t, broker, vast)
  for (const pattern of [
    "[process:name = 'x']",
    "[process:name = 'y']",
    "[ipv4-addr:value = '10.1.2.3' AND url:value = 'x']",
    "[ipv4-addr:value = '10.1.2.3 || 1 == 1']",
    // In part: an address is asked for, two names are not.
    "[file:name = 'x' OR ipv4-addr:value = '10.9.9.9' OR file:name = 'y']",
  ]) {
    await bus.publish(indicator(pattern))
  }
  await bus.publish(about())
  const sightings = await until(({ length }) => length >= 2)
  assert.equal(sightings.filter(sighting => !('last_seen' in sighting)).length, 1)
  assert.equal(await connector.stop(), 0)
  assert.deepEqual(connector.log.at(-1)?.left_out, {
    no_time: 1,
    unsupported_object: 4,
    not_a_point: 1,
    not_an_address: 1,
  })
  assert.deepEqual(
    vast
      .callsOf('export')
      .map(({ args }) => args.at(-1))
      .sort(),
    ['10.1.2.3', '10.9.9.9'],
  )
})

test('a configuration with mistakes is told, and ends it with 78', async t => {
  const broker = { manage: 1 }
  const connector = startConnector(t, broker, { binary: 'vast' }, { live_match: true, sink: '"' })
  let stderr = ''
  connector.process.stderr?.on('data', text => {
    stderr += text
  })
  await once(connector.process, 'close')
  assert.equal(await connector.ended, 78)
  assert.match(stderr, /config\.yaml:\d+:\d+ matcher_name/)
  assert.match(stderr, /: live_match needs the name of a matcher, and there is none/)
  assert.match(stderr, /sink: has a " /)
  assert.deepEqual(readdirSync(connector.directory), ['config.yaml'])
})

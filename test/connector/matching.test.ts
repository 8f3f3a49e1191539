// A platform publishes indicators → the broker → the connector asks VAST, and publishes sightings → the platform.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { standInVast } from '../fixtures/stand-in-vast.ts'
import { startBrokerHere } from '../system/broker-here.ts'
import { event, indicator, platform, removed } from './applications.ts'
import { isAttached, startConnector } from './connector-process.ts'

const events = [
  event(1, { src_ip: '10.10.8.168', dest_ip: '10.0.0.1' }),
  event(2, { src_ip: '10.10.8.168', http: { hostname: 'a.test', url: '/x' } }),
  event(3, { src_ip: '84.92.227.177', dns: { rrname: 'b.test' } }),
]

test('an indicator is matched against stored events, and each match is a sighting with the event and the indicator', async t => {
  const vast = standInVast(t, { events })
  const broker = await startBrokerHere(t)
  const { bus, until } = await platform(t, broker)
  startConnector(t, broker, vast)
  const address = indicator("[ipv4-addr:value = '10.10.8.168']")
  await bus.publish(address)
  const sightings = await until(({ length }) => length >= 2)
  assert.deepEqual(
    sightings.map(sighting => sighting.x_threatbus_sighting_context),
    events.slice(0, 2),
  )
  for (const sighting of sightings) {
    assert.equal(sighting.sighting_of_ref, address.id)
    assert.deepEqual(sighting.x_threatbus_indicator, address)
    assert.equal(sighting.x_threatbus_match_type, 'RETRO')
  }
  assert.equal(sightings[0]?.last_seen, '2017-03-24T00:00:01.000Z')
})

test('an indicator is matched against live events until it is removed', async t => {
  const vast = standInVast(t)
  const broker = await startBrokerHere(t)
  const { bus, until, sightings } = await platform(t, broker)
  const connector = startConnector(t, broker, vast, { live_match: true, matcher_name: 'm', retro_match: false })
  const [a, b] = [indicator("[domain-name:value = 'a.test']"), indicator("[domain-name:value = 'b.test']")]
  await bus.publish(a)
  await bus.publish(b)
  await vast.until(({ contentOf }) => contentOf('m').size === 2 && isAttached(vast, connector))
  vast.feed(...events)
  await until(({ length }) => length >= 2)
  assert.deepEqual(
    sightings.map(sighting => [sighting.sighting_of_ref, sighting.x_threatbus_indicator_value]),
    [
      [a.id, 'a.test'],
      [b.id, 'b.test'],
    ],
  )
  await bus.publish(removed(a))
  await vast.until(({ contentOf }) => !contentOf('m').has('a.test'))
  vast.feed(...events)
  await until(({ length }) => length >= 3)
  assert.deepEqual(
    sightings.slice(2).map(sighting => sighting.sighting_of_ref),
    [b.id],
  )
})

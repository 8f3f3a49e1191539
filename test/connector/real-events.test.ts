// A platform publishes what real logs hold → the broker → the connector asks VAST for it → the platform hears of each.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Indicator } from '../../src/index.ts'
import { standInVast } from '../fixtures/stand-in-vast.ts'
import { startBrokerHere } from '../system/broker-here.ts'
import { indicator, platform, removed, type Sighting } from './applications.ts'
import { isAttached, startConnector } from './connector-process.ts'

interface Event {
  readonly timestamp: string
  readonly src_ip: string
  readonly dest_ip: string
  readonly http?: { readonly hostname?: string }
  readonly tls?: { readonly sni?: string }
  readonly dns?: { readonly rrname?: string }
}

const fixture = (name: string) => fileURLToPath(new URL(`../../../test/fixtures/${name}`, import.meta.url))
const linesOf = (file: string): string[] => readFileSync(file, 'utf8').trimEnd().split('\n')
const log = fixture('wrccdc-2017-alerts.ndjson')
const events: readonly Event[] = linesOf(log).map(line => JSON.parse(line))

const addresses = ['84.92.227.177', '10.47.1.2', '178.62.196.187', '10.10.8.168', '192.187.122.131', '173.194.203.125']
const hosts = ['q.xfil.pw', 'www.r57c99.com', 'www.whatismyip.com', 'download.microsoft.com']

function holds({ src_ip, dest_ip, http, tls, dns }: Event, value: string): boolean {
  return [src_ip, dest_ip, http?.hostname, tls?.sni, dns?.rrname].includes(value)
}

/** Sightings as this test compares them: what of, and where. */
function sighted(sightings: readonly Sighting[], type: 'RETRO' | 'LIVE'): string[] {
  return sightings
    .filter(({ x_threatbus_match_type }) => x_threatbus_match_type === type)
    .map(sighting => JSON.stringify([sighting.sighting_of_ref, sighting.x_threatbus_sighting_context]))
    .sort()
}

test('ten addresses and host names of a real log give exactly its events, stored and live, until one is removed', async t => {
  const vast = standInVast(t, { events: log })
  const broker = await startBrokerHere(t)
  const { bus, until, sightings } = await platform(t, broker)
  const settings = { live_match: true, matcher_name: 'm', max_background_tasks: 4 }
  const connector = startConnector(t, broker, vast, settings)
  const indicators = new Map<string, Indicator>([
    ...addresses.map(value => [value, indicator(`[ipv4-addr:value='${value}']`)] as const),
    ...hosts.map(value => [value, indicator(`[domain-name:value='${value}']`)] as const),
  ])
  const expected = (but?: string): string[] =>
    [...indicators]
      .filter(([value]) => value !== but)
      .flatMap(([value, { id }]) =>
        events.filter(event => holds(event, value)).map(event => JSON.stringify([id, event])),
      )
      .sort()
  assert.ok(expected().length > 30)

  await Promise.all([...indicators.values()].map(each => bus.publish(each)))
  await until(({ length }) => length >= expected().length)
  assert.deepEqual(sighted(sightings, 'RETRO'), expected())

  await vast.until(({ contentOf }) => contentOf('m').size === indicators.size && isAttached(vast, connector))
  vast.feed(...events)
  await until(all => sighted(all, 'LIVE').length >= expected().length)
  assert.deepEqual(sighted(sightings, 'LIVE'), expected())

  const [gone = ''] = hosts
  await bus.publish(removed(indicators.get(gone) ?? assert.fail()))
  await vast.until(({ contentOf }) => !contentOf('m').has(gone))
  const before = sighted(sightings, 'LIVE').length
  vast.feed(...events)
  await until(all => sighted(all, 'LIVE').length >= before + expected(gone).length)
  assert.deepEqual(sighted(sightings, 'LIVE'), [...expected(), ...expected(gone)].sort())
  assert.deepEqual(sighted(sightings, 'RETRO'), expected())
})

test('a flood of indicators is queried completely, and never by more processes than are allowed', async t => {
  const atOnce = 4
  const vast = standInVast(t, { events: log })
  const broker = await startBrokerHere(t)
  const { bus } = await platform(t, broker)
  const connector = startConnector(t, broker, vast, {
    max_background_tasks: atOnce,
    // Far less than there are: the bus keeps the rest.
    max_waiting_indicators: 10,
  })
  const indicators: Indicator[] = linesOf(fixture('pegasus.ndjson')).map(line => JSON.parse(line))
  await Promise.all(indicators.map(each => bus.publish(each)))
  const wanted = indicators.filter(({ pattern }) => /^\[(domain-name|email-addr):value=/.test(pattern))
  const queried = () => vast.callsOf('export').map(({ args }) => args.at(-1) ?? '')
  await vast.until(() => queried().length >= wanted.length)
  for (const { pattern } of wanted) {
    const [, value] = /'(.+)'/.exec(pattern) ?? assert.fail()
    assert.ok(
      queried().some(query => query.includes(`"${value}"`)),
      value,
    )
  }
  assert.ok(vast.greatest('export') <= atOnce)
  assert.equal(await connector.stop(), 0)
  assert.equal(connector.log.at(-1)?.retro_matched, queried().length)
  assert.equal(connector.log.at(-1)?.unmatched, 0)
})

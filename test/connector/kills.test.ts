// A platform → the broker → the connector → VAST, and back; and something that kills each of them in turn.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import type { Indicator } from '../../src/index.ts'
import { standInVast } from '../fixtures/stand-in-vast.ts'
import { startBroker } from '../system/broker-process.ts'
import { event, indicator, platform, removed, type Sighting } from './applications.ts'
import { isAttached, startConnector } from './connector-process.ts'

type Victim = 'vast' | 'broker' | 'connector'

const settings = { max_background_tasks: 4, live_match: true, matcher_name: 'm', shutdown_timeout: 2 }

/** What was sighted in which event. */
function found(sighting: Sighting): string {
  const { timestamp } = sighting.x_threatbus_sighting_context as { timestamp: string }
  return `${sighting.sighting_of_ref} in ${timestamp}`
}

test('whatever is killed, in whatever order, everything is sighted in the end, and nothing else', async t => {
  let duplicates = 0
  const victims: readonly Victim[] = ['vast', 'broker', 'connector']
  const property = fc.asyncProperty(fc.shuffledSubarray([...victims], { minLength: victims.length }), async order => {
    const cleanUp: (() => unknown)[] = []
    const scope = { after: (hook: () => unknown) => cleanUp.push(hook) } as unknown as typeof t
    try {
      duplicates += await killing(scope, order)
    } finally {
      for (const hook of cleanUp.reverse()) await hook()
    }
  })
  await fc.assert(property, { numRuns: 1, endOnFailure: true })
  t.diagnostic(`${duplicates} sightings came twice`)
})

/** Publishes and feeds while one after the other is killed. Answers how many sightings came twice. */
async function killing(t: { after(hook: () => unknown): void }, order: readonly Victim[]): Promise<number> {
  const addresses = Array.from({ length: 12 }, (_, at) => `10.1.0.${at + 1}`)
  const stored = addresses.flatMap((src_ip, at) => [event(2 * at, { src_ip }), event(2 * at + 1, { src_ip })])
  const vast = standInVast(t, { events: stored })
  let broker = await startBroker(t)
  const { bus, until, sightings } = await platform(t, broker)
  let connector = startConnector(t, broker, vast, settings)
  const wanted = new Map<string, Indicator>()
  const expected = new Set<string>()

  const publish = async (src_ip: string) => {
    const one = indicator(`[ipv4-addr:value = '${src_ip}']`)
    await bus.publish(one)
    wanted.set(src_ip, one)
    for (const each of stored) if (each.src_ip === src_ip) expected.add(`${one.id} in ${each.timestamp}`)
  }
  const kill = {
    vast: async () => {
      vast.goAway()
      await sleep(100)
      vast.comeBack()
    },
    broker: async () => {
      await broker.stop('SIGKILL')
      broker = await startBroker(t, {}, broker)
    },
    connector: async () => {
      await connector.stop('SIGKILL')
      connector = startConnector(t, broker, vast, settings, connector)
    },
  }

  const portion = Math.ceil(addresses.length / order.length)
  for (const [turn, victim] of order.entries()) {
    const before = sightings.length
    const load = addresses.slice(turn * portion, (turn + 1) * portion).map(publish)
    await Promise.all([...load, until(({ length }) => length > before).then(kill[victim])])
  }
  await until(all => {
    const seen = new Set(all.map(found))
    return [...expected].every(each => seen.has(each))
  })
  // The live matcher knows everything again, whatever it was.
  await vast.until(({ contentOf }) => contentOf('m').size === addresses.length && isAttached(vast, connector))
  const [gone = ''] = addresses
  await bus.publish(removed(wanted.get(gone) ?? assert.fail()))
  await vast.until(({ contentOf }) => !contentOf('m').has(gone))
  const live = addresses.map((src_ip, at) => event(1000 + at, { src_ip }))
  vast.feed(...live)
  for (const each of live.slice(1)) expected.add(`${wanted.get(each.src_ip as string)?.id} in ${each.timestamp}`)
  await until(all => {
    const seen = new Set(all.map(found))
    return [...expected].every(each => seen.has(each))
  })
  const seen = sightings.map(found)
  assert.deepEqual(
    seen.filter(each => !expected.has(each)),
    [],
  )
  assert.equal(await connector.stop(), 0)
  return seen.length - new Set(seen).size
}

// VAST prints events with numbers that no double holds → the connector → sightings on the bus, or contexts in a sink.
import assert from 'node:assert/strict'
import { readFileSync, watch } from 'node:fs'
import { describe, type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { connect } from '../../src/index.ts'
import { memberText } from '../../src/protocol/json-scanner.ts'
import { standInVast } from '../fixtures/stand-in-vast.ts'
import { startBrokerHere } from '../system/broker-here.ts'
import { temporaryFile } from '../system/command-process.ts'
import { indicator } from './applications.ts'
import { isAttached, startConnector } from './connector-process.ts'
import { anyObject } from './exact-numbers.ts'

/** Breaks JSON over many lines, as programs print it for people. */
const overManyLines = `sed 's/,/ ,\\n\\t/g; s/[{]/{\\r\\n/g'`

/** A list that grows, and who waits for that. */
class Growing {
  readonly items: string[] = []
  readonly #looks = new Set<() => void>()

  add(...items: readonly string[]): void {
    this.items.push(...items)
    for (const look of [...this.#looks]) look()
  }

  /** Fulfilled once there are so many. */
  until(count: number): Promise<readonly string[]> {
    return new Promise(resolve => {
      const look = () => {
        if (this.items.length < count) return
        this.#looks.delete(look)
        resolve(this.items)
      }
      this.#looks.add(look)
      look()
    })
  }
}

/** A connector with settings, between a broker and a VAST. `sightings` are their texts, as they came. */
async function setUp(t: TestContext, settings: Readonly<Record<string, unknown>>) {
  const vast = standInVast(t)
  const broker = await startBrokerHere(t)
  const bus = connect({ endpoint: `127.0.0.1:${broker.manage}`, closeTimeoutMs: 100 })
  t.after(() => bus.close())
  const sightings = new Growing()
  const subscription = await bus.subscribe('stix2/sighting')
  const read = async () => {
    for await (const { text } of subscription) sightings.add(text)
  }
  read().catch(() => {})
  const connector = startConnector(t, broker, vast, { live_match: true, matcher_name: 'm', ...settings })
  let addresses = 0
  /** Has VAST find an event with such members, stored and live. Gives both events, and the indicator that they match. */
  const find = async (members: string) => {
    const address = `10.0.${++addresses >> 8}.${addresses & 255}`
    const event = (which: string) =>
      `{"timestamp":"2017-03-24T00:00:00Z","which":"${which}","src_ip":"${address}","found":${members}}`
    const text = JSON.stringify({ ...indicator(`[ipv4-addr:value='${address}']`), x_known: 'KNOWN' })
    const published = text.replace('"KNOWN"', members)
    vast.store(event('stored'))
    await bus.publish(published)
    await vast.until(({ contentOf }) => contentOf('m').has(address) && isAttached(vast, connector))
    vast.feed(event('live'))
    return { events: [event('live'), event('stored')], published }
  }
  return { connector, sightings, find }
}

/** Many in one event: with fewer, VAST's processes would be most of the work. */
const anyList = fc.array(anyObject, { minLength: 4, maxLength: 8 }).map(list => `[${list.join()}]`)

/** Runs of the property: each asks VAST with processes of its own. */
const numRuns = 3

describe('what VAST prints keeps every digit', { concurrency: 2 }, () => {
  for (const [how, settings] of [
    ['as it is', {}],
    ['through a transformation', { transform_context: overManyLines }],
  ] as const) {
    test(`on its way to the bus, ${how}, and so does the indicator that it matches`, async t => {
      const { sightings, find } = await setUp(t, settings)
      await fc.assert(
        fc.asyncProperty(anyList, async members => {
          const before = sightings.items.length
          const { events, published } = await find(members)
          const came = (await sightings.until(before + 2)).slice(before)
          const contexts = came.map(text => memberText(text, 'x_threatbus_sighting_context'))
          assert.deepEqual(contexts.sort(), events)
          const indicators = came.flatMap(text => memberText(text, 'x_threatbus_indicator') ?? [])
          assert.deepEqual(indicators, [published])
        }),
        { numRuns },
      )
    })

    test(`on its way to standard output, ${how}, one a line`, async t => {
      const { connector, find } = await setUp(t, { sink: 'STDOUT', ...settings })
      await fc.assert(
        fc.asyncProperty(anyList, async members => {
          const before = connector.lines.length
          const { events } = await find(members)
          const lines = await connector.printed(before + 2)
          assert.deepEqual(lines.slice(before).toSorted(), events)
        }),
        { numRuns },
      )
    })

    test(`on its way to a command, ${how}, one a line`, async t => {
      const file = temporaryFile(t, 'contexts', '')
      const { find } = await setUp(t, { sink: `tee -a '${file}'`, ...settings })
      const contexts = new Growing()
      const read = () => {
        const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1)
        contexts.add(...lines.slice(contexts.items.length))
      }
      const watcher = watch(file, read)
      const holds = fc.asyncProperty(anyList, async members => {
        const before = contexts.items.length
        const { events } = await find(members)
        const lines = await contexts.until(before + 2)
        assert.deepEqual(lines.slice(before).toSorted(), events)
      })
      await fc.assert(holds, { numRuns }).finally(() => watcher.close())
    })
  }
})

// The table of bounds (config/README.md) against the configuration and a broker's metrics.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { pathsOf } from '../../src/config/outline.ts'
import { configSchema } from '../../src/config/schema.ts'
import { breakReasons } from '../../src/sockets/zmtp/break-reason.ts'
import { startBrokerHere } from '../system/broker-here.ts'
import { get, inspectorOf } from '../system/monitored.ts'
import { defaults } from './config-loading.ts'

interface Row {
  readonly keys: readonly string[]
  readonly defaults: readonly string[]
  readonly metric: string
}

const page = readFileSync(new URL('../../../config/README.md', import.meta.url), 'utf8')
const text = page.slice(page.indexOf('\n## What is bounded\n'))
const rows: readonly Row[] = text
  .split('\n')
  .filter(line => line.startsWith('| ') && !line.startsWith('| what |') && !line.startsWith('| --- |'))
  .map(line => {
    const [, keys = '', defaults = '', , metric = ''] = line.slice(2, -2).split(' | ')
    return { keys: keys.split(/[;,] /), defaults: defaults.split(/[;,] (?=\d)/), metric }
  })

/** What a key cell names, and not what is derived of it. */
const keyIn = (part: string) => /^`([a-z_.]+)`$/.exec(part)?.[1]

const configured = (key: string) =>
  key.split('.').reduce<unknown>((section, name) => (section as Record<string, unknown>)[name], defaults)

const units: Readonly<Record<string, number>> = {
  ...{ KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 },
  ...{ ms: 0.001, s: 1, min: 60, h: 3600, day: 86_400 },
}

function quantityIn(text: string): number {
  const [, number = '', unit = ''] = /^(\d[\d,]*)(?: (\w+))?/.exec(text) ?? []
  return Number(number.replaceAll(',', '')) * (units[unit] ?? 1)
}

/** What limits nothing. */
const noBounds = /\.(manage|pub|sub|port)$/

test('the table of bounds has every number of the configuration, and its default', () => {
  const known = new Set(pathsOf(configSchema).map(path => path.join('.')))
  const told = new Set<string>()
  for (const row of rows) {
    for (const [index, part] of row.keys.entries()) {
      const key = keyIn(part)
      if (key === undefined) continue
      assert.ok(known.has(key), `${key} is no key`)
      told.add(key)
      const value = configured(key)
      if (value !== undefined) assert.equal(quantityIn(row.defaults[index] ?? ''), value, key)
    }
  }
  const numbers = [...known].filter(key => typeof configured(key) === 'number' && !noBounds.test(key))
  assert.deepEqual(
    numbers.filter(key => !told.has(key)),
    [],
  )
})

test('the metrics in the table of bounds are those that a broker has, with their labels', async t => {
  const broker = await startBrokerHere(t, { settings: { inspector: { port: 0 } } })
  const { text: metrics } = await get(await inspectorOf(broker), '/metrics')
  for (const { keys, metric } of rows) {
    for (const [, name = '', labels] of metric.matchAll(/`(threatbus_\w+)`(?: \(([^)]*)\))?/g)) {
      if (name === 'threatbus_connections_broken_total') {
        const reasons = [...(labels ?? '').matchAll(/\w+/g)].map(([reason]) => reason)
        assert.ok(
          reasons.length > 0 && reasons.every(each => (breakReasons as readonly string[]).includes(each)),
          labels,
        )
      } else if (name === 'threatbus_limit_reached_total') {
        const limits = labels === undefined ? keys.flatMap(part => keyIn(part) ?? []) : [labels.replaceAll('`', '')]
        assert.ok(limits.length > 0, metric)
        for (const limit of limits) assert.ok(metrics.includes(`\n${name}{limit="${limit}"} `), limit)
      } else assert.ok(metrics.includes(`# TYPE ${name} `), name)
    }
  }
})

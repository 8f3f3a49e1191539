import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { markdownTable, tableHead, tableRow } from './presentation.ts'
import type { Measured } from './report/measured.ts'
import { plotOf } from './report/plot.ts'
import { withReport, withSummary } from './report/report.ts'
import { scaleCounts } from './tables/many-subscribers.ts'
import { comparedCells, comparedColumns, type Table } from './tables/table.ts'

// How the benchmark shows what it measured.

const both = { floor: { name: 'floor' }, broker: { name: 'broker' } }
const table: Table = {
  name: 'throughput',
  title: 'Throughput',
  columns: [
    { key: 'subscribers', title: 'subscribers', decimals: 0 },
    ...comparedColumns('deliveries', 'deliveries/s', 0, both),
    ...comparedColumns('cpu', 'CPU µs', 1, both),
  ],
  rows: [
    {
      subscribers: 10,
      ...comparedCells('deliveries', { floor: 200_000, broker: 180_000, ratio: 0.9 }),
      ...comparedCells('cpu', undefined),
    },
  ],
}
const peers: Table = {
  name: 'peers',
  title: 'Peers',
  columns: [],
  rows: [
    { subscribers: 1, name: 'broker', deliveries: 40_000, cpu: 20 },
    { subscribers: 1, name: '<Other> & Sons', deliveries: 20_000, cpu: 40 },
  ],
}
const measured: Measured = {
  date: '2026-11-24T12:00:00.000Z',
  node: 'v20.0.0',
  processors: 2,
  processor: 'Z80',
  memoryGiB: 4,
  loadAverage: 0.5,
  tables: [table, peers, { ...table, name: 'start', title: 'Not measured', rows: [] }],
}

test('a table on the terminal has its numbers under its heads, and a dash for what was not measured', () => {
  const [, title, , heads = '', row = ''] = (
    tableHead(table) + table.rows.map(row => tableRow(table, row)).join('')
  ).split('\n')
  assert.equal(title, 'Throughput')
  assert.deepEqual(heads.trim().split(/ {2,}/), ['subscribers', 'floor', 'broker', 'ratio', 'floor', 'broker', 'ratio'])
  assert.deepEqual(row.trim().split(/ +/), ['10', '200,000', '180,000', '0.90', '–', '–', '–'])
  assert.equal(heads.length, row.length)
})

test('a table on a page says in each head what is measured', () => {
  assert.match(markdownTable(table), /^\| subscribers \| deliveries\/s, floor \| deliveries\/s, broker \| ratio \|/m)
})

test('the report says when and where, and leaves out what was not measured', () => {
  const readme = withReport('a\n<!-- bench -->\nold\n<!-- /bench -->\nb\n', measured, 'assets/x')
  assert.match(
    readme,
    /^a\n<!-- bench -->\nMeasured on 2026-11-24 .* on 2 processors \(Z80\), 4 GiB, Node v20\.0\.0; load .*0\.50/,
  )
  assert.match(readme, /\(assets\/x\.json\).*\(assets\/x\.svg\).*Throughput.*<!-- \/bench -->\nb\n$/s)
  assert.doesNotMatch(readme, /\nold|Not measured/)
  assert.equal(withReport(readme, measured, 'assets/x'), readme, 'again, it is the same')
  assert.throws(() => withReport('no place', measured, 'x'), /README\.md has no <!-- bench -->/)
})

test('the front page has a few figures of the report', () => {
  const bytes = { ...table, rows: table.rows.map(row => ({ ...row, bytes: 500 })) }
  const readme = withSummary('a\n<!-- bench-summary -->\nold\n<!-- /bench-summary -->\nb\n', {
    ...measured,
    tables: [bytes],
  })
  assert.match(readme, /^\| deliveries\/s to 10 subscribers \| 200,000 \| 180,000 \| 0\.90 \|$/m)
  assert.doesNotMatch(readme, /old|undefined|NaN/)
  assert.throws(() => withSummary('no place', measured), /README\.md has no <!-- bench-summary -->/)
})

test('the figures of the pages are those that the JSON beside them holds', () => {
  const page = readFileSync(new URL('../../../test/README.md', import.meta.url), 'utf8')
  const front = readFileSync(new URL('../../../README.md', import.meta.url), 'utf8')
  const [, path = ''] = /Everything of it is in \[JSON\]\((.+)\.json\)/.exec(page) ?? []
  const json = readFileSync(new URL(`../../../test/${path}.json`, import.meta.url), 'utf8')
  assert.equal(withReport(page, JSON.parse(json), path), page)
  assert.equal(withSummary(front, JSON.parse(json)), front)
})

test('the plot draws bars in proportion, and no markup of what it is told', () => {
  const svg = plotOf(measured)
  const widths = [...svg.matchAll(/x="80" y="26" width="([\d.]+)"|x="80" y="50" width="([\d.]+)"/g)].map(match =>
    Number(match[1] ?? match[2]),
  )
  const [first = 0, second = 0, third = 0, fourth = 0] = widths
  assert.ok(Math.abs(first / second - 2) < 0.01, 'deliveries')
  assert.ok(Math.abs(third / fourth - 0.5) < 0.01, 'processor time')
  assert.match(svg, /&lt;Other> &amp; Sons/)
})

test('subscribing is measured at as many counts as there are subscribers for', () => {
  assert.deepEqual(scaleCounts(10_000), [0, 1_000, 5_000, 10_000])
  assert.deepEqual(scaleCounts(1_000), [0, 1_000])
  assert.deepEqual(scaleCounts(2_000), [0, 1_000, 2_000])
})

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { markdownTable } from '../presentation.ts'
import type { Table } from '../tables/table.ts'
import type { Measured } from './measured.ts'
import { plotOf } from './plot.ts'

const repository = join(import.meta.dirname, '../../../..')
const assets = '.github/assets'
const part = /<!-- bench -->\n.*?<!-- \/bench -->/s
/** Tables that a reader has to open. */
const details: ReadonlySet<string> = new Set(['growth', 'log', 'scale'])

/** Writes what was measured, a plot of it, and both into the README. */
export function writeReport(measured: Measured): void {
  const name = `bench-${measured.date.slice(0, 10)}`
  const file = (path: string) => join(repository, path)
  writeFileSync(file(`${assets}/${name}.json`), `${JSON.stringify(measured, undefined, 2)}\n`)
  writeFileSync(file(`${assets}/${name}.svg`), plotOf(measured))
  const readme = readFileSync(file('README.md'), 'utf8')
  writeFileSync(file('README.md'), withReport(readme, measured, `${assets}/${name}`))
}

/** The README with the report between `<!-- bench -->` and `<!-- /bench -->`. Throws where it has no place for it. */
export function withReport(readme: string, measured: Measured, path: string): string {
  if (!part.test(readme)) throw new Error('README.md has no <!-- bench --> … <!-- /bench -->')
  const { date, processors, processor, memoryGiB, node, loadAverage, tables } = measured
  const machine = `${processors} processors (${processor}), ${memoryGiB} GiB, Node ${node}`
  const lines = [
    `Measured on ${date.slice(0, 10)} by \`npm run bench -- --report\` on ${machine}; load before it began: ${loadAverage.toFixed(2)}.`,
    `Everything of it is in [JSON](${path}.json).`,
    '',
    `![Deliveries per second and processor time for each, beside other brokers; the tables below hold the numbers.](${path}.svg)`,
    '',
    ...tables.filter(({ rows }) => rows.length > 0).map(shown),
  ]
  return readme.replace(part, () => `<!-- bench -->\n${lines.join('\n')}<!-- /bench -->`)
}

function shown(table: Table): string {
  if (!details.has(table.name)) return `**${table.title}**\n\n${markdownTable(table)}`
  return `<details><summary>${table.title}</summary>\n\n${markdownTable(table)}\n</details>\n`
}

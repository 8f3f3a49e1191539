import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { markdownTable } from '../presentation.ts'
import type { Table } from '../tables/table.ts'
import type { Measured } from './measured.ts'
import { plotOf } from './plot.ts'
import { summaryOf } from './summary.ts'

const repository = join(import.meta.dirname, '../../../..')
const assets = '.github/assets'
const part = /<!-- bench -->\n.*?<!-- \/bench -->/s
const summaryPart = /<!-- bench-summary -->\n.*?<!-- \/bench-summary -->/s
/** Tables that a reader has to open. */
const details: ReadonlySet<string> = new Set(['growth', 'log', 'scale'])

/** Writes what was measured, a plot of it, and both into test/README.md; a few figures of it into README.md. */
export function writeReport(measured: Measured): void {
  const name = `bench-${measured.date.slice(0, 10)}`
  const file = (path: string) => join(repository, path)
  writeFileSync(file(`${assets}/${name}.json`), `${JSON.stringify(measured, undefined, 2)}\n`)
  writeFileSync(file(`${assets}/${name}.svg`), plotOf(measured))
  const rewrite = (path: string, change: (page: string) => string) =>
    writeFileSync(file(path), change(readFileSync(file(path), 'utf8')))
  rewrite('test/README.md', page => withReport(page, measured, `../${assets}/${name}`))
  rewrite('README.md', page => withSummary(page, measured))
}

/** The page with the report between `<!-- bench -->` and `<!-- /bench -->`. Throws where it has no place for it. */
export function withReport(page: string, measured: Measured, path: string): string {
  if (!part.test(page)) throw new Error('test/README.md has no <!-- bench --> … <!-- /bench -->')
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
  return page.replace(part, () => `<!-- bench -->\n${lines.join('\n')}<!-- /bench -->`)
}

/** The page with a few figures between `<!-- bench-summary -->` and `<!-- /bench-summary -->`. Throws where it has no place for them. */
export function withSummary(page: string, measured: Measured): string {
  if (!summaryPart.test(page)) throw new Error('README.md has no <!-- bench-summary --> … <!-- /bench-summary -->')
  return page.replace(summaryPart, () => `<!-- bench-summary -->\n${summaryOf(measured)}<!-- /bench-summary -->`)
}

function shown(table: Table): string {
  if (!details.has(table.name)) return `**${table.title}**\n\n${markdownTable(table)}`
  return `<details><summary>${table.title}</summary>\n\n${markdownTable(table)}\n</details>\n`
}

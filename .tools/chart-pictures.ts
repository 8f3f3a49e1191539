/**
 * Puts the pictures of the charts into machines/README.md, between `<!-- chart:NAME -->` and `<!-- /chart -->`, where NAME is
 * the file's in machines/. Run as a script (`npm run charts`) it rewrites that page, and the rules of the rooms in
 * src/README.md; tests say when that is due.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type AnyStateMachine, StateMachine } from 'xstate'
import { mermaidOf } from './mermaid.ts'
import { roomsPath, withRoomRules } from './room-rules.ts'

const repository = join(import.meta.dirname, '../..')

/** The page with the pictures. */
export const chartsPath = join(repository, 'machines/README.md')

/** The charts in machines/, by the name of their file. A file without a machine, like the vocabulary, is no chart. */
export const charts: ReadonlyMap<string, AnyStateMachine> = await loadCharts()

const chartPart = /<!-- chart:(\S+) -->\n.*?<!-- \/chart -->/gs

/** The page with the pictures as they should be. Throws when it names a chart that doesn't exist. */
export function withChartPictures(page: string): string {
  return page.replace(chartPart, (_part, name: string) => {
    const chart = charts.get(name)
    if (chart === undefined)
      throw new Error(`machines/README.md shows chart:${name}, but machines/${name}.ts holds no chart`)
    return `<!-- chart:${name} -->\n\`\`\`mermaid\n${mermaidOf(chart)}\n\`\`\`\n<!-- /chart -->`
  })
}

/** The charts of which the page has no picture. */
export function chartsWithoutPicture(page: string): string[] {
  const shown = new Set([...page.matchAll(chartPart)].map(match => match[1]))
  return [...charts.keys()].filter(name => !shown.has(name))
}

async function loadCharts(): Promise<Map<string, AnyStateMachine>> {
  // The sources are what counts: the build may still hold a chart that is gone.
  const names = readdirSync(join(repository, 'machines')).filter(file => file.endsWith('.ts'))
  const found = new Map<string, AnyStateMachine>()
  for (const name of names.map(file => file.replace(/\.ts$/, '')).sort()) {
    const built = pathToFileURL(join(import.meta.dirname, '../machines', `${name}.js`)).href
    const exported: Record<string, unknown> = await import(built)
    for (const value of Object.values(exported)) if (value instanceof StateMachine) found.set(name, value)
  }
  return found
}

if (process.argv[1] === import.meta.filename) {
  writeFileSync(chartsPath, withChartPictures(readFileSync(chartsPath, 'utf8')))
  writeFileSync(roomsPath, withRoomRules(readFileSync(roomsPath, 'utf8')))
}

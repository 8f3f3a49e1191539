import { signal } from '@preact/signals'
import { retold } from '../story/retold.ts'
import { savedLine, savedPage } from '../trace/saved-page.ts'
import { chosen, chronicle, connection, moment } from './inspection.ts'
import { viewNow } from './link.ts'
import { download, fileName, held } from './saved.ts'

/** What went wrong with the last time that it was saved. */
const failure = signal<string | undefined>(undefined)

/** Characters of traces that are put together to one part of a file. */
const partCharacters = 1_000_000

/** Saves what is seen as one file, for an incident report: it opens anywhere, without a server. */
export async function savePage(): Promise<void> {
  try {
    const at = moment.value.at
    const [html, css, script, worker] = await Promise.all(['/', ...assets].map(textAt))
    const { begin, end } = savedPage(
      { html, css, script, worker } as Required<Parameters<typeof savedPage>[0]>,
      viewNow(),
    )
    const parts = [begin]
    let part = ''
    for (const record of retold(chronicle(), new Set(chosen.value === undefined ? [] : [chosen.value]))) {
      part += savedLine(JSON.stringify(record))
      if (part.length < partCharacters) continue
      parts.push(part)
      part = ''
    }
    download(fileName(at, 'html'), [...parts, part, end], 'text/html')
    failure.value = undefined
  } catch (error) {
    failure.value = (error as Error).message
  }
}

const assets = ['/inspector/page.css', '/inspector/page.js', '/inspector/layout-worker.js']

async function textAt(path: string): Promise<string> {
  const response = await fetch(path)
  if (!response.ok) throw new Error(`the page cannot be had: ${path} is answered with ${response.status}`)
  return response.text()
}

/** The button that saves. A page that was saved is one file already. */
export function SaveButton() {
  if (held('trace') !== undefined || connection.value.state === 'connecting') return null
  return (
    <button
      type="button"
      onClick={savePage}
      title={failure.value ?? 'Save what is seen here as one HTML file, for an incident report (s)'}
    >
      {failure.value === undefined ? 'Save page' : 'Not saved'}
    </button>
  )
}

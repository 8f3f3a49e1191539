import { readFile } from 'node:fs/promises'
import { answerJson, answerText } from '../../observe/http/answers.ts'
import type { Route } from '../../observe/http/route.ts'
import type { PageFiles } from '../trace/saved-page.ts'

/** The page's files, by the path that the browser asks for. The build puts them beside the inspector. */
const files: Readonly<Record<string, { readonly name: string; readonly type: string }>> = {
  '/': { name: 'index.html', type: 'text/html; charset=utf-8' },
  '/inspector/page.js': { name: 'page.js', type: 'text/javascript; charset=utf-8' },
  '/inspector/page.css': { name: 'page.css', type: 'text/css; charset=utf-8' },
  '/inspector/layout-worker.js': { name: 'layout-worker.js', type: 'text/javascript; charset=utf-8' },
}

const directory = new URL('dist/page/', import.meta.resolve('threatbus/package.json'))

/** The page's own files, as text. */
export async function readPageFiles(): Promise<PageFiles> {
  const textOf = (name: string) => readFile(new URL(name, directory), 'utf8')
  const [html, css, script, worker] = await Promise.all([
    textOf('index.html'),
    textOf('page.css'),
    textOf('page.js'),
    textOf('layout-worker.js'),
  ])
  return { html, css, script, worker }
}

/** What the page shows: what happens now, or a trace. */
export type PageSource = 'live' | 'trace'

/**
 * Serves the page itself: a fixed list of files, read when they are asked for first. However many read them slowly, they are in
 * memory once.
 */
export function pageRoutes(source: PageSource): readonly Route[] {
  const contents = new Map<string, Promise<Buffer>>()
  const pages = Object.entries(files).map(
    ([path, { name, type }]): Route => ({
      path,
      answer: async ({ path: asked }, response) => {
        // The root answers every path that nobody else does: only itself is the page.
        if (asked !== path) return answerText(response, 404, 'There is nothing at this path.')
        const content = contents.get(name) ?? readFile(new URL(name, directory))
        contents.set(name, content)
        content.catch(() => contents.delete(name))
        const bytes = await content
        response.writeHead(200, { 'Content-Type': type }).end(bytes)
      },
    }),
  )
  return [...pages, { path: '/inspector/source', answer: (_, response) => answerJson(response, 200, { source }) }]
}

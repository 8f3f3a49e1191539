import { headingsOf } from './pages.ts'
import type { Source } from './sources.ts'

/** Standards whose sections are cited by their titles. */
const standards: ReadonlySet<string> = new Set(['STIX', 'POSIX'])

/** The page that says by which word each page is cited, in its table. */
const tableOfPages = '.github/CONTRIBUTING.md'

/** What may stand between a word and the title behind it, and within titles: white space, also where a comment goes on. */
const gap = String.raw`(?:[ \t]|\n[ \t]*(?:\*|//|#)[ \t]?)+`
const citation = new RegExp(String.raw`\b([A-Z]{4,})${gap}"([^"]+)"`, 'g')
const comment = /\/\*[\s\S]*?\*\/|(?:^|\s)(?:\/\/|#) .*/g

/** The pages that are cited, each by its word in capitals. Throws if a word stands for nothing. */
export function citedPages(pages: readonly Source[]): ReadonlyMap<string, Source> {
  const table = pages.find(({ path }) => path === tableOfPages)?.text ?? ''
  const rows = table.matchAll(/^\| `([A-Z]+)` \| \[`(.+?)`\]/gm)
  return new Map(
    Array.from(rows, ([, word = '', path = '']) => {
      const page = pages.find(page => page.path === path)
      if (page === undefined) throw new Error(`${tableOfPages}: ${word} stands for ${path}, which is no page`)
      return [word, page]
    }),
  )
}

/** How many times these files cite a heading of a page. */
export function citationsIn(sources: readonly Source[], cited: ReadonlyMap<string, Source>): number {
  const all = sources.flatMap(({ text }) => [...text.matchAll(citation)])
  return all.filter(([, word = '']) => cited.has(word)).length
}

/** Citations that lead nowhere, by file and line: to no page, to no heading of it, or to where the reader can't look. */
export function wrongCitations(
  sources: readonly Source[],
  pages: readonly Source[],
  paths: ReadonlySet<string>,
): string[] {
  const cited = citedPages(pages)
  const headings = new Map([...cited].map(([word, page]) => [word, new Set(headingsOf(page).map(({ text }) => text))]))
  // README is a file's name as well.
  const words = [...cited.keys()].filter(word => word !== 'README')
  const bare = new RegExp(String.raw`\b(?:${words.join('|')})\b(?!${gap}")`)
  return sources.flatMap(({ path, text }) => {
    const at = (index: number, complaint: string) => `${path}:${text.slice(0, index).split('\n').length} ${complaint}`
    const titles = [...text.matchAll(citation)].flatMap(({ index, 1: word = '', 2: title = '' }) => {
      if (standards.has(word)) return []
      const known = headings.get(word)
      if (known === undefined) return [at(index, `cites ${word}, which is no page: ${tableOfPages} has them`)]
      const heading = title.replace(new RegExp(gap, 'g'), ' ')
      return known.has(heading)
        ? []
        : [at(index, `cites ${word} "${heading}": ${cited.get(word)?.path} has no such heading`)]
    })
    const others = [...text.matchAll(comment)].flatMap(({ index, 0: words }) => {
      const complaints: string[] = []
      const [word] = bare.exec(words) ?? []
      if (word !== undefined) complaints.push(`cites ${word} without a heading`)
      for (const [file] of words.matchAll(/(?<![\w/.-])[\w./-]*\w\.md\b/g))
        if (!paths.has(file)) complaints.push(`cites ${file}, which is not here`)
      if (/(?<!libzmq(?:'s)? )\bissues? (?:"|#?\d)/.test(words)) complaints.push('cites an issue without its address')
      return complaints.map(complaint => at(index, complaint))
    })
    return [...titles, ...others]
  })
}

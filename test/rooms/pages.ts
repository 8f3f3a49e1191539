import { readdirSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import GithubSlugger from 'github-slugger'
import { marked, type Token, type Tokens } from 'marked'
import { repository, type Source } from './sources.ts'

const notOurs = /(?:^|\/)(?:node_modules|dist|\.git)(?:\/|$)/

/** Every page of the house. */
export function readPages(): Source[] {
  return filesIn('')
    .filter(path => path.endsWith('.md'))
    .map(path => ({ path, text: readFileSync(join(repository, path), 'utf8') }))
}

/** Every file and directory of the house, from the root of the repository, with slashes. */
export function readPaths(): ReadonlySet<string> {
  const files = filesIn('')
  return new Set([...files, ...files.flatMap(directoriesOf)])
}

function filesIn(directory: string): string[] {
  const entries = readdirSync(join(repository, directory), { withFileTypes: true })
  return entries
    .map(entry => ({ entry, path: posix.join(directory, entry.name) }))
    .filter(({ path }) => !notOurs.test(path))
    .flatMap(({ entry, path }) => (entry.isDirectory() ? filesIn(path) : [path]))
}

function directoriesOf(path: string): string[] {
  const directory = posix.dirname(path)
  return directory === '.' ? [directory] : [directory, ...directoriesOf(directory)]
}

/** A heading of a page, and the anchor that GitHub gives it. */
export interface Heading {
  readonly text: string
  readonly anchor: string
}

/** The headings of a page, in order. */
export function headingsOf({ text }: Source): Heading[] {
  const slugger = new GithubSlugger()
  return tokensOf(text)
    .filter((token): token is Tokens.Heading => token.type === 'heading')
    .map(heading => ({ text: heading.text, anchor: slugger.slug(heading.text) }))
}

/** The blocks of a page in a language. */
export function blocksOf({ text }: Source, lang: string): string[] {
  return tokensOf(text)
    .filter((token): token is Tokens.Code => token.type === 'code' && token.lang === lang)
    .map(block => block.text)
}

/** The commands of a page: the lines of its blocks for a shell, without what a `#` says of them, one for each `&&`. */
export function commandsOf(page: Source): string[] {
  return blocksOf(page, 'sh')
    .flatMap(text => text.split('\n'))
    .map(line => line.replace(/(?:^|\s+)#.*/, ''))
    .flatMap(line => line.split(' && '))
    .filter(command => command !== '')
}

/** Links and pictures of pages that lead nowhere: to no file of these, or no heading. Those to other sites are not followed. */
export function brokenLinks(pages: readonly Source[], paths: ReadonlySet<string>): string[] {
  const anchors = new Map(pages.map(page => [page.path, new Set(headingsOf(page).map(({ anchor }) => anchor))]))
  return pages.flatMap(page =>
    linksOf(page).flatMap(link => {
      const [target = '', anchor] = link.split('#')
      const path = target === '' ? page.path : posix.join(posix.dirname(page.path), target)
      if (!paths.has(path.replace(/\/$/, ''))) return [`${page.path}: ${link} leads to no file`]
      const isThere = anchor === undefined || anchors.get(path)?.has(anchor)
      return isThere ? [] : [`${page.path}: ${link} leads to no heading`]
    }),
  )
}

function linksOf({ text }: Source): string[] {
  return tokensOf(text)
    .filter((token): token is Tokens.Link | Tokens.Image => token.type === 'link' || token.type === 'image')
    .map(({ href }) => href)
    .filter(href => !/^[a-z]+:/.test(href))
}

function tokensOf(text: string): Token[] {
  const tokens: Token[] = []
  marked.walkTokens(marked.lexer(text), token => void tokens.push(token))
  return tokens
}

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type ParserOptions, parse } from '@babel/parser'

/** The root of the repository, seen from the build. */
export const repository = join(import.meta.dirname, '../../..')

/** A source file: its path from the root of the repository, with slashes, and its text. */
export interface Source {
  readonly path: string
  readonly text: string
}

/** A node of the syntax tree. TypeScript 7 has no parser for programs to use (yet), so the tree is Babel's. */
export interface SyntaxNode {
  readonly type: string
  readonly start: number
  readonly loc: { readonly start: { readonly line: number } }
  readonly [property: string]: unknown
}

/** Every TypeScript file of the house. */
export function readSources(): Source[] {
  return ['.tools', 'machines', 'src', 'test'].flatMap(room =>
    readdirSync(join(repository, room), { recursive: true, encoding: 'utf8' })
      .map(file => `${room}/${file.replaceAll('\\', '/')}`)
      .filter(path => /\.tsx?$/.test(path))
      .sort()
      .map(path => ({ path, text: readFileSync(join(repository, path), 'utf8') })),
  )
}

const parserOptions: ParserOptions = { sourceType: 'module', createImportExpressions: true }

/** The statements of a file. Throws, with its path, when it isn't TypeScript. */
export function statementsOf({ path, text }: Source): SyntaxNode[] {
  const plugins: ParserOptions['plugins'] = path.endsWith('x') ? ['typescript', 'jsx'] : ['typescript']
  const file: unknown = parse(text, { ...parserOptions, plugins, sourceFilename: path, errorRecovery: false })
  const program = isSyntaxNode(file) ? file.program : undefined
  return isSyntaxNode(program) && Array.isArray(program.body) ? program.body.filter(isSyntaxNode) : []
}

/** `node` and all that is in it. */
export function* within(node: SyntaxNode): Generator<SyntaxNode> {
  yield node
  for (const value of Object.values(node)) {
    for (const part of Array.isArray(value) ? value : [value]) if (isSyntaxNode(part)) yield* within(part)
  }
}

/** Is this a part of a syntax tree? */
export function isSyntaxNode(value: unknown): value is SyntaxNode {
  return typeof value === 'object' && value !== null && 'type' in value && 'start' in value && !isComment(value.type)
}

function isComment(type: unknown): boolean {
  return type === 'CommentBlock' || type === 'CommentLine'
}

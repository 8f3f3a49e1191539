/**
 * Bundles the declarations of the client library, what applications see of it and nothing else, into one file,
 * dist/library/index.d.ts: part of `npm run build`, after the programs.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path/posix'
import { isSyntaxNode, type SyntaxNode, statementsOf, within } from '../test/rooms/sources.ts'
import { repository } from './licences.ts'

/** A file of declarations: what it declares, and where it has the names from that it imports. */
interface File {
  readonly declared: ReadonlyMap<string, readonly SyntaxNode[]>
  readonly imported: ReadonlyMap<string, string>
  readonly text: string
}

const entry = 'dist/src/index.d.ts'
const files = new Map<string, File>()
/** Where each name was declared that is in the bundle. */
const bundled = new Map<string, string>()
/** Where each name comes from that applications may use. */
const exported = new Map<string, string>()
// `await using` is in no edition of ECMAScript yet that an application's `lib` would name.
const lines = ['/// <reference lib="esnext.disposable" />']

for (const statement of statementsOf({ path: entry, text: read(entry) })) {
  const target = targetOf(statement, entry)
  if (target === undefined) throw new Error(`${entry} declares something itself`)
  const names =
    statement.type === 'ExportAllDeclaration' ? [...fileAt(target).declared.keys()] : specifiersOf(statement, target)
  for (const name of names) exported.set(name, target)
}
for (const [name, path] of exported) add(name, path)
// Without it, everything in a file of declarations counts as exported.
lines.push('export {}', '')
writeFileSync(join(repository, 'dist/library/index.d.ts'), lines.join('\n\n'))

/** Adds what a file declares under a name, behind what that refers to. */
function add(name: string, path: string): void {
  const { declared, imported, text } = fileAt(path)
  const from = imported.get(name)
  if (from !== undefined) add(name, from)
  const statements = declared.get(name)
  const other = bundled.get(name)
  if (statements === undefined || other === path) return
  if (other !== undefined) throw new Error(`${name} is something else in ${other} than in ${path}`)
  bundled.set(name, path)
  for (const reference of statements.flatMap(referencesIn)) add(reference, path)
  for (const statement of statements) {
    const declaration = isSyntaxNode(statement.declaration) ? statement.declaration : statement
    const code = text.slice(declaration.start, Number(declaration.end)).replace(/^(?:export )?(?:declare )?/, '')
    const isValue = /^(?:abstract )?class |^function /.test(code)
    lines.push(`${docComment(statement)}${exported.has(name) ? 'export ' : ''}${isValue ? 'declare ' : ''}${code}`)
  }
}

function fileAt(path: string): File {
  const known = files.get(path)
  if (known !== undefined) return known
  const text = read(path)
  const declared = new Map<string, SyntaxNode[]>()
  const imported = new Map<string, string>()
  for (const statement of statementsOf({ path, text })) {
    const target = targetOf(statement, path)
    if (target !== undefined) for (const name of specifiersOf(statement, target)) imported.set(name, target)
    const { id } = (isSyntaxNode(statement.declaration) ? statement.declaration : statement) as { id?: unknown }
    if (isSyntaxNode(id)) declared.set(String(id.name), [...(declared.get(String(id.name)) ?? []), statement])
  }
  const file = { declared, imported, text }
  files.set(path, file)
  return file
}

/** The names that a statement has from another file; they are the same in both. */
function specifiersOf({ specifiers }: SyntaxNode, target: string): string[] {
  return (specifiers as readonly SyntaxNode[]).map(({ local, imported, exported }) => {
    const name = (local as SyntaxNode).name
    if (name !== ((imported ?? exported) as SyntaxNode).name) throw new Error(`${name}, from ${target}, is renamed`)
    return String(name)
  })
}

/** The file that a statement imports or passes on: declarations of a package are none. */
function targetOf({ source }: SyntaxNode, path: string): string | undefined {
  if (!isSyntaxNode(source)) return undefined
  const specifier = String(source.value)
  return specifier.startsWith('.') ? join(path, '..', specifier.replace(/\.ts$/, '.d.ts')) : specifier
}

/** The names that a declaration refers to. */
function referencesIn(statement: SyntaxNode): string[] {
  return [...within(statement)].flatMap(({ typeName, expression, superClass, exprName }) =>
    [typeName, expression, superClass, exprName].flatMap(each =>
      isSyntaxNode(each) && each.type === 'Identifier' ? [String(each.name)] : [],
    ),
  )
}

function docComment({ leadingComments }: SyntaxNode): string {
  const comment = Array.isArray(leadingComments) ? leadingComments.at(-1) : undefined
  return comment?.type === 'CommentBlock' ? `/*${comment.value}*/\n` : ''
}

function read(path: string): string {
  if (!path.startsWith('dist/')) throw new Error(`the declarations need those of the package ${path}`)
  return readFileSync(join(repository, path), 'utf8')
}

import { isSyntaxNode, type Source, type SyntaxNode, statementsOf } from './sources.ts'

const drawers = /^(utils?|helpers?|common|misc|libs?)$/i

/** Names that say nothing about what is in the file or directory, so that anything may end up there. */
export function namesThatSayNothing(sources: readonly Source[]): string[] {
  const names = sources.filter(({ path }) => path.split('/').some(part => drawers.test(part.replace(/\..*$/, ''))))
  return names.map(({ path }) => `${path}: name what is in it; there are no drawers like utils or common here`)
}

/** Files that only pass on what others export. One is wanted: the package's public entry. */
export function barrels(sources: readonly Source[], publicEntry: string): string[] {
  const suspects = sources.filter(source => source.path !== publicEntry && isBarrel(statementsOf(source)))
  return suspects.map(({ path }) => `${path}: only passes on exports of others; import from where they are made`)
}

function isBarrel(statements: readonly SyntaxNode[]): boolean {
  return statements.length > 0 && statements.every(({ type, source }) => type.startsWith('Export') && source)
}

/** Exports without a doc comment, by file, line and name. */
export function undocumentedExports(sources: readonly Source[]): string[] {
  return sources.flatMap(source => {
    const statements = statementsOf(source)
    const documented = new Set(statements.filter(hasDocComment).flatMap(namesIn))
    return exportsIn(statements)
      .filter(({ names, statement }) => !hasDocComment(statement) && !names.every(name => documented.has(name)))
      .map(({ names, statement }) => {
        const place = `${source.path}:${statement.loc.start.line}`
        return `${place} exports ${names.join(', ')} without a doc comment (/** … */) that says what it is`
      })
  })
}

interface Export {
  readonly names: readonly string[]
  readonly statement: SyntaxNode
}

/**
 * What a file itself exports. A name that is declared twice (overloads, a value and its type) is explained once, wherever;
 * what comes from another file is explained there.
 */
function exportsIn(statements: readonly SyntaxNode[]): Export[] {
  return statements.flatMap((statement): Export[] => {
    if (statement.type === 'ExportDefaultDeclaration') return [{ names: namesIn(statement), statement }]
    if (statement.type !== 'ExportNamedDeclaration' || statement.source) return []
    if (isSyntaxNode(statement.declaration)) return [{ names: namesIn(statement), statement }]
    const locals = nodesOf(statement.specifiers).flatMap(({ local }) => nameOf(local))
    return locals.flatMap(name => {
      const declaration = statements.find(candidate => candidate !== statement && namesIn(candidate).includes(name))
      return declaration === undefined ? [] : [{ names: [name], statement: declaration }]
    })
  })
}

/** The names that a statement declares, exported or not. Imports declare nothing. */
function namesIn(statement: SyntaxNode): string[] {
  const declaration = isSyntaxNode(statement.declaration) ? statement.declaration : statement
  if (Array.isArray(declaration.declarations)) return nodesOf(declaration.declarations).flatMap(({ id }) => nameOf(id))
  const names = declaration.type === 'ImportDeclaration' ? [] : nameOf(declaration.id)
  return names.length === 0 && statement.type === 'ExportDefaultDeclaration' ? ['default'] : names
}

function nameOf(identifier: unknown): string[] {
  return isSyntaxNode(identifier) && typeof identifier.name === 'string' ? [identifier.name] : []
}

function nodesOf(list: unknown): SyntaxNode[] {
  return Array.isArray(list) ? list.filter(isSyntaxNode) : []
}

/** Only line comments, as tools read them, may stand between a doc comment and what it documents. */
function hasDocComment({ leadingComments }: SyntaxNode): boolean {
  if (!Array.isArray(leadingComments)) return false
  const block = leadingComments.findLast(({ type }) => type === 'CommentBlock')
  return typeof block?.value === 'string' && /^\*[\s*]*[^\s*]/.test(block.value)
}

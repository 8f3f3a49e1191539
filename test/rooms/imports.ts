import { isBuiltin } from 'node:module'
import { posix } from 'node:path'
import { isSyntaxNode, type Source, type SyntaxNode, statementsOf, within } from './sources.ts'

/** One import of one file, in whatever form it is written. */
export interface Import {
  readonly path: string
  readonly line: number
  /** As it is written; undefined when it is computed, so that nobody can tell. */
  readonly specifier: string | undefined
  /** A file by its path from the root of the repository, `node:…`, or a package by its name. */
  readonly target: string
  /** Is nothing left of it at run time? */
  readonly typesOnly: boolean
}

/**
 * Everything a file imports: `import`, `export … from`, `import()`, `import('…')` in a type, `import … = require()` and
 * `require()`. A statement counts as types only when it says so as a whole: of `import { type A }` the import itself is
 * left at run time (verbatimModuleSyntax), with all that loading the file does.
 */
export function importsOf(source: Source): Import[] {
  const found = statementsOf(source).flatMap(statement => [...within(statement)].flatMap(importIn))
  return found.map(({ node, request, typesOnly }) => {
    const specifier = isSyntaxNode(request) && typeof request.value === 'string' ? request.value : undefined
    return {
      path: source.path,
      line: node.loc.start.line,
      specifier,
      target: targetOf(source.path, specifier),
      typesOnly,
    }
  })
}

interface FoundImport {
  readonly node: SyntaxNode
  readonly request: unknown
  readonly typesOnly: boolean
}

function importIn(node: SyntaxNode): FoundImport[] {
  switch (node.type) {
    case 'ImportDeclaration':
      return [{ node, request: node.source, typesOnly: node.importKind === 'type' }]
    case 'ExportNamedDeclaration':
    case 'ExportAllDeclaration':
      return node.source ? [{ node, request: node.source, typesOnly: node.exportKind === 'type' }] : []
    case 'ImportExpression':
      return [{ node, request: node.source, typesOnly: false }]
    case 'TSImportType':
      return [{ node, request: node.argument, typesOnly: true }]
    case 'TSExternalModuleReference':
      return [{ node, request: node.expression, typesOnly: false }]
    case 'CallExpression': {
      const { callee, arguments: args } = node
      const isRequire = isSyntaxNode(callee) && callee.name === 'require'
      return isRequire && Array.isArray(args) ? [{ node, request: args[0], typesOnly: false }] : []
    }
    default:
      return []
  }
}

function targetOf(path: string, specifier: string | undefined): string {
  if (specifier === undefined) return 'something computed'
  if (specifier.startsWith('.')) return posix.join(posix.dirname(path), specifier)
  if (isBuiltin(specifier)) return specifier
  const [scopeOrName = '', name = ''] = specifier.split('/')
  return scopeOrName.startsWith('@') ? `${scopeOrName}/${name}` : scopeOrName
}

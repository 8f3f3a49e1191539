import type {
  Comparison,
  ComparisonExpression,
  Literal,
  ObjectPath,
  ObservationExpression,
  Qualifier,
} from '../../src/protocol/stix/pattern-tree.ts'

/** The pattern of a tree, in one canonical form; `between` gives what stands between two tokens, a blank by default. */
export function printPattern(tree: ObservationExpression, between: () => string = () => ' '): string {
  return [...observationTokens(tree)].reduce((text, token) => `${text}${between()}${token}`)
}

const tightness = { FOLLOWEDBY: 0, OR: 1, AND: 2 }

function* observationTokens(tree: ObservationExpression): Generator<string> {
  switch (tree.kind) {
    case 'observation':
      yield '['
      yield* comparisonTokens(tree.comparison)
      yield ']'
      return
    case 'qualified': {
      const kinds = new Set(tree.qualifiers.map(qualifier => qualifier.kind))
      const repeats = kinds.size < tree.qualifiers.length
      yield* grouped(observationTokens(tree.expression), tree.expression.kind !== 'observation' || repeats)
      for (const qualifier of tree.qualifiers) yield* qualifierTokens(qualifier)
      return
    }
    case 'observations':
      for (const [index, operand] of tree.operands.entries()) {
        if (index > 0) yield tree.operator
        const loose = operand.kind === 'observations' && tightness[operand.operator] <= tightness[tree.operator]
        yield* grouped(observationTokens(operand), loose)
      }
  }
}

function* qualifierTokens(qualifier: Qualifier): Generator<string> {
  switch (qualifier.kind) {
    case 'within':
      yield* ['WITHIN', qualifier.seconds, 'SECONDS']
      return
    case 'repeats':
      yield* ['REPEATS', qualifier.times, 'TIMES']
      return
    case 'start-stop':
      yield* ['START', `t'${qualifier.start}'`, 'STOP', `t'${qualifier.stop}'`]
  }
}

function* comparisonTokens(tree: ComparisonExpression): Generator<string> {
  switch (tree.kind) {
    case 'comparison':
      yield* pathTokens(tree.path)
      if (tree.negated) yield 'NOT'
      yield tree.operator
      yield* valueTokens(tree.value)
      return
    case 'existence':
      if (tree.negated) yield 'NOT'
      yield 'EXISTS'
      yield* pathTokens(tree.path)
      return
    case 'comparisons':
      for (const [index, operand] of tree.operands.entries()) {
        if (index > 0) yield tree.operator
        const loose = operand.kind === 'comparisons' && tightness[operand.operator] <= tightness[tree.operator]
        yield* grouped(comparisonTokens(operand), loose)
      }
  }
}

function* grouped(tokens: Iterable<string>, inParentheses: boolean): Generator<string> {
  if (inParentheses) yield '('
  yield* tokens
  if (inParentheses) yield ')'
}

function* pathTokens(path: ObjectPath): Generator<string> {
  yield path.type
  for (const [index, step] of path.steps.entries()) {
    if (step.kind === 'property') {
      yield index === 0 ? ':' : '.'
      const isPlain = /^[a-z_][a-z0-9_]*$/.test(step.name) && step.name !== 'true' && step.name !== 'false'
      yield isPlain ? step.name : quoted(step.name)
    } else yield* ['[', step.kind === 'any' ? '*' : step.index, ']']
  }
}

function* valueTokens(value: Comparison['value']): Generator<string> {
  if ('kind' in value) {
    yield literalToken(value)
    return
  }
  yield '('
  for (const [index, literal] of value.entries()) {
    if (index > 0) yield ','
    yield literalToken(literal)
  }
  yield ')'
}

function literalToken(literal: Literal): string {
  switch (literal.kind) {
    case 'string':
      return quoted(literal.value)
    case 'boolean':
      return String(literal.value)
    case 'integer':
    case 'float':
      return literal.text
    case 'timestamp':
      return `t'${literal.text}'`
    case 'hex':
      return `h'${literal.text}'`
    case 'binary':
      return `b'${literal.text}'`
  }
}

function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}

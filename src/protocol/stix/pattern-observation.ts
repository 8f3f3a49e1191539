import type { TreeBuilder } from './pattern-builder.ts'
import { ComparisonReader, deepestNesting, tooDeep } from './pattern-comparison.ts'
import type { PatternLexer } from './pattern-lexer.ts'
import type { Qualifier } from './pattern-tree.ts'

/** Reads a whole pattern: observations, what joins them, and their qualifiers. `false` means that there is an error. */
export class ObservationReader {
  readonly #lexer: PatternLexer
  readonly #tree: TreeBuilder | undefined
  readonly #comparisons: ComparisonReader

  /** Reads from this lexer, and builds with `tree`, if there is one. */
  constructor(lexer: PatternLexer, tree: TreeBuilder | undefined) {
    this.#lexer = lexer
    this.#tree = tree
    this.#comparisons = new ComparisonReader(lexer, tree)
  }

  /** Reads the pattern, which must go on to the end of the text. */
  read(): boolean {
    if (!this.#sequence(0)) return false
    return this.#lexer.kind === 'end' || this.#lexer.fail('AND, OR, FOLLOWEDBY, WITHIN, REPEATS, START or the end')
  }

  /** `FOLLOWEDBY` binds least; `nesting` counts the parentheses around. */
  #sequence(nesting: number): boolean {
    let count = 0
    do {
      if (!this.#alternatives(nesting)) return false
      count++
    } while (this.#lexer.skip('FOLLOWEDBY'))
    if (count > 1) this.#tree?.joinObservations('FOLLOWEDBY', count)
    return true
  }

  #alternatives(nesting: number): boolean {
    let count = 0
    do {
      if (!this.#conjunction(nesting)) return false
      count++
    } while (this.#lexer.skip('OR'))
    if (count > 1) this.#tree?.joinObservations('OR', count)
    return true
  }

  #conjunction(nesting: number): boolean {
    let count = 0
    do {
      if (!this.#qualified(nesting)) return false
      count++
    } while (this.#lexer.skip('AND'))
    if (count > 1) this.#tree?.joinObservations('AND', count)
    return true
  }

  /**
   * An observation or a group of them, with the qualifiers after it. As in stix2patterns 2.0.0 (`ValidationListener`),
   * two qualifiers of a kind are refused directly after an observation, and accepted after a group, and by STIX 2.0.
   */
  #qualified(nesting: number): boolean {
    const lexer = this.#lexer
    const isGroup = lexer.kind === '('
    if (!(isGroup ? this.#group(nesting + 1) : this.#observation(nesting))) return false
    const kinds: Qualifier['kind'][] = []
    for (let kind = this.#qualifierKind(); kind; kind = this.#qualifierKind()) {
      if (!isGroup && lexer.version === '2.1' && kinds.includes(kind)) {
        return lexer.failWith(`found a second ${lexer.kind}, expected each qualifier once for an observation`)
      }
      kinds.push(kind)
      if (!this.#qualifier(kind)) return false
    }
    if (kinds.length > 0) this.#tree?.qualify()
    return true
  }

  #group(nesting: number): boolean {
    if (nesting > deepestNesting) return this.#lexer.failWith(tooDeep)
    this.#lexer.next()
    return this.#sequence(nesting) && this.#lexer.demand(')', 'AND, OR, FOLLOWEDBY, WITHIN, REPEATS, START or )')
  }

  #observation(nesting: number): boolean {
    if (!this.#lexer.demand('[', '[ or (')) return false
    if (!this.#comparisons.read(nesting) || !this.#lexer.demand(']', 'AND, OR or ]')) return false
    this.#tree?.observation()
    return true
  }

  /** The kind of the qualifier that begins here, if one does. */
  #qualifierKind(): Qualifier['kind'] | undefined {
    switch (this.#lexer.kind) {
      case 'WITHIN':
        return 'within'
      case 'REPEATS':
        return 'repeats'
      case 'START':
        return 'start-stop'
    }
    return undefined
  }

  /**
   * A qualifier, from its keyword on. That `STOP` be later than `START`, or that something repeat at least once, is
   * checked by neither the grammar nor the original.
   */
  #qualifier(kind: Qualifier['kind']): boolean {
    const lexer = this.#lexer
    lexer.next()
    if (kind === 'start-stop') return this.#startStop()
    const number = lexer.numberText()
    if (kind === 'repeats') {
      if (!lexer.demand('integer', 'a whole number that is not negative') || !lexer.demand('TIMES', 'TIMES'))
        return false
      this.#tree?.qualifier({ kind, times: number })
    } else {
      if (!lexer.skip('integer') && !lexer.demand('float', 'a number that is not negative')) return false
      if (!lexer.demand('SECONDS', 'SECONDS')) return false
      this.#tree?.qualifier({ kind, seconds: number })
    }
    return true
  }

  #startStop(): boolean {
    const start = this.#moment()
    if (start === undefined || !this.#lexer.demand('STOP', 'STOP')) return false
    const stop = this.#moment()
    if (stop === undefined) return false
    this.#tree?.qualifier({ kind: 'start-stop', start, stop })
    return true
  }

  /**
   * The timestamp at hand, if it is one. In STIX 2.0 it is a string (`startStopQualifier` of its grammar, Part 5 §4.1.1),
   * which tools, and stix2patterns, nevertheless write as a timestamp of patterns.
   */
  #moment(): string | undefined {
    const lexer = this.#lexer
    const isText = lexer.kind === 'string'
    if (!lexer.isTimestamp()) {
      lexer.fail(lexer.version === '2.0' ? "a timestamp '…'" : "a timestamp t'…'")
      return undefined
    }
    const text = lexer.slice(isText ? 1 : 2, 1)
    lexer.next()
    return text
  }
}

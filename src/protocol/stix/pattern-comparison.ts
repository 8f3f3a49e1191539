import type { TreeBuilder } from './pattern-builder.ts'
import { type HashForm, hashForm } from './pattern-hash.ts'
import type { PatternLexer } from './pattern-lexer.ts'

/**
 * Deepest nesting of parentheses in a pattern. Each level is a few calls on the stack, so it must be bounded; patterns
 * that people and tools write have two or three levels.
 */
export const deepestNesting = 100

/** What an error says where parentheses are nested deeper than {@link deepestNesting}. */
export const tooDeep = `found a parenthesis, expected at most ${deepestNesting} inside each other`

/**
 * Reads what is between an observation's brackets, and tells the builder, if there is one. As everywhere in this parser,
 * `false` means that the lexer has an error.
 *
 * STIX wants comparisons joined by `AND` to speak about one object, hence about one type of object. The original's
 * validator does not look at that (stix2patterns 2.0.0 accepts `[a:b = 1 AND c:d = 2]`), so it is accepted here.
 */
export class ComparisonReader {
  readonly #lexer: PatternLexer
  readonly #tree: TreeBuilder | undefined
  /** The form that values compared with the path at hand must have, if it is one of hashes. */
  #form: HashForm | undefined
  /** Is a property called `hashes` on the path so far? */
  #amongHashes = false
  /** The last step of the path so far, if it is a property among hashes. */
  #algorithm: string | undefined

  /** Reads from this lexer, and builds with `tree`. */
  constructor(lexer: PatternLexer, tree: TreeBuilder | undefined) {
    this.#lexer = lexer
    this.#tree = tree
  }

  /** Reads comparisons and what joins them; `nesting` counts the parentheses around. */
  read(nesting: number): boolean {
    let alternatives = 0
    do {
      let conjuncts = 0
      do {
        if (!this.#comparison(nesting)) return false
        conjuncts++
      } while (this.#lexer.skip('AND'))
      if (conjuncts > 1) this.#tree?.joinComparisons('AND', conjuncts)
      alternatives++
    } while (this.#lexer.skip('OR'))
    if (alternatives > 1) this.#tree?.joinComparisons('OR', alternatives)
    return true
  }

  #comparison(nesting: number): boolean {
    const { kind } = this.#lexer
    if (kind === '(') return this.#group(nesting + 1)
    if (kind === 'EXISTS' || kind === 'NOT') return this.#existence()
    return this.#path() && this.#test()
  }

  #group(nesting: number): boolean {
    if (nesting > deepestNesting) return this.#lexer.failWith(tooDeep)
    this.#lexer.next()
    return this.read(nesting) && this.#lexer.demand(')', 'AND, OR or )')
  }

  /**
   * `NOT EXISTS` is in the standard ("a Comparison Operator MAY be preceded by the modifier NOT") and in the OASIS
   * grammar since October 2022; the original's validator is older and refuses it.
   */
  #existence(): boolean {
    const negated = this.#lexer.skip('NOT')
    if (!this.#lexer.demand('EXISTS', 'EXISTS') || !this.#path()) return false
    this.#tree?.existence(negated)
    return true
  }

  /**
   * Reads an object path. It is one of hashes if a property on it is called `hashes`, and its last step is a property,
   * which then names the algorithm: the rule of stix2patterns 2.0.0 (`object_validator.py`).
   */
  #path(): boolean {
    const lexer = this.#lexer
    this.#tree?.type(lexer.slice())
    if (!lexer.skip('name') && !lexer.demand('hyphenated', 'an object path, EXISTS or (')) return false
    if (!lexer.demand(':', ': and a property')) return false
    this.#amongHashes = false
    this.#algorithm = undefined
    if (!this.#property()) return false
    while (lexer.kind === '.' || lexer.kind === '[') {
      if (!(lexer.skip('.') ? this.#property() : this.#element())) return false
    }
    this.#form = this.#algorithm === undefined ? undefined : hashForm(this.#algorithm)
    return true
  }

  #property(): boolean {
    const lexer = this.#lexer
    if (this.#amongHashes) this.#algorithm = this.#name()
    else this.#amongHashes = lexer.reads('hashes') || lexer.reads("'hashes'")
    this.#tree?.property(this.#name())
    return lexer.skip('string') || lexer.demand('name', 'a property, in quotes if it is not of letters, digits and _')
  }

  /** The property that is named by the token at hand, if it is a name. */
  #name(): string {
    return this.#lexer.kind === 'string' ? this.#lexer.stringValue() : this.#lexer.slice()
  }

  /**
   * `[n]` or `[*]`. The grammar also takes a negative index, which nothing gives a meaning to; the original's validator
   * stumbles over it (it looks for a positive one and finds none), and the indicator is lost. Refused here in words.
   */
  #element(): boolean {
    this.#algorithm = undefined
    this.#lexer.next()
    if (this.#lexer.kind === '*') this.#tree?.anyElement()
    else this.#tree?.element(this.#lexer.numberText())
    if (!this.#lexer.skip('*') && !this.#lexer.demand('integer', 'an index from 0 on, or *')) return false
    return this.#lexer.demand(']', ']')
  }

  /** `NOT`, the operator and what it is compared with. */
  #test(): boolean {
    const negated = this.#lexer.skip('NOT')
    const operator = this.#lexer.kind
    switch (operator) {
      case '=':
      case '!=':
        this.#lexer.next()
        if (!this.#value()) return false
        break
      case '<':
      case '<=':
      case '>':
      case '>=':
        this.#lexer.next()
        if (!this.#orderable('a value that has an order')) return false
        break
      case 'LIKE':
      case 'MATCHES':
        this.#form = undefined
        this.#lexer.next()
        if (!this.#string()) return false
        break
      case 'ISSUBSET':
      case 'ISSUPERSET':
        this.#lexer.next()
        if (!this.#string()) return false
        break
      case 'IN':
        this.#lexer.next()
        if (!this.#set()) return false
        break
      default:
        return this.#lexer.fail(negated ? 'a comparison operator' : 'a comparison operator, . or [')
    }
    this.#tree?.comparison(operator, negated)
    return true
  }

  #set(): boolean {
    const lexer = this.#lexer
    if (!lexer.demand('(', 'a set in parentheses')) return false
    if (lexer.skip(')')) return true
    do {
      if (!this.#value()) return false
    } while (lexer.skip(','))
    return lexer.demand(')', ', or )')
  }

  #value(): boolean {
    if (this.#lexer.kind !== 'boolean') return this.#orderable('a value')
    if (this.#form) return this.#lexer.fail(this.#form.words)
    this.#tree?.value({ kind: 'boolean', value: this.#lexer.slice() === 'true' })
    this.#lexer.next()
    return true
  }

  #orderable(expected: string): boolean {
    const { kind } = this.#lexer
    if (kind === 'string') return this.#string()
    switch (kind) {
      case 'integer':
      case 'negative integer':
        this.#tree?.value({ kind: 'integer', text: this.#lexer.numberText() })
        break
      case 'float':
      case 'negative float':
        this.#tree?.value({ kind: 'float', text: this.#lexer.numberText() })
        break
      case 'timestamp':
      case 'hex':
      case 'binary':
        this.#tree?.value({ kind, text: this.#lexer.slice(2, 1) })
        break
      default:
        return this.#lexer.fail(expected)
    }
    if (this.#form) return this.#lexer.fail(this.#form.words)
    this.#lexer.next()
    return true
  }

  /**
   * A string, which must have the form of a hash if it is compared with one. Two things are different in stix2patterns
   * 2.0.0: that wants a hash behind `LIKE` and `MATCHES`, too, which take a pattern of one (STIX §9.6.1), and it takes a
   * whole set for one value, and so refuses every set of hashes (https://github.com/oasis-open/cti-pattern-validator/issues/72); here each counts for itself.
   */
  #string(): boolean {
    const lexer = this.#lexer
    if (lexer.kind !== 'string') return lexer.fail('a string')
    if (this.#form && !this.#form.fits(lexer.stringValue())) return lexer.fail(this.#form.words)
    this.#tree?.value({ kind: 'string', value: lexer.stringValue() })
    lexer.next()
    return true
  }
}

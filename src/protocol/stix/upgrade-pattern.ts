import { PatternLexer } from './pattern-lexer.ts'
import type { TokenKind } from './pattern-token.ts'

/** Properties of observables that have another name in STIX 2.1 (§6): as the pattern of an indicator names them. */
const renamed: ReadonlyMap<string, string> = new Map([
  ['directory:created', 'ctime'],
  ['directory:modified', 'mtime'],
  ['directory:accessed', 'atime'],
  ['file:created', 'ctime'],
  ['file:modified', 'mtime'],
  ['file:accessed', 'atime'],
  ['process:created', 'created_time'],
  ['process:binary_ref', 'image_ref'],
  ['user-account:password_last_changed', 'credential_last_changed'],
  ['windows-registry-key:modified', 'modified_time'],
])

/** What a qualifier begins with. */
const qualifiers: ReadonlySet<TokenKind> = new Set(['WITHIN', 'REPEATS', 'START'])

/** Words of which a pattern has one at least if there is something to be changed. */
const changing = /START|WITHIN|REPEATS|created|modified|accessed|binary_ref|password_last_changed/

/**
 * Makes a pattern of STIX 2.1 of one of STIX 2.0. There, the times of `START '…' STOP '…'` are strings, an observation may
 * have qualifiers of one kind twice (now they are for it and for a group of it, which means the same), and some properties
 * have other names. What can't be read to its end stays as it is, for the check to say why. Time and memory are linear in
 * the length.
 */
export function upgradePattern(pattern: string): string {
  if (!changing.test(pattern)) return pattern
  const groups = placesOfGroups(pattern)
  const upgraded = new Rewriting(pattern)
  const lexer = new PatternLexer(pattern)
  let group = 0
  let objectType = ''
  let last: { readonly kind: TokenKind; readonly start: number; readonly end: number } | undefined
  for (; lexer.kind !== 'end'; lexer.next()) {
    const { kind, start, end } = lexer
    if (kind === 'unreadable') return pattern
    for (let at = groups[group]; at !== undefined && at <= start; at = groups[++group]) {
      upgraded.insert(at, group % 2 === 0 ? '(' : ')')
    }
    if (kind === ':') objectType = last === undefined ? '' : pattern.slice(last.start, last.end)
    else if (last?.kind === ':') {
      const name = renamed.get(`${objectType}:${pattern.slice(start, end)}`)
      if (name !== undefined) upgraded.replace(start, end, name)
    } else if (kind === 'string' && (last?.kind === 'START' || last?.kind === 'STOP')) {
      // right behind the word, it would be a part of that
      upgraded.insert(start, start === last.end ? ' t' : 't')
    }
    last = { kind, start, end }
  }
  return upgraded.text()
}

/** Where groups have to begin and end so that no observation has qualifiers of one kind twice: one after the other. */
function placesOfGroups(pattern: string): readonly number[] {
  const places: number[] = []
  const lexer = new PatternLexer(pattern)
  /** Brackets that are open: an observation's, and within it one that an index is in. */
  let brackets = 0
  /** Where the observation begins that qualifiers may follow now; undefined after a group. */
  let observation: number | undefined
  const seen = new Set<TokenKind>()
  let lastEnd = 0
  for (; lexer.kind !== 'end' && lexer.kind !== 'unreadable'; lexer.next()) {
    const { kind, start, end } = lexer
    if (kind === '[' && brackets++ === 0) {
      observation = start
      seen.clear()
    } else if (kind === ']') brackets--
    else if (brackets === 0 && kind === ')') observation = undefined
    else if (brackets === 0 && qualifiers.has(kind)) {
      if (observation !== undefined && seen.has(kind)) {
        places.push(observation, lastEnd)
        observation = undefined
      }
      seen.add(kind)
    }
    lastEnd = end
  }
  return places
}

/** Changes are put together from so many on: each takes as much memory as a few words of the text. */
const mostChanges = 2000

/** A text that is written anew from left to right, with changes. */
class Rewriting {
  readonly #text: string
  #parts: string[] = []
  #written = ''
  /** Up to where it is written. */
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  insert(at: number, added: string): void {
    this.replace(at, at, added)
  }

  replace(start: number, end: number, by: string): void {
    this.#parts.push(this.#text.slice(this.#at, start), by)
    this.#at = end
    if (this.#parts.length >= 2 * mostChanges) this.#join()
  }

  /** All of it; nothing can be changed after that. */
  text(): string {
    this.#join()
    return this.#written + this.#text.slice(this.#at)
  }

  #join(): void {
    this.#written += this.#parts.join('')
    this.#parts = []
  }
}

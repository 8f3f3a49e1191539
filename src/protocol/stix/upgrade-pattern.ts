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

/** A change to a text: what is from `start` to `end` becomes `text`. */
interface Edit {
  readonly start: number
  readonly end: number
  readonly text: string
}

/** What a qualifier begins with. */
const qualifiers: ReadonlySet<TokenKind> = new Set(['WITHIN', 'REPEATS', 'START'])

/**
 * Makes a pattern of STIX 2.1 of one of STIX 2.0. There, the times of `START '…' STOP '…'` are strings, an observation may
 * have qualifiers of one kind twice (now they are for it and for a group of it, which means the same), and some properties
 * have other names. What can't be read to its end stays as it is, for the check to say why. Time is linear in the length.
 */
export function upgradePattern(pattern: string): string {
  const edits: Edit[] = []
  const lexer = new PatternLexer(pattern)
  /** Brackets that are open: an observation's, and within it one that an index is in. */
  let brackets = 0
  /** Where the observation begins that qualifiers may follow now; undefined after a group. */
  let observation: number | undefined
  const seen = new Set<TokenKind>()
  let objectType = ''
  let last: { readonly kind: TokenKind; readonly text: string; readonly end: number } | undefined
  for (; lexer.kind !== 'end'; lexer.next()) {
    const { kind, start, end } = lexer
    const text = lexer.slice()
    if (kind === 'unreadable') return pattern
    if (kind === '[') {
      if (brackets === 0) {
        observation = start
        seen.clear()
      }
      brackets++
    } else if (kind === ']') brackets--
    else if (kind === ':') objectType = last?.text ?? ''
    else if (last?.kind === ':') {
      const name = renamed.get(`${objectType}:${text}`)
      if (name !== undefined) edits.push({ start, end, text: name })
    } else if (brackets === 0 && qualifiers.has(kind)) {
      if (observation !== undefined && last !== undefined && seen.has(kind)) {
        edits.push({ start: observation, end: observation, text: '(' }, { start: last.end, end: last.end, text: ')' })
        observation = undefined
      }
      seen.add(kind)
    } else if (kind === 'string' && (last?.kind === 'START' || last?.kind === 'STOP')) {
      // right behind the word, it would be a part of that
      edits.push({ start, end: start, text: start === last.end ? ' t' : 't' })
    } else if (kind === ')') observation = undefined
    last = { kind, text, end }
  }
  return edited(pattern, edits)
}

/** A text with all of these changes, which do not overlap. */
function edited(text: string, edits: readonly Edit[]): string {
  const parts: string[] = []
  let at = 0
  for (const edit of edits.toSorted((a, b) => a.start - b.start)) {
    parts.push(text.slice(at, edit.start), edit.text)
    at = edit.end
  }
  return parts.join('') + text.slice(at)
}

/** The words that a pattern keeps for itself, in capitals only. `LAST` is one of them, though nothing uses it. */
const keywords = [
  'AND',
  'OR',
  'NOT',
  'FOLLOWEDBY',
  'LIKE',
  'MATCHES',
  'ISSUPERSET',
  'ISSUBSET',
  'EXISTS',
  'LAST',
  'IN',
  'START',
  'STOP',
  'SECONDS',
  'WITHIN',
  'REPEATS',
  'TIMES',
] as const

/** Which STIX a pattern is of: the grammars of 2.0 and 2.1 differ in a few places, each of which says so. */
export type PatternVersion = '2.0' | '2.1'

/** A keyword, which is its own kind of token. */
export type Keyword = (typeof keywords)[number]

/** A sign, which is its own kind of token; `==` and `<>` are other spellings of `=` and `!=`. */
export type Sign = '=' | '!=' | '<' | '<=' | '>' | '>=' | ':' | '.' | ',' | '(' | ')' | '[' | ']' | '*'

/**
 * What a token is. A `hyphenated` name may name a type of object but no property; `unreadable` is where no token can be
 * read, and `end` is the end of the text.
 */
export type TokenKind =
  | Keyword
  | Sign
  | 'name'
  | 'hyphenated'
  | 'string'
  | 'boolean'
  | 'integer'
  | 'negative integer'
  | 'float'
  | 'negative float'
  | 'timestamp'
  | 'hex'
  | 'binary'
  | 'unreadable'
  | 'end'

const kindsOfWords: ReadonlyMap<string, TokenKind> = new Map<string, TokenKind>([
  ...keywords.map((keyword): [string, TokenKind] => [keyword, keyword]),
  ['true', 'boolean'],
  ['false', 'boolean'],
])

const longestKeyword = Math.max(...keywords.map(keyword => keyword.length))

/** What the word of letters, digits and `_` between these indices of the text is. */
export function kindOfWord(text: string, start: number, end: number): TokenKind {
  // Most words are names of objects and properties, in small letters: told without making a string of them.
  const first = text.charCodeAt(start)
  const mayBeKept = first <= 0x5a || first === 0x74 || first === 0x66
  if (!mayBeKept || end - start > longestKeyword) return 'name'
  return kindsOfWords.get(text.slice(start, end)) ?? 'name'
}

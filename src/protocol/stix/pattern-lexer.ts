import { base64End, blanksEnd, hexEnd, isDigit, isWordPart, isWordStart, timestampEnd } from './pattern-characters.ts'
import { kindOfWord, type PatternVersion, type TokenKind } from './pattern-token.ts'
import type { PatternError } from './pattern-tree.ts'
import { quoted } from './quoted.ts'

/** Longest token that an error quotes, in UTF-16 units: errors stay below 200 characters ({@link PatternError}). */
const longestQuotation = 20

/**
 * Reads a pattern token by token, each once, from left to right: `kind`, `start` and `end` are those of the token at
 * hand. The tokens are those of the OASIS grammars (`STIXPattern.g4` in cti-stix2-json-schemas, one for each STIX). Where
 * that grammar would read on after half a token, and then fail, this says what is wrong with the token.
 */
export class PatternLexer {
  /** What the token at hand is. */
  kind: TokenKind = 'end'
  /** Where the token at hand begins. */
  start = 0
  /** Where the token at hand ends: the index after it. */
  end = 0
  /** Whose grammar it is read by. */
  readonly version: PatternVersion
  readonly #text: string
  /** What is wrong with an unreadable token, in words. */
  #trouble = ''
  /** Does the string at hand have escapes? */
  #escaped = false
  /** What the error says, once there is one; nothing is read after it. */
  #message = ''

  /** Stands at the first token of the text. */
  constructor(text: string, version: PatternVersion = '2.1') {
    this.#text = text
    this.version = version
    this.next()
  }

  /** Goes on to the next token. */
  next(): void {
    this.start = blanksEnd(this.#text, this.end)
    this.end = this.#read(this.start)
  }

  /** Goes on to the next token if the one at hand is of this kind, and says whether it was. */
  skip(kind: TokenKind): boolean {
    if (this.kind !== kind) return false
    this.next()
    return true
  }

  /** Like {@link skip}, but anything else is an error: `expected` says what the token should have been. */
  demand(kind: TokenKind, expected: string): boolean {
    return this.skip(kind) || this.fail(expected)
  }

  /** The text of the token at hand, without its first `before` and last `after` characters. */
  slice(before = 0, after = 0): string {
    return this.#text.slice(this.start + before, this.end - after)
  }

  /** Is this the text of the token at hand? */
  reads(text: string): boolean {
    return this.end - this.start === text.length && this.#text.startsWith(text, this.start)
  }

  /** Is the token at hand a timestamp, or, as STIX 2.0 has it in qualifiers, a string that is one? */
  isTimestamp(): boolean {
    if (this.kind === 'timestamp') return true
    return this.kind === 'string' && this.version === '2.0' && timestampEnd(this.#text, this.start + 1) === this.end - 1
  }

  /** The number at hand, without a leading `+`. */
  numberText(): string {
    return this.slice(this.#text[this.start] === '+' ? 1 : 0)
  }

  /** The value of the string at hand: without quotes and escapes. */
  stringValue(): string {
    const raw = this.slice(1, 1)
    return this.#escaped ? raw.replace(/\\(.)/g, '$1') : raw
  }

  /** Records the error that something else than the token at hand was expected here, and gives false. */
  fail(expected: string): false {
    const found =
      this.kind === 'unreadable'
        ? this.#trouble
        : this.kind === 'end'
          ? 'the end'
          : quoted(this.slice(), longestQuotation)
    return this.failWith(`found ${found}, expected ${expected}`)
  }

  /** Records an error at the token at hand, and gives false. */
  failWith(message: string): false {
    this.#message = message
    return false
  }

  /** The error that was recorded, and where it is in the text. */
  error(): PatternError {
    const offset = this.start
    let line = 1
    let lineStart = 0
    for (let feed = this.#text.indexOf('\n'); feed >= 0 && feed < offset; feed = this.#text.indexOf('\n', lineStart)) {
      line++
      lineStart = feed + 1
    }
    return { kind: 'error', message: this.#message, offset, line, column: offset - lineStart + 1 }
  }

  /** Reads the token that begins at `start`, and gives its end. */
  #read(start: number): number {
    const text = this.#text
    const code = text.charCodeAt(start)
    if (isWordStart(code)) return this.#word(start)
    if (code === 0x27) return this.#string(start)
    if (isDigit(code)) return this.#number(start, start)
    const sign = text[start]
    const after = text[start + 1]
    switch (sign) {
      case undefined:
        return this.#token('end', start)
      case '[':
      case ']':
      case '(':
      case ')':
      case ':':
      case ',':
      case '*':
        return this.#token(sign, start + 1)
      case '.':
        return isDigit(text.charCodeAt(start + 1)) ? this.#number(start, start) : this.#token('.', start + 1)
      case '+':
      case '-':
        return this.#number(start, start + 1)
      case '=':
        return this.#token('=', after === '=' ? start + 2 : start + 1)
      case '!':
        if (after === '=') return this.#token('!=', start + 2)
        break
      case '<':
        if (after === '>') return this.#token('!=', start + 2)
        return after === '=' ? this.#token('<=', start + 2) : this.#token('<', start + 1)
      case '>':
        return after === '=' ? this.#token('>=', start + 2) : this.#token('>', start + 1)
    }
    return this.#unreadable(`the character ${quoted(String.fromCodePoint(text.codePointAt(start) ?? code))}`, start)
  }

  #token(kind: TokenKind, end: number): number {
    this.kind = kind
    return end
  }

  /** There is no token here: `trouble` says in words what there is instead, and `at` where exactly. */
  #unreadable(trouble: string, at: number): number {
    this.#trouble = trouble
    this.start = at
    return this.#token('unreadable', at)
  }

  /** A keyword, a name, or the letter that opens a timestamp, a hexadecimal or a binary value. */
  #word(start: number): number {
    const text = this.#text
    let end = start + 1
    while (isWordPart(text.charCodeAt(end))) end++
    if (text[end] === '-') {
      while (isWordPart(text.charCodeAt(end)) || text[end] === '-') end++
      return this.#token('hyphenated', end)
    }
    if (end === start + 1 && text[end] === "'") {
      if (text[start] === 't') return this.#prefixed('timestamp', start, timestampEnd(text, end + 1))
      if (text[start] === 'h') return this.#prefixed('hex', start, hexEnd(text, end + 1))
      if (text[start] === 'b') return this.#prefixed('binary', start, base64End(text, end + 1))
    }
    const kind = kindOfWord(text, start, end)
    // A keyword of 2.1 alone.
    return this.#token(kind === 'EXISTS' && this.version === '2.0' ? 'name' : kind, end)
  }

  /** `t'…'`, `h'…'` or `b'…'`; `quoteAt` is the index of the closing quote, or -1 if what is before it is malformed. */
  #prefixed(kind: 'timestamp' | 'hex' | 'binary', start: number, quoteAt: number): number {
    return quoteAt < 0 ? this.#unreadable(`a malformed ${kind} value`, start) : this.#token(kind, quoteAt + 1)
  }

  #string(start: number): number {
    const text = this.#text
    this.#escaped = false
    for (let at = start + 1; at < text.length; at++) {
      const code = text.charCodeAt(at)
      if (code === 0x27) return this.#token('string', at + 1)
      if (code !== 0x5c) continue
      const escaped = text[++at]
      if (escaped !== "'" && escaped !== '\\')
        return this.#unreadable('a backslash before neither quote nor backslash', at - 1)
      this.#escaped = true
    }
    return this.#unreadable('a string without a closing quote', start)
  }

  /** A number from `start` on whose first digit or point is at `digits`. */
  #number(start: number, digits: number): number {
    const text = this.#text
    const isNegative = text[start] === '-'
    let end = digits
    while (isDigit(text.charCodeAt(end))) end++
    if (text[end] === '.' && isDigit(text.charCodeAt(end + 1))) {
      do end++
      while (isDigit(text.charCodeAt(end)))
      return this.#token(isNegative ? 'negative float' : 'float', end)
    }
    if (end === digits) return this.#unreadable('a sign without a number', start)
    if (text[digits] === '0' && end > digits + 1) return this.#unreadable('a whole number with a leading zero', start)
    return this.#token(isNegative ? 'negative integer' : 'integer', end)
  }
}

/**
 * Finds values in JSON text as they stand there, so that they can be handed on byte for byte.
 *
 * It accepts exactly what `JSON.parse` accepts, in one pass and without recursion: neither size nor nesting of the text
 * can make it slow or make it fail.
 */

/** A part of a text. */
export interface Slice {
  readonly start: number
  /** The index after its last character. */
  readonly end: number
}

/** A value, one level deep. Of duplicate members the last wins, as in `JSON.parse`. */
export type ScannedValue = Slice &
  (
    | { readonly kind: 'object'; readonly members: ReadonlyMap<string, Slice> }
    | { readonly kind: 'array'; readonly elements: readonly Slice[] }
    | { readonly kind: 'scalar' }
  )

/** Thrown when the text is not JSON. */
export class BrokenJson extends Error {
  /** Where it stops making sense: the length of the text if it ends too early. */
  readonly index: number

  constructor(index: number, problem: string) {
    super(problem)
    this.index = index
  }
}

const quote = 0x22
const comma = 0x2c
const colon = 0x3a
const backslash = 0x5c
const openBracket = 0x5b
const openBrace = 0x7b
const closeBrace = 0x7d

/** The bracket that closes what `open` opens: both kinds are two characters apart. */
function closing(open: number): number {
  return open + 2
}

/** The values in a text, one after the other; only whitespace is between them. Throws {@link BrokenJson} when it comes to what is none. */
export function* scanValues(text: string): Generator<ScannedValue, void, undefined> {
  for (let index = skipWhitespace(text, 0); index < text.length; ) {
    const value = scanValue(text, index)
    yield value
    index = skipWhitespace(text, value.end)
  }
}

/**
 * The text of a member of the JSON object that `text` is, or undefined if there is no such member. What an application
 * wrapped is forwarded byte for byte (PROTOCOL "Envelopes"), so it is cut out, not serialised again.
 * Throws {@link BrokenJson}.
 */
export function memberText(text: string, key: string): string | undefined {
  const value = scanValue(text, skipWhitespace(text, 0))
  const member = value.kind === 'object' ? value.members.get(key) : undefined
  return member && text.slice(member.start, member.end)
}

/**
 * Where the members of these names are in the JSON object that `text` is; undefined if it is some other JSON. Nothing is built
 * of what else it has. Throws {@link BrokenJson}.
 */
export function scanMembers(text: string, names: ReadonlySet<string>): ReadonlyMap<string, Slice> | undefined {
  const start = skipWhitespace(text, 0)
  const members = new Map<string, Slice>()
  const isObject = text.charCodeAt(start) === openBrace
  const note = (value: Slice, key: Slice) => {
    const name = keyIn(text, key)
    if (names.has(name)) members.set(name, value)
  }
  const end = skipWhitespace(text, isObject ? scanItems(text, start, note) : endOfValue(text, start))
  if (end < text.length) throw expected(text, end, 'the end')
  return isObject ? members : undefined
}

/** A member of an object whose text may not have come whole. */
export interface BegunMember {
  /** Where its value begins. */
  readonly start: number
  /** The index after its value; undefined if that has not ended yet. */
  readonly end?: number
}

/**
 * The members of the object that begins at `start`, as far as its text goes or makes sense: the last may be begun only. Of
 * duplicate members the last wins.
 */
export function membersSoFar(text: string, start: number): ReadonlyMap<string, BegunMember> {
  const members = new Map<string, BegunMember>()
  const note = (value: BegunMember, key: Slice) => members.set(keyIn(text, key), value)
  try {
    scanItems(text, start, note, note)
  } catch (error) {
    if (!(error instanceof BrokenJson)) throw error
  }
  return members
}

const gap = /[ \n\r\t"]/g

/** JSON text without the whitespace between its tokens, and so on one line; all else stays as it is. The text must be JSON. */
export function compacted(text: string): string {
  const kept: string[] = []
  let start = 0
  gap.lastIndex = 0
  for (let found = gap.exec(text); found !== null; found = gap.exec(text)) {
    if (found[0] === '"') gap.lastIndex = endOfString(text, found.index)
    else {
      kept.push(text.slice(start, found.index))
      start = skipWhitespace(text, found.index)
      gap.lastIndex = start
    }
  }
  return kept.join('') + text.slice(start)
}

/** The value that begins at `start`, which is not whitespace. Throws {@link BrokenJson}. */
export function scanValue(text: string, start: number): ScannedValue {
  const open = text.charCodeAt(start)
  if (open === openBrace) {
    const members = new Map<string, Slice>()
    const end = scanItems(text, start, (value, key) => members.set(keyIn(text, key), value))
    return { kind: 'object', start, end, members }
  }
  if (open === openBracket) {
    const elements: Slice[] = []
    const end = scanItems(text, start, value => elements.push(value))
    return { kind: 'array', start, end, elements }
  }
  return { kind: 'scalar', start, end: endOfScalar(text, start) }
}

/** Walks over the items of the object or array that begins at `start`, and answers the index after it. */
function scanItems(
  text: string,
  start: number,
  found: (value: Slice, key: Slice) => void,
  begun?: (value: BegunMember, key: Slice) => void,
): number {
  const open = text.charCodeAt(start)
  const close = closing(open)
  let index = skipWhitespace(text, start + 1)
  if (text.charCodeAt(index) === close) return index + 1
  for (;;) {
    const key = { start: index, end: open === openBrace ? endOfKey(text, index) : index }
    const valueStart = open === openBrace ? startOfMember(text, key.end) : index
    begun?.({ start: valueStart }, key)
    const value = { start: valueStart, end: endOfValue(text, valueStart) }
    found(value, key)
    index = skipWhitespace(text, value.end)
    const next = text.charCodeAt(index)
    if (next === close) return index + 1
    if (next !== comma) throw expected(text, index, open === openBrace ? 'a comma or }' : 'a comma or ]')
    index = skipWhitespace(text, index + 1)
  }
}

/** The index after the value that begins at `index`, however deep it is nested. */
function endOfValue(text: string, index: number): number {
  /** What closes the objects and arrays that are open, the innermost last. */
  const due: number[] = []
  for (;;) {
    const open = text.charCodeAt(index)
    if (open === openBrace || open === openBracket) {
      index = skipWhitespace(text, index + 1)
      if (text.charCodeAt(index) !== closing(open)) {
        due.push(closing(open))
        if (open === openBrace) index = startOfMember(text, endOfKey(text, index))
        continue
      }
      index++
    } else index = endOfScalar(text, index)

    // A value ends here, and perhaps what it is in, and what that is in.
    for (let close = due.at(-1); ; close = due.at(-1)) {
      if (close === undefined) return index
      index = skipWhitespace(text, index)
      const next = text.charCodeAt(index)
      if (next === comma) {
        index = skipWhitespace(text, index + 1)
        if (close === closeBrace) index = startOfMember(text, endOfKey(text, index))
        break
      }
      if (next !== close) throw expected(text, index, `a comma or ${String.fromCharCode(close)}`)
      due.pop()
      index++
    }
  }
}

function keyIn(text: string, { start, end }: Slice): string {
  const literal = text.slice(start, end)
  return literal.includes('\\') ? JSON.parse(literal) : literal.slice(1, -1)
}

function endOfKey(text: string, index: number): number {
  if (text.charCodeAt(index) !== quote) throw expected(text, index, 'a member name in double quotes')
  return endOfString(text, index)
}

/** The index of the value whose name ends at `index`. */
function startOfMember(text: string, index: number): number {
  const separator = skipWhitespace(text, index)
  if (text.charCodeAt(separator) !== colon) throw expected(text, separator, 'a colon')
  return skipWhitespace(text, separator + 1)
}

const number = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const word = /true|false|null/y

function endOfScalar(text: string, index: number): number {
  if (text.charCodeAt(index) === quote) return endOfString(text, index)
  for (const kind of [number, word]) {
    kind.lastIndex = index
    if (kind.test(text)) return kind.lastIndex
  }
  throw expected(text, index, 'a value')
}

const escaped = /["\\/bfnrt]|u[\da-fA-F]{4}/y

/** A string that is not closed is broken where it begins: whatever follows the text can't mend it. */
function endOfString(text: string, start: number): number {
  for (let index = start + 1; index < text.length; ) {
    const code = text.charCodeAt(index)
    if (code === quote) return index + 1
    if (code < 0x20) throw new BrokenJson(index, 'a line break or control character in a string')
    if (code === backslash) {
      escaped.lastIndex = index + 1
      if (!escaped.test(text)) throw new BrokenJson(index, 'a backslash in a string that escapes nothing')
      index = escaped.lastIndex
    } else index++
  }
  throw new BrokenJson(start, 'a string that is not closed')
}

function skipWhitespace(text: string, index: number): number {
  for (; index < text.length; index++) {
    const code = text.charCodeAt(index)
    if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) break
  }
  return index
}

function expected(text: string, index: number, what: string): BrokenJson {
  return index < text.length
    ? new BrokenJson(index, `${what} was expected, and there is ${JSON.stringify(text.charAt(index))}`)
    : new BrokenJson(text.length, `${what} was expected, and the text ends`)
}

/**
 * The exact text of a member's value in the text of a JSON object, or undefined if there is no such member. What an
 * application wrapped is forwarded byte for byte (PROTOCOL "Points that were asked about"), so it is cut out, not
 * serialised again. Of duplicate keys the last wins, as in `JSON.parse`.
 *
 * `text` must be a JSON object that `JSON.parse` accepts; of other text the answer means nothing. One pass.
 */
export function memberText(text: string, key: string): string | undefined {
  let found: string | undefined
  let index = skipWhitespace(text, text.indexOf('{') + 1)
  while (text[index] === '"') {
    const keyEnd = endOfString(text, index)
    const isIt = isKey(text.slice(index, keyEnd), key)
    const start = skipWhitespace(text, skipWhitespace(text, keyEnd) + 1)
    const end = endOfValue(text, start)
    if (isIt) found = text.slice(start, end)
    index = skipWhitespace(text, skipWhitespace(text, end) + 1)
  }
  return found
}

/** A key may be written with escapes; only then is it worth parsing. */
function isKey(literal: string, key: string): boolean {
  return literal.includes('\\') ? JSON.parse(literal) === key : literal.slice(1, -1) === key
}

function skipWhitespace(text: string, index: number): number {
  while (index < text.length && ' \t\n\r'.includes(text.charAt(index))) index++
  return index
}

/** The index after the string literal that begins at `index`. */
function endOfString(text: string, index: number): number {
  for (index++; index < text.length && text[index] !== '"'; index++) if (text[index] === '\\') index++
  return index + 1
}

/** The index after the value that begins at `index`. */
function endOfValue(text: string, index: number): number {
  let depth = 0
  for (; index < text.length; index++) {
    const character = text[index]
    if (character === '"') {
      index = endOfString(text, index) - 1
      if (depth === 0) return index + 1
    } else if (character === '{' || character === '[') depth++
    else if (character === '}' || character === ']') {
      if (depth === 0) return index
      if (--depth === 0) return index + 1
    } else if (depth === 0 && ', \t\n\r'.includes(character as string)) return index
  }
  return index
}

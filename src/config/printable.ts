/**
 * What a terminal or an editor would act upon instead of showing: control characters (C0, DEL, C1), line and paragraph
 * separators, lone surrogates, and the marks that reorder text (the "Trojan Source" ones).
 */
const unprintable = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu

const shortEscapes: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

function escaped(character: string): string {
  const code = character.charCodeAt(0)
  const hex = code.toString(16)
  return shortEscapes[character] ?? (code < 256 ? `\\x${hex.padStart(2, '0')}` : `\\u${hex.padStart(4, '0')}`)
}

/**
 * Text that someone else wrote, fit for one line of a terminal: everything that would act on the terminal, end the line
 * or reorder it stands there as an escape (`\n`, `\x1b`, `\u202e`). Printable text, in any script, stays as it is.
 */
export function printable(text: string): string {
  return text.replace(unprintable, escaped)
}

/**
 * The same for a line of JSON: escapes as JSON knows them, so that whoever parses the line reads the original text.
 * Takes whole serialised lines, in which such characters can stand in strings only.
 */
export function printableJson(line: string): string {
  return line.replace(unprintable, character =>
    character === '\n' ? character : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** Characters of a value that an error message quotes at most. */
const quotedLength = 60

/** A value as an error message quotes it: short, on one line, and telling `"5"` from `5`. */
export function quoted(value: unknown): string {
  if (value === null || value === undefined) return 'nothing'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'a section'
  const text = printable(String(value))
  const short = text.length > quotedLength ? `${text.slice(0, quotedLength)}…` : text
  return typeof value === 'string' ? `"${short}"` : short
}

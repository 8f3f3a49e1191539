import { unprintable } from '../protocol/unprintable.ts'

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

/** The same for several lines: only what ends them stays. */
export function printableLines(text: string): string {
  return text.split('\n').map(printable).join('\n')
}

/**
 * The same for JSON: escapes as JSON knows them, so that whoever parses it reads the original text. Between its tokens line
 * feeds stay, and other white space that is none of a terminal's is a space.
 */
export function printableJson(json: string): string {
  return json.replace(unprintable, character => {
    if (character === '\n') return character
    // JSON has these only between its tokens (RFC 8259, sections 2 and 7).
    if (character === '\r' || character === '\t') return ' '
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
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

/** A text that is no command; the message says what is wrong with it and what to do, to be shown behind its key. */
export class CommandError extends Error {
  override readonly name = 'CommandError'
}

const blanks = ' \t\r\n'

/**
 * Splits a text into words as a POSIX shell does, and Python's `shlex.split`, which the original used: blanks part them,
 * `'…'` keeps everything, `"…"` keeps all but a backslash before `"` or a backslash, and a backslash keeps the next
 * character. Nothing is expanded: `$`, `*`, `|`, `;`, `#` and `~` are characters like any other. Of the libraries for
 * this, those that are still looked after read operators, comments or `$'…'` as well. Linear in the text's length.
 *
 * Throws a {@link CommandError} for a quote that is not closed, a backslash at the end, and a NUL.
 */
export function shellWords(text: string): readonly string[] {
  const found: string[] = []
  let argument: string | undefined
  for (let at = 0; at < text.length; at++) {
    const character = text.charAt(at)
    if (blanks.includes(character)) {
      if (argument !== undefined) found.push(argument)
      argument = undefined
    } else if (character === "'" || character === '"') {
      const quotation = quotationFrom(text, at)
      argument = (argument ?? '') + quotation.value
      at = quotation.end
    } else if (character === '\\') {
      if (++at === text.length) throw new CommandError('ends with a backslash: write \\\\ for one')
      argument = (argument ?? '') + text.charAt(at)
    } else argument = (argument ?? '') + character
  }
  if (argument !== undefined) found.push(argument)
  if (found.some(one => one.includes('\0'))) throw new CommandError('has a NUL, which no argument can hold')
  return found
}

/** What is between the quote at `start` and the one that closes it, and where that is. */
function quotationFrom(text: string, start: number): { readonly value: string; readonly end: number } {
  const quote = text.charAt(start)
  let value = ''
  for (let at = start + 1; at < text.length; at++) {
    const character = text.charAt(at)
    if (character === quote) return { value, end: at }
    const next = text.charAt(at + 1)
    const escapes = character === '\\' && quote === '"' && (next === '"' || next === '\\')
    value += escapes ? next : character
    if (escapes) at++
  }
  throw new CommandError(`has a ${quote} in column ${start + 1} that is not closed: close it, or write \\${quote}`)
}

/** An ASCII digit? The codes here are UTF-16 units; `NaN`, which stands after the end of a text, is none of these. */
export function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39
}

/** May a name in a pattern begin with it: an ASCII letter or `_`? */
export function isWordStart(code: number): boolean {
  return (code >= 0x61 && code <= 0x7a) || (code >= 0x41 && code <= 0x5a) || code === 0x5f
}

/** May a name in a pattern go on with it: an ASCII letter, a digit or `_`? A `-` makes it another kind of name. */
export function isWordPart(code: number): boolean {
  return isWordStart(code) || isDigit(code)
}

/** The white space of the grammar's rule WS beyond ASCII. Others, as a byte order mark, are no white space. */
const wideBlanks = new Set(
  '\u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000',
)

/** The index of what comes after the white space and comments from `from` on. */
export function blanksEnd(text: string, from: number): number {
  for (let at = from; ; ) {
    const code = text.charCodeAt(at)
    if (code === 0x20 || (code >= 0x09 && code <= 0x0d)) at++
    else if (code > 0x7f && wideBlanks.has(text.charAt(at))) at++
    else {
      const end = code === 0x2f ? commentEnd(text, at) : at
      if (end === at) return at
      at = end
    }
  }
}

/** The index after the comment that begins at this slash, or the slash's own if none does, or it has no end. */
function commentEnd(text: string, slash: number): number {
  let end = slash + 2
  if (text[slash + 1] === '*') {
    end = text.indexOf('*/', end)
    return end < 0 ? slash : end + 2
  }
  if (text[slash + 1] !== '/') return slash
  while (end < text.length && text[end] !== '\n' && text[end] !== '\r') end++
  return end
}

function isHexDigit(code: number): boolean {
  return isDigit(code) || (code >= 0x61 && code <= 0x66) || (code >= 0x41 && code <= 0x46)
}

function isBase64Digit(code: number): boolean {
  return isDigit(code) || ((code | 0x20) >= 0x61 && (code | 0x20) <= 0x7a) || code === 0x2b || code === 0x2f
}

/** The index of the quote that ends the hexadecimal digits from `from` on, or -1 if they are malformed or an odd number. */
export function hexEnd(text: string, from: number): number {
  let at = from
  while (isHexDigit(text.charCodeAt(at))) at++
  return text[at] === "'" && (at - from) % 2 === 0 ? at : -1
}

/**
 * The index of the quote that ends the base64 from `from` on (RFC 4648 §4, padded), or -1 if it is malformed. It has at
 * least one byte, as in the grammar's rule BinaryLiteral.
 */
export function base64End(text: string, from: number): number {
  let at = from
  while (isBase64Digit(text.charCodeAt(at))) at++
  const digits = at - from
  while (at - from - digits < 2 && text[at] === '=') at++
  return digits >= 2 && (at - from) % 4 === 0 && text[at] === "'" ? at : -1
}

/** What each character of a timestamp up to its seconds may be: digits are tested as numbers afterwards. */
const timestampShape = 'dddd-dd-ddTdd:dd:dd'

/**
 * The index of the quote that ends the timestamp from `from` on, or -1 if it is malformed. As in the grammar's rule
 * TimestampLiteral, months are 01–12, days 01–31 whatever the month, seconds up to 60, and a fraction is of any length:
 * the original checks no more than that.
 */
export function timestampEnd(text: string, from: number): number {
  for (let index = 0; index < timestampShape.length; index++) {
    const expected = timestampShape[index]
    const fits = expected === 'd' ? isDigit(text.charCodeAt(from + index)) : text[from + index] === expected
    if (!fits) return -1
  }
  const number = (offset: number) => Number(text.slice(from + offset, from + offset + 2))
  const [month, day, hour, minute, second] = [number(5), number(8), number(11), number(14), number(17)]
  if (month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60) return -1
  let at = from + timestampShape.length
  if (text[at] === '.') {
    at++
    if (!isDigit(text.charCodeAt(at))) return -1
    while (isDigit(text.charCodeAt(at))) at++
  }
  return text[at] === 'Z' && text[at + 1] === "'" ? at + 1 : -1
}

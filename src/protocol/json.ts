import { isUtf8 } from 'node:buffer'

import { deepestNesting } from './stix/nesting.ts'

/**
 * From this size on nesting and values are counted before parsing. `JSON.parse` spends about a quarter of a microsecond on
 * each level, so 16 MiB of `[` would stall the broker for seconds; a text that is shorter cannot stall anyone.
 */
const measuredFromBytes = 4096

const quote = 0x22
const comma = 0x2c
const colon = 0x3a
const backslash = 0x5c
const openBrace = 0x7b
const openBracket = 0x5b
const closeBrace = 0x7d
const closeBracket = 0x5d

/** Stands where bytes are not UTF-8; a sender may also have written it. */
const replacement = '\ufffd'

/** Decodes UTF-8 exactly, or answers undefined if the bytes are not UTF-8: replacement characters would not be the sender's bytes. */
export function decodeUtf8(bytes: Buffer): string | undefined {
  const text = bytes.toString('utf8')
  return text.includes(replacement) && !isUtf8(bytes) ? undefined : text
}

/** What JSON text may have too much of: levels of nesting ({@link deepestNesting}), or values, with the names of members. */
export type Excess = 'nested_too_deep' | 'too_many_values'

/**
 * What does JSON text have too much of? Told in one pass, before anything is built of it: what a value takes, in time and in
 * memory, is by the number of its parts rather than by the length of its text. Of malformed text it may say anything.
 *
 * @param maxValues a text of less than 4 KiB never counts as having more
 */
export function excessOf(text: string, maxValues: number): Excess | undefined {
  if (text.length < measuredFromBytes) return undefined
  let depth = 0
  // A value stands at the beginning, and each value and each name elsewhere has one of these signs before it: [ { , :
  let values = 1
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    if (code === quote) {
      index++
      while (index < text.length && text.charCodeAt(index) !== quote)
        index += text.charCodeAt(index) === backslash ? 2 : 1
    } else if (code === comma || code === colon) values++
    else if (code === openBrace || code === openBracket) {
      if (++depth > deepestNesting) return 'nested_too_deep'
      values++
      // It may be empty: that shows where it ends.
      continue
    } else if (code === closeBrace || code === closeBracket) {
      depth--
      if (isOpening(lastBefore(text, index))) values--
    } else continue
    if (values > maxValues) return 'too_many_values'
  }
  return undefined
}

/** The character before this index that is no whitespace. */
function lastBefore(text: string, index: number): number {
  let code: number
  do code = text.charCodeAt(--index)
  while (code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09)
  return code
}

function isOpening(code: number): boolean {
  return code === openBrace || code === openBracket
}

/** Is this a JSON object, as opposed to an array, a string, a number, `true`, `false` or `null`? */
export function isJsonObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Parses JSON, or answers undefined (which JSON cannot express) if it is none. Does not bound nesting. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

import { isUtf8 } from 'node:buffer'

import { deepestNesting } from './stix/nesting.ts'

/**
 * Above this size nesting is measured before parsing. `JSON.parse` spends about a quarter of a microsecond on each level,
 * so 16 MiB of `[` would stall the broker for seconds; a text as short as this cannot stall anyone.
 */
const measuredFromBytes = 4096

const quote = 0x22
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

/** Is JSON text nested deeper than {@link deepestNesting}? One pass; of malformed text it may say either. */
export function nestsTooDeep(text: string): boolean {
  if (text.length < measuredFromBytes) return false
  let depth = 0
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    if (code === quote) {
      index++
      while (index < text.length && text.charCodeAt(index) !== quote)
        index += text.charCodeAt(index) === backslash ? 2 : 1
    } else if (code === openBrace || code === openBracket) {
      if (++depth > deepestNesting) return true
    } else if (code === closeBrace || code === closeBracket) depth--
  }
  return false
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

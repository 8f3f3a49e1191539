import { type Kind, kind } from './kind.ts'

/** STIX §2.15 string. The original writes any other value as a string, so `lenient` accepts them all. */
export const string: Kind = {
  expected: 'a string',
  lenient: () => true,
  strict: value => typeof value === 'string',
}

/** STIX §2.2 boolean. The original also reads 0, 1 and a few words in any case. */
export const boolean: Kind = {
  expected: 'true or false',
  lenient: value =>
    typeof value === 'boolean' ||
    value === 0 ||
    value === 1 ||
    (typeof value === 'string' && /^(?:true|t|1|false|f|0)$/i.test(value)),
  strict: value => typeof value === 'boolean',
}

/** Is it true, for those who read it as the original does? It must be a boolean's value in lenient. */
export function meansTrue(value: unknown): boolean {
  return value === true || value === 1 || (typeof value === 'string' && /^(?:true|t|1)$/i.test(value))
}

/** A whole number as Python's `int` reads it from text: blanks around, a sign, underscores between digits. */
const integralText = /^\s*[+-]?\d+(?:_\d+)*\s*$/
/** Longest text that is read as a number, in characters. Python itself reads no more digits than that. */
const longestInteger = 4300

/**
 * The whole number that the original makes of a value: fractions are cut off, text is read, true is 1.
 * NaN when there is none.
 */
function coercedToInteger(value: unknown): number {
  if (typeof value === 'number') return Number.isFinite(value) ? Math.trunc(value) : Number.NaN
  if (typeof value === 'boolean') return Number(value)
  if (typeof value !== 'string' || value.length > longestInteger || !integralText.test(value)) return Number.NaN
  return Number(value.replaceAll('_', ''))
}

/** STIX §2.10 integer, from `lowest` to `highest` inclusive in both readings. */
export function integerBetween(lowest: number, highest: number): Kind {
  const within = (number: number) => number >= lowest && number <= highest
  return {
    expected: `an integer from ${lowest} to ${highest}`,
    lenient: value => within(coercedToInteger(value)),
    strict: value => Number.isInteger(value) && within(Number(value)),
  }
}

/** STIX §3.2 `confidence`: 0–100. The original takes any whole number. */
export const confidence: Kind = {
  ...integerBetween(0, 100),
  lenient: value => !Number.isNaN(coercedToInteger(value)),
}

/** Longest language code, in characters. RFC 5646 §4.4.1 finds 35 enough for all that are in use. */
const longestLanguageCode = 255

/** A language code: RFC 5646 §2.1, its shape without the registry of subtags. The original takes any string. */
export const languageCode: Kind = {
  expected: 'a language code (RFC 5646) such as en or de-CH',
  lenient: string.lenient,
  strict: value =>
    typeof value === 'string' && value.length <= longestLanguageCode && /^[a-z]{1,8}(?:-[a-z0-9]{1,8})*$/i.test(value),
}

/** A URL's scheme and something behind it: RFC 3986 §3. */
const schemeFirst = /^[a-z][a-z0-9+.-]*:./is
/** What no URL has: a character that RFC 3986 §2 doesn't know, or a percent sign without its two digits. */
const notInUrls = /[^\w.~:/?#[\]@!$&'()*+,;=%-]|%(?![0-9a-f]{2})/i

/** A URL, in shape. The original takes any string. */
export const url: Kind = {
  expected: 'a URL (RFC 3986)',
  lenient: string.lenient,
  strict: value => typeof value === 'string' && schemeFirst.test(value) && !notInUrls.test(value),
}

/** A value that was looked at before. */
export const checkedBefore: Kind = kind('checked before', () => true)

import { patternVersionOf } from '../protocol/stix/indicator.ts'
import type { JsonObject } from '../protocol/stix/kind.ts'
import { quoted } from '../protocol/stix/quoted.ts'
import { queryFor } from './query.ts'
import { type Sought, soughtBy } from './sought.ts'
import { type Unconverted, unconverted } from './unconvertible.ts'

export type { Unconvertible } from './unconvertible.ts'

/** VAST's types of IoCs (CONNECTOR "Indicator → VAST"). */
export type IocType = 'ip' | 'ipv6' | 'domain' | 'url'

/** What VAST's live matcher looks for. */
export interface Ioc {
  /** Without any escapes of the pattern; it never begins with a dash. */
  readonly value: string
  readonly type: IocType
}

/** An indicator for VAST. */
export interface Conversion {
  /**
   * For the live matcher: each once, in the pattern's order. Empty if the indicator can only be queried: for what is not
   * of VAST's types of IoCs, and for a value that begins with a dash, which `matcher add` would take for an option.
   */
  readonly iocs: readonly Ioc[]
  /** For the retro match; at most `longestQuery` bytes. Always there as of now. */
  readonly query: string | undefined
  /** What of the pattern is not asked for. */
  readonly leftOut: readonly Unconverted[]
  /** The first value that the pattern looks for, whether or not it is in `iocs`: what `%ioc` stands for. */
  readonly value: string
}

/**
 * Converts an indicator for VAST (CONNECTOR "Indicator → VAST"), or says why not; it never throws. Point indicators
 * become what they became in the original. Where that was wrong, it is not followed: an `OR` is no point with an odd
 * value, and what is compared with an address must be one of its family, or it would be an arbitrary query. Of an `OR` those
 * are asked for that can be.
 */
export function convertIndicator(indicator: {
  readonly pattern?: unknown
  readonly pattern_type?: unknown
  readonly pattern_version?: unknown
}): { readonly ok: true; readonly conversion: Conversion } | Unconverted {
  const { pattern, pattern_type: language } = indicator
  // Indicators without it are older than STIX 2.1, which has one language only.
  if (language !== undefined && language !== null && language !== 'stix') {
    return unconverted('other_language', `the pattern's language is ${quoted(language)}`)
  }
  if (typeof pattern !== 'string') return unconverted('not_a_pattern', `the pattern is ${quoted(pattern)}`)
  const findings = soughtBy(pattern, patternVersionOf(indicator))
  if ('reason' in findings) return findings
  const { sought } = findings
  const [first] = sought
  if (first === undefined) return unconverted('empty_value')
  const query = queryFor(sought)
  const tooLong = query.leftOut.map(each =>
    unconverted('query_too_long', `no room in the query for ${quoted(each.value)}`),
  )
  if (query.text === '' && tooLong[0] !== undefined) return tooLong[0]
  const leftOut = [...findings.leftOut, ...tooLong]
  return { ok: true, conversion: { iocs: sought.flatMap(iocFor), query: query.text, leftOut, value: first.value } }
}

function iocFor({ kind, value }: Sought): readonly Ioc[] {
  const isIoc = kind === 'ip' || kind === 'ipv6' || kind === 'domain' || kind === 'url'
  return isIoc && !value.startsWith('-') ? [{ value, type: kind }] : []
}

/**
 * The value that `%ioc` stands for (CONNECTOR "Context transformation and sinks"): the first that the pattern of the
 * sighting's indicator looks for, else `x_threatbus_indicator_value`. None if the sighting has neither.
 */
export function iocValueOf(sighting: JsonObject): string | undefined {
  const { x_threatbus_indicator: indicator, x_threatbus_indicator_value: value } = sighting
  if (typeof indicator === 'object' && indicator !== null) {
    const converted = convertIndicator(indicator)
    if (converted.ok) return converted.conversion.value
  }
  return typeof value === 'string' && value !== '' ? value : undefined
}

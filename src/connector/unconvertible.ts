/**
 * Every reason for which an indicator is not converted, each with the sentence that explains it. A closed list: logs,
 * metrics and tests use these names and no others.
 */
export const unconvertibleSentences = {
  other_language: 'the pattern is in another language than STIX',
  not_a_pattern: 'the pattern is not a STIX pattern',
  not_a_point: 'the pattern is neither a comparison nor an OR of comparisons',
  unsupported_object: 'the pattern looks for something that VAST is not asked for',
  unsupported_comparison: 'the pattern compares in a way that VAST is not asked for',
  not_a_string: 'a value to look for is not a string',
  not_an_address: 'a value to look for is not an IP address of the right family, or not a subnet',
  empty_value: 'there is no value to look for, or an empty one',
  unsendable_value: 'a value to look for cannot be an argument of a command: it has a NUL or a lone surrogate',
  query_too_long: 'the query would be longer than an argument of a command may be',
} as const

/** The name of a reason for not converting an indicator. */
export type Unconvertible = keyof typeof unconvertibleSentences

/** An indicator that is not converted: the reason by name, and what exactly was in the way, for people. */
export interface Unconverted {
  readonly ok: false
  readonly reason: Unconvertible
  /** One plain sentence or phrase. It may quote the indicator, short and on one line. */
  readonly detail: string
}

/** Says that an indicator is not converted; `detail` defaults to the reason's own sentence. */
export function unconverted(reason: Unconvertible, detail: string = unconvertibleSentences[reason]): Unconverted {
  return { ok: false, reason, detail }
}

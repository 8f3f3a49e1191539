import type { Sought } from './sought.ts'

/**
 * Longest query, in bytes of UTF-8. Linux takes arguments of up to 131,071 bytes (MAX_ARG_STRLEN, execve(2)); a query of
 * this length has room for a thousand host names.
 */
export const longestQuery = 120_000

/** A query for some things, and those that there was no room for. */
export interface Query {
  /** At most {@link longestQuery} bytes; empty if there was room for nothing. */
  readonly text: string
  readonly leftOut: readonly Sought[]
}

/**
 * The query for all of these, in VAST's language (CONNECTOR "Indicator → VAST"): any of them will do.
 *
 * Beyond the original: a subnet stands by itself, as an address does, and VAST looks for addresses in it; addresses of
 * mail and hashes are looked for in all fields that hold strings. Of VAST's ways to write that, these are the ones that
 * have stayed the same through its versions; `:addr in 10.0.0.0/8` has not.
 */
export function queryFor(sought: readonly Sought[]): Query {
  const terms: string[] = []
  const leftOut: Sought[] = []
  let room = longestQuery
  for (const each of sought) {
    const term = termFor(each)
    const bytes = Buffer.byteLength(term) + (terms.length === 0 ? 0 : or.length)
    if (bytes > room) leftOut.push(each)
    else {
      terms.push(term)
      room -= bytes
    }
  }
  return { text: terms.join(or), leftOut }
}

const or = ' || '

function termFor({ kind, value }: Sought): string {
  switch (kind) {
    case 'ip':
    case 'ipv6':
    case 'subnet':
      return value
    case 'domain':
      return `${inQuotes(value)} == net.domain${or}${inQuotes(value)} == net.hostname`
    case 'url':
      return `${inQuotes(value)} == net.uri`
    case 'email':
    case 'hash':
      return `:string == ${inQuotes(value)}`
  }
}

/**
 * A string in VAST's language. Anything may stand between the quotes, line feeds too, but for a quote and, so that it
 * escapes nothing, a backslash (CONNECTOR "Indicator → VAST").
 */
function inQuotes(value: string): string {
  return `"${value.replace(/[\\"]/g, '\\$&')}"`
}

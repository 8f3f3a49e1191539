import type { Sought } from './sought.ts'

/**
 * The query for all of these, in VAST's language (VAST.md "Indicator → VAST", "retro query"): any of them will do.
 *
 * Beyond the original: a subnet stands by itself, as an address does, and VAST looks for addresses in it; addresses of
 * mail and hashes are looked for in all fields that hold strings. Of VAST's ways to write that, these are the ones that
 * have stayed the same through its versions; `:addr in 10.0.0.0/8` has not.
 */
export function queryFor(sought: readonly Sought[]): string {
  return sought.flatMap(termsFor).join(' || ')
}

function termsFor({ kind, value }: Sought): readonly string[] {
  switch (kind) {
    case 'ip':
    case 'ipv6':
    case 'subnet':
      return [value]
    case 'domain':
      return [`${inQuotes(value)} == net.domain`, `${inQuotes(value)} == net.hostname`]
    case 'url':
      return [`${inQuotes(value)} == net.uri`]
    case 'email':
      return [`:string == ${inQuotes(value)}`]
    case 'hash':
      return spellings(value).map(spelling => `:string == ${inQuotes(spelling)}`)
  }
}

/**
 * A string in VAST's language. Anything may stand between the quotes, line feeds too, but for a quote and, so that it
 * escapes nothing, a backslash (VAST.md "Indicator → VAST").
 */
function inQuotes(value: string): string {
  return `"${value.replace(/[\\"]/g, '\\$&')}"`
}

/** VAST compares letter by letter, and sensors write hexadecimal digits in lower case. */
function spellings(hash: string): readonly string[] {
  const isHexadecimal = /^[0-9A-Fa-f]+$/.test(hash)
  return isHexadecimal && hash !== hash.toLowerCase() ? [hash, hash.toLowerCase()] : [hash]
}

/** Longest quotation from a message, in characters: who wrote it may be hostile, and it may be megabytes long. */
const longestQuotation = 60

/** What could steer a terminal or break a line, and JSON doesn't escape: C1 controls, separators, marks of direction. */
const unseen = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu

/** A value as a refusal may show it: short, on one line, and without what is inside of lists and objects. */
export function quoted(value: unknown): string {
  if (typeof value === 'string') {
    const short = value.length > longestQuotation ? `${value.slice(0, longestQuotation)}…` : value
    return JSON.stringify(short).replaceAll(unseen, '�')
  }
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list'
  return typeof value === 'object' && value !== null ? 'an object' : String(value)
}

/** A property's name as a refusal may show it: bare if it is an ordinary one, else quoted. */
export function shownName(name: string): string {
  return /^\w{1,40}$/.test(name) ? name : quoted(name)
}

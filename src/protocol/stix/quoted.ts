/** Longest quotation from a message, in characters: who wrote it may be hostile, and it may be megabytes long. */
const longestQuotation = 60

/** The text, cut off where it gets too long to be shown. */
export function shortText(text: string): string {
  return text.length > longestQuotation ? `${text.slice(0, longestQuotation)}…` : text
}

/** A value as a refusal may show it: short, on one line, and without what is inside of lists and objects. */
export function quoted(value: unknown): string {
  // JSON's escapes keep control characters out of logs and terminals
  if (typeof value === 'string') return JSON.stringify(shortText(value))
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list'
  return typeof value === 'object' && value !== null ? 'an object' : String(value)
}

/** A property's name as a refusal may show it: bare if it is an ordinary one, else quoted. */
export function shownName(name: string): string {
  return /^\w{1,40}$/.test(name) ? name : quoted(name)
}

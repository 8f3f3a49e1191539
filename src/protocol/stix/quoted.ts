import { unseen } from '../unprintable.ts'

/** Longest quotation from a message, in characters: who wrote it may be hostile, and it may be megabytes long. */
const longestQuotation = 60

function escaped(character: string): string {
  return Array.from({ length: character.length }, (_, unit) => {
    return `\\u${character.charCodeAt(unit).toString(16).padStart(4, '0')}`
  }).join('')
}

/**
 * A value as a refusal may show it: short, on one line, and without what is inside of lists and objects. Of a string, it
 * has at most `longest` UTF-16 units.
 */
export function quoted(value: unknown, longest = longestQuotation): string {
  if (typeof value === 'string') {
    const short = value.length > longest ? `${value.slice(0, longest)}…` : value
    return JSON.stringify(short).replaceAll(unseen, escaped)
  }
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list'
  return typeof value === 'object' && value !== null ? 'an object' : String(value)
}

/** A property's name as a refusal may show it: bare if it is an ordinary one, else quoted. */
export function shownName(name: string): string {
  return /^\w{1,40}$/.test(name) ? name : quoted(name)
}

/** An object as JSON.parse makes it. */
export type JsonObject = Readonly<Record<string, unknown>>

/**
 * How values are read. `lenient`: as the original reads them, whose library coerces (PROTOCOL "Coercions"; where that
 * page is silent, the source of stix2 3.0 for Python tells), and as tools write them where the standard allows it, or
 * forbids it without need. `strict`: by the letter of the standard, STIX 2.1.
 */
export type Reading = 'lenient' | 'strict'

/** A kind of value that a property may have: what it must be, in words, and one predicate for each reading. */
export interface Kind extends Readonly<Record<Reading, (value: unknown) => boolean>> {
  /** Completes the sentence "… must be …". */
  readonly expected: string
}

/** A kind of which both readings are the same. */
export function kind(expected: string, accepts: (value: unknown) => boolean): Kind {
  return { expected, lenient: accepts, strict: accepts }
}

/** A JSON object: neither a list nor null. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * What the original takes for an absent property: null and the empty list. The standard knows neither: no type
 * has a null (STIX §2), and an empty list must not stand for an omitted property (STIX §2.12).
 */
export function isAbsent(value: unknown): boolean {
  return value === undefined || value === null || (Array.isArray(value) && value.length === 0)
}

/** What Python takes for false, and the original therefore for nothing: also zero, and what is empty. */
export function isFalseInPython(value: unknown): boolean {
  return !value || (typeof value === 'object' && Object.keys(value).length === 0)
}

/** Has the object this property, and does it count as present? */
export function has(object: JsonObject, property: string): boolean {
  return !isAbsent(object[property])
}

/**
 * Does `accepts` hold for each of the items that the original would see? It takes a single string for a list of one,
 * and an object for the list of its keys. Nothing else has items, and having none is not enough (STIX §2.12).
 */
export function everyItem(value: unknown, accepts: (item: unknown) => boolean): boolean {
  if (typeof value === 'string') return accepts(value)
  if (typeof value !== 'object' || value === null) return false
  const items = Array.isArray(value) ? value : Object.keys(value)
  return items.length > 0 && items.every(accepts)
}

/** STIX §2.12 list: at least one item, all of the same kind. */
export function listOf(item: Kind): Kind {
  return {
    expected: `a list (not empty) in which each item is ${item.expected}`,
    lenient: value => everyItem(value, item.lenient),
    strict: value => Array.isArray(value) && value.length > 0 && value.every(item.strict),
  }
}

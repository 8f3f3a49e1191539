import type { JsonValue, StepRecord } from '../trace/records.ts'

/** Something that an event carried. */
export interface Fact {
  /** `grant.topic`. */
  readonly name: string
  readonly value: JsonValue
}

/** What is of use to nobody but the program itself: where a reply goes, and what XState calls an actor. */
const insides = new Set(['type', 'route', 'actorId'])

/** What an event carried that says something to people, one value each. */
export function factsOf(event: StepRecord['event']): readonly Fact[] {
  return Object.entries(event).flatMap(([name, value]) => (insides.has(name) ? [] : factsIn(name, value)))
}

function factsIn(name: string, value: JsonValue): readonly Fact[] {
  if (isEmpty(value)) return []
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [{ name, value }]
  return Object.entries(value).flatMap(([key, inner]) => factsIn(`${name}.${key}`, inner as JsonValue))
}

/** Bytes and actors do not leave the process: that there were some says nothing. */
function isEmpty(value: JsonValue): boolean {
  if (Array.isArray(value)) return value.every(isEmpty)
  return value === null || (typeof value === 'string' && /^\((\d+ bytes|actor .*)\)$/.test(value))
}

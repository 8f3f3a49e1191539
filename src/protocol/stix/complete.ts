import { randomUUID } from 'node:crypto'
import type { JsonObject } from './kind.ts'
import type { Fillable } from './object-type.ts'
import { meansTrue } from './scalars.ts'
import { compareTimestamps, isTimestamp } from './timestamp.ts'

/** A body to which was added what was missing. */
export interface Completed {
  /** The text as it came up to its closing brace, then what was added. */
  readonly text: string
  /** What the text now says. */
  readonly object: JsonObject
}

/** Now, unless the other of two timestamps would then be on the wrong side of it (`created` and `modified`: STIX §3.6.1). */
function inOrder(now: string, other: unknown, wrongSide: (order: number) => boolean): string {
  return isTimestamp(other) && wrongSide(compareTimestamps(now, other)) ? other : now
}

/** The value of each property that can be filled in. */
const fillers: Readonly<Record<Fillable, (object: JsonObject, now: string) => string>> = {
  // a body of another version is not accepted
  spec_version: () => '2.1',
  // STIX §2.9: UUIDv4
  id: object => `${object.type}--${randomUUID()}`,
  created: (object, now) => inOrder(now, object.modified, order => order > 0),
  modified: (object, now) => inOrder(now, object.created, order => order < 0),
  valid_from: (object, now) => (meansTrue(object.revoked) ? inOrder(now, object.valid_until, order => order > 0) : now),
  // a pattern that is read as another language must say of which
  pattern_type: () => 'stix',
  // STIX §4.7.1: the version of the specification
  pattern_version: () => '2.1',
}

/**
 * Adds what a body is missing, as `checkObject` found it, by writing it before the closing brace: everything else
 * stays byte for byte. A property that is there as null or as an empty list gets its value too: of two properties of
 * the same name the last one counts, for the original's library as for JSON.parse, and here it is the added one.
 *
 * `text` is the body as it came, `object` what JSON.parse made of it, `now` the moment to fill in.
 */
export function completeText(text: string, object: JsonObject, missing: readonly Fillable[], now: Date): Completed {
  if (missing.length === 0) return { text, object }
  const moment = now.toISOString()
  const added: Record<string, string> = {}
  for (const property of missing) added[property] = fillers[property](object, moment)
  // an accepted body has a type, so there is something to put the comma behind
  const end = text.lastIndexOf('}')
  return {
    text: `${text.slice(0, end)},${JSON.stringify(added).slice(1)}${text.slice(end + 1)}`,
    object: { ...object, ...added },
  }
}

import { type Refusal, refuse } from '../refusal.ts'
import { commonFillable, commonNewIn21, commonProperties, commonRule } from './common-properties.ts'
import { identifierOf, sightedObject } from './identifier.ts'
import { has, type JsonObject, listOf } from './kind.ts'
import type { Circumstances, ObjectType } from './object-type.ts'
import { quoted } from './quoted.ts'
import { boolean, integerBetween, string } from './scalars.ts'
import { compareTimestamps, timestamp } from './timestamp.ts'

/** STIX §5.2.1 `count`. */
const mostSightings = 999_999_999

/** STIX §5.2.1. Its table calls `summary` a string, but gives it a boolean's default: read as a boolean everywhere. */
const properties = {
  ...commonProperties('sighting'),
  description: string,
  first_seen: timestamp,
  last_seen: timestamp,
  count: integerBetween(0, mostSightings),
  sighting_of_ref: sightedObject,
  observed_data_refs: listOf(identifierOf('observed-data')),
  where_sighted_refs: listOf(identifierOf('identity', 'location')),
  summary: boolean,
}

/** STIX §5.2.1 `last_seen`. */
function refuseSpan(object: JsonObject): Refusal | undefined {
  if (!has(object, 'first_seen') || !has(object, 'last_seen')) return undefined
  const first = String(object.first_seen)
  const last = String(object.last_seen)
  if (compareTimestamps(last, first) >= 0) return undefined
  return refuse('invalid_property', `last_seen must not be before first_seen, ${quoted(first)}, but is ${quoted(last)}`)
}

/** Sightings (STIX §5.2). */
export const sighting: ObjectType = {
  type: 'sighting',
  properties: new Map(Object.entries(properties)),
  required: ['sighting_of_ref'],
  fillable: commonFillable,
  newIn21: [...commonNewIn21, 'description'],
  lacksPatternVersion: () => false,
  rule: (object: JsonObject, circumstances: Circumstances) => commonRule(object, circumstances) ?? refuseSpan(object),
}

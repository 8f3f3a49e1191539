import { type Refusal, refuse } from '../refusal.ts'
import type { MessageType } from '../topics.ts'
import { indicator } from './indicator.ts'
import { has, isAbsent, isObject, type JsonObject, type Reading } from './kind.ts'
import { deepestNesting, nestsDeeperThan } from './nesting.ts'
import { type Fillable, isOf21WithoutSayingSo, missingFrom, type ObjectType } from './object-type.ts'
import { isCustomName } from './property-name.ts'
import { quoted, shownName } from './quoted.ts'
import { sighting } from './sighting.ts'

/**
 * How bodies are checked (PROTOCOL "What is a valid message"): `lenient` accepts what the original does, and what tools
 * send that the standard forbids without need, `strict` holds to the standard's letter, `off` looks at the type and the
 * nesting alone.
 */
export type ValidationMode = Reading | 'off'

/** A body that passed. */
export interface Accepted {
  /** Its own type, which decides its way (PROTOCOL "Frames on sub"). */
  readonly type: MessageType
  /** What `lenient` has to fill in before it is forwarded. When it is empty, the bytes are forwarded as they came. */
  readonly missing: readonly Fillable[]
}

const objectTypes: ReadonlyMap<unknown, ObjectType> = new Map([
  ['indicator', indicator],
  ['sighting', sighting],
])

const lackingNothing: Readonly<Record<MessageType, Accepted>> = {
  indicator: Object.freeze({ type: 'indicator', missing: Object.freeze([]) }),
  sighting: Object.freeze({ type: 'sighting', missing: Object.freeze([]) }),
}

/** The first property that isn't as it must be, refused. One pass over the object's own properties. */
function refuseProperties(object: JsonObject, { properties }: ObjectType, reading: Reading): Refusal | undefined {
  for (const name in object) {
    const value = object[name]
    const kind = properties.get(name)
    if (kind === undefined) {
      if (isCustomName(name, reading)) continue
      return refuse('invalid_property', `${shownName(name)} is no name for a custom property`)
    }
    if (reading === 'lenient' && isAbsent(value)) continue
    // Not `kind[reading]`: a property whose name is fixed is found several times as fast.
    if (reading === 'lenient' ? kind.lenient(value) : kind.strict(value)) continue
    return refuse('invalid_property', `${name} must be ${kind.expected}, not ${quoted(value)}`)
  }
  return undefined
}

/** The first property that must be there and isn't, refused. */
function refuseAbsence(object: JsonObject, { required, fillable }: ObjectType, reading: Reading): Refusal | undefined {
  for (const property of required) {
    if (!has(object, property)) return refuse('missing_property', `${property} is missing`)
  }
  if (reading === 'lenient') return undefined
  for (const property of fillable) {
    if (!has(object, property)) return refuse('missing_property', `${property} is missing`)
  }
  return undefined
}

/**
 * Checks a body that JSON.parse made. Never throws, takes time in proportion to the body's size, and changes nothing.
 *
 * `now` is what a missing `valid_from` will be (`valid_until` has to be later); the clock's time when it isn't given.
 * A refusal's `detail` names the property and what was expected, and quotes little of the message.
 */
export function checkObject(value: unknown, mode: ValidationMode, now?: Date): Accepted | Refusal {
  if (!isObject(value)) return refuse('not_an_object', `the body is ${quoted(value)} instead of a JSON object`)
  const objectType = objectTypes.get(value.type)
  if (objectType === undefined) {
    return refuse('unsupported_type', `type must be "indicator" or "sighting", not ${quoted(value.type)}`)
  }
  if (nestsDeeperThan(deepestNesting, value)) {
    return refuse('nested_too_deep', `the body is nested more than ${deepestNesting} levels deep`)
  }
  const accepted = lackingNothing[objectType.type]
  if (mode === 'off') return accepted
  // without it a body is STIX 2.0, which the bus doesn't carry, unless something else says that it isn't
  if (value.spec_version !== '2.1' && (mode === 'strict' || !isOf21WithoutSayingSo(value, objectType))) {
    return refuse('unsupported_spec_version', `spec_version must be "2.1", not ${quoted(value.spec_version)}`)
  }
  const missing = mode === 'lenient' ? missingFrom(value, objectType) : accepted.missing
  const refusal =
    refuseProperties(value, objectType, mode) ??
    refuseAbsence(value, objectType, mode) ??
    objectType.rule(value, { reading: mode, missing, now })
  if (refusal !== undefined) return refusal
  return missing.length === 0 ? accepted : { type: objectType.type, missing }
}

import type { Refusal } from '../refusal.ts'
import type { MessageType } from '../topics.ts'
import { has, type JsonObject, type Kind, type Reading } from './kind.ts'

/** The properties that are filled in when they are missing (PROTOCOL "What lenient fills in"). */
export type Fillable =
  | 'spec_version'
  | 'id'
  | 'created'
  | 'modified'
  | 'pattern_type'
  | 'pattern_version'
  | 'valid_from'

/** What a rule between properties may have to know besides the object. */
export interface Circumstances {
  readonly reading: Reading
  /** What will be filled in. */
  readonly missing: readonly Fillable[]
  /** The moment that will be filled in; the clock's when there is none. */
  readonly now: Date | undefined
}

/** One type of message: its rules as data. */
export interface ObjectType {
  readonly type: MessageType
  /** What each of its properties must be, the common ones included. */
  readonly properties: ReadonlyMap<string, Kind>
  /** The properties without which there is no message. */
  readonly required: readonly string[]
  /** The properties that the standard requires as well, but that `lenient` fills in. */
  readonly fillable: readonly Fillable[]
  /** The properties that STIX 2.0 has not. */
  readonly newIn21: readonly string[]
  /** Does the original write a default for `pattern_version`, which the standard lets be absent? */
  readonly lacksPatternVersion: (object: JsonObject) => boolean
  /** Refuses what is wrong between properties, each of which is all right by itself. */
  readonly rule: (object: JsonObject, circumstances: Circumstances) => Refusal | undefined
}

/**
 * Is it an object of STIX 2.1 that doesn't say so? Without a `spec_version` it would be one of 2.0 (STIX §3.2), but what it
 * has only 2.1 has: its author left it out, and `lenient` fills it in.
 */
export function isOf21WithoutSayingSo(object: JsonObject, { newIn21 }: ObjectType): boolean {
  return !has(object, 'spec_version') && newIn21.some(property => has(object, property))
}

const nothing: readonly Fillable[] = Object.freeze([])

/** What `lenient` has to fill in. Nothing is the same list each time. */
export function missingFrom(object: JsonObject, { fillable, lacksPatternVersion }: ObjectType): readonly Fillable[] {
  let missing = nothing
  for (const property of fillable) if (!has(object, property)) missing = [...missing, property]
  return lacksPatternVersion(object) ? [...missing, 'pattern_version'] : missing
}

import type { Refusal } from '../refusal.ts'
import type { MessageType } from '../topics.ts'
import { has, type JsonObject, type Kind, type Reading } from './kind.ts'

/** The properties that the original fills in when they are missing (PROTOCOL "What is a valid message"). */
export type Fillable = 'id' | 'created' | 'modified' | 'valid_from' | 'pattern_version'

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
  /** Does the original write a default for `pattern_version`, which the standard lets be absent? */
  readonly lacksPatternVersion: (object: JsonObject) => boolean
  /** Refuses what is wrong between properties, each of which is all right by itself. */
  readonly rule: (object: JsonObject, circumstances: Circumstances) => Refusal | undefined
}

const nothing: readonly Fillable[] = Object.freeze([])

/** What `lenient` has to fill in. Nothing is the same list each time. */
export function missingFrom(object: JsonObject, { fillable, lacksPatternVersion }: ObjectType): readonly Fillable[] {
  let missing = nothing
  for (const property of fillable) if (!has(object, property)) missing = [...missing, property]
  return lacksPatternVersion(object) ? [...missing, 'pattern_version'] : missing
}

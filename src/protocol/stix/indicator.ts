import { type Refusal, refuse } from '../refusal.ts'
import { commonFillable, commonProperties, commonRule } from './common-properties.ts'
import { has, isFalseInPython, type JsonObject, listOf } from './kind.ts'
import type { Circumstances, ObjectType } from './object-type.ts'
import { checkPattern } from './pattern.ts'
import type { PatternVersion } from './pattern-token.ts'
import { quoted } from './quoted.ts'
import { string } from './scalars.ts'
import { structure } from './structure.ts'
import { compareTimestamps, timestamp } from './timestamp.ts'

/** STIX §2.11 kill-chain-phase. */
const killChainPhase = structure('a kill chain phase (kill_chain_name and phase_name)', {
  properties: { kill_chain_name: string, phase_name: string },
  required: ['kill_chain_name', 'phase_name'],
})

/** STIX §4.7.1. The vocabularies of `indicator_types` and `pattern_type` are open: any string (STIX §2.14). */
const properties = {
  ...commonProperties('indicator'),
  name: string,
  description: string,
  indicator_types: listOf(string),
  pattern: string,
  pattern_type: string,
  pattern_version: string,
  valid_from: timestamp,
  valid_until: timestamp,
  kill_chain_phases: listOf(killChainPhase),
}

/** STIX §4.7.1 `valid_until`. An indicator without `valid_from` will be valid from now on. */
function refuseValidity(object: JsonObject, now: Date | undefined): Refusal | undefined {
  if (!has(object, 'valid_until')) return undefined
  const from = has(object, 'valid_from') ? String(object.valid_from) : (now ?? new Date()).toISOString()
  const until = String(object.valid_until)
  if (compareTimestamps(until, from) > 0) return undefined
  return refuse('invalid_property', `valid_until must be after valid_from, ${quoted(from)}, not ${quoted(until)}`)
}

/** STIX §4.7.1 `pattern_version`: of STIX patterns, the version of the specification. `2.0` as a number is 2. */
function versionOf({ pattern_version }: JsonObject): PatternVersion {
  return pattern_version === '2.0' || pattern_version === 2 ? '2.0' : '2.1'
}

/** STIX §9. Patterns in any other language are theirs to check who understand it. */
function refusePattern(object: JsonObject): Refusal | undefined {
  const { pattern, pattern_type } = object
  if (pattern_type !== 'stix') return undefined
  if (typeof pattern !== 'string') return refuse('invalid_pattern', `pattern must be a string, not ${quoted(pattern)}`)
  const error = checkPattern(pattern, versionOf(object))
  if (error === undefined) return undefined
  return refuse('invalid_pattern', `pattern, line ${error.line}, column ${error.column}: ${error.message}`)
}

/** Indicators (STIX §4.7). */
export const indicator: ObjectType = {
  type: 'indicator',
  properties: new Map(Object.entries(properties)),
  required: ['pattern', 'pattern_type'],
  fillable: [...commonFillable, 'valid_from'],
  lacksPatternVersion: object => object.pattern_type === 'stix' && isFalseInPython(object.pattern_version),
  rule: (object: JsonObject, circumstances: Circumstances) =>
    commonRule(object, circumstances) ?? refuseValidity(object, circumstances.now) ?? refusePattern(object),
}

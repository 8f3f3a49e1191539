import { type Refusal, refuse } from '../refusal.ts'
import { commonFillable, commonNewIn21, commonProperties, commonRule } from './common-properties.ts'
import { has, isFalseInPython, type JsonObject, listOf } from './kind.ts'
import type { Circumstances, ObjectType } from './object-type.ts'
import { checkPattern } from './pattern.ts'
import type { PatternVersion } from './pattern-token.ts'
import { quoted } from './quoted.ts'
import { meansTrue, string } from './scalars.ts'
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

/**
 * STIX §4.7.1 `valid_until`. An indicator without `valid_from` will be valid from now on. OpenCTI ends what is revoked when it
 * begins: were that refused, those who have the indicator would go on matching. For the same reason, what is revoked and
 * has an end, but no beginning, begins no later than it ends.
 */
function refuseValidity(object: JsonObject, { reading, now }: Circumstances): Refusal | undefined {
  if (!has(object, 'valid_until')) return undefined
  const from = has(object, 'valid_from') ? String(object.valid_from) : (now ?? new Date()).toISOString()
  const until = String(object.valid_until)
  const order = compareTimestamps(until, from)
  if (order > 0) return undefined
  const mayBeEmpty = order === 0 || !has(object, 'valid_from')
  if (mayBeEmpty && reading === 'lenient' && meansTrue(object.revoked)) return undefined
  return refuse('invalid_property', `valid_until must be after valid_from, ${quoted(from)}, not ${quoted(until)}`)
}

/** STIX §4.7.1 `pattern_version`: of STIX patterns, the version of the specification. `2.0` as a number is 2. */
export function patternVersionOf({ pattern_version }: { readonly pattern_version?: unknown }): PatternVersion {
  return pattern_version === '2.0' || pattern_version === 2 ? '2.0' : '2.1'
}

/** Is its pattern one of STIX? One that doesn't say of which language it is must be, and so `lenient` finds out which. */
function isOfStix(object: JsonObject): boolean {
  return object.pattern_type === 'stix' || !has(object, 'pattern_type')
}

/** STIX §9. Patterns in any other language are theirs to check who understand it. */
function refusePattern(object: JsonObject): Refusal | undefined {
  if (!isOfStix(object)) return undefined
  const { pattern } = object
  if (typeof pattern !== 'string') return refuse('invalid_pattern', `pattern must be a string, not ${quoted(pattern)}`)
  const error = checkPattern(pattern, patternVersionOf(object))
  if (error === undefined) return undefined
  const found = `line ${error.line}, column ${error.column}: ${error.message}`
  if (has(object, 'pattern_type')) return refuse('invalid_pattern', `pattern, ${found}`)
  return refuse('missing_property', `pattern_type is missing, and the pattern is none of STIX: ${found}`)
}

/** Indicators (STIX §4.7). */
export const indicator: ObjectType = {
  type: 'indicator',
  properties: new Map(Object.entries(properties)),
  required: ['pattern'],
  fillable: [...commonFillable, 'pattern_type', 'valid_from'],
  newIn21: [...commonNewIn21, 'indicator_types', 'pattern_type', 'pattern_version'],
  lacksPatternVersion: object => isOfStix(object) && isFalseInPython(object.pattern_version),
  rule: (object: JsonObject, circumstances: Circumstances) =>
    commonRule(object, circumstances) ?? refuseValidity(object, circumstances) ?? refusePattern(object),
}

import { scanValue, scanValues } from '../json-scanner.ts'
import { has, isAbsent, isObject, type JsonObject } from './kind.ts'
import { upgradePattern } from './upgrade-pattern.ts'

/** What becomes of indicators and sightings of STIX 2.0 where messages are taken. */
export type Stix20 = 'refuse' | 'upgrade'

/** What helps an object that was refused because it is STIX 2.0: whoever reads it may be at either end. */
export const stix20Advice =
  "it is STIX 2.0: to have it upgraded, set `stix20: upgrade` in the broker's configuration, or publish it with --upgrade (in the client library: upgradeStix20)"

/** What STIX 2.1 brought (§4.7.1): an object that has one of these is not of 2.0, whatever it lacks. */
const broughtBy21 = ['pattern_type', 'pattern_version', 'indicator_types']

/**
 * Is it an indicator or a sighting of STIX 2.0? There, only bundles have a `spec_version` (STIX 2.0 part 1, §5); some
 * tools write it at each object.
 */
export function isStix20(value: unknown): value is JsonObject {
  if (!isObject(value) || (value.type !== 'indicator' && value.type !== 'sighting')) return false
  if (value.spec_version === '2.0') return true
  return !has(value, 'spec_version') && !broughtBy21.some(property => has(value, property))
}

/** STIX "Indicator Type Vocabulary", with all that the indicator-label-ov of STIX 2.0 had. */
const indicatorTypes: ReadonlySet<unknown> = new Set([
  'anomalous-activity',
  'anonymization',
  'attribution',
  'benign',
  'compromised',
  'malicious-activity',
  'unknown',
])

/**
 * Makes STIX 2.1 of an indicator or a sighting of STIX 2.0: it says so, and an indicator has its `pattern_type`, its
 * pattern as 2.1 writes it, and those of its labels in `indicator_types` that are types of indicators. All else stays: ids,
 * references, and every value byte for byte, in its order; only blanks between properties go, and of properties of one name
 * all but the last, which is the one that counts. Whether it is valid then is for the check to say.
 *
 * @param text the object as it came, and nothing else. Time is linear in its length.
 * @param object what JSON.parse made of it, and {@link isStix20} holds of
 */
export function upgradeText(text: string, object: JsonObject): string {
  const [value] = scanValues(text)
  if (value?.kind !== 'object') return text
  const members: string[] = []
  const write = (name: string, json: string) => members.push(`${JSON.stringify(name)}:${json}`)
  const lacksType = object.type === 'indicator' && !has(object, 'pattern_type')
  for (const [name, slice] of value.members) {
    const json = text.slice(slice.start, slice.end)
    if (name === 'pattern') write(name, lacksType ? upgradedPattern(json, object) : json)
    else if (name === 'labels' && hasTypesAmongLabels(object)) {
      const { types, others } = partedLabels(text, slice.start)
      write('indicator_types', `[${types.join(',')}]`)
      if (others.length > 0) write(name, `[${others.join(',')}]`)
    } else if (!written.has(name) || (name !== 'spec_version' && has(object, name))) write(name, json)
    if (name === 'type') write('spec_version', '"2.1"')
    if (name === 'pattern' && lacksType) write('pattern_type', '"stix"')
  }
  return `{${members.join(',')}}`
}

/** What is written here: there as null or an empty list, it would be there twice. */
const written: ReadonlySet<string> = new Set(['spec_version', 'pattern_type', 'indicator_types'])

/** The JSON of an indicator's pattern. One that says which version it is of stays as it is. */
function upgradedPattern(json: string, { pattern, pattern_version }: JsonObject): string {
  if (typeof pattern !== 'string' || !isAbsent(pattern_version)) return json
  const upgraded = upgradePattern(pattern)
  return upgraded === pattern ? json : JSON.stringify(upgraded)
}

/** Are there labels to be moved? Not where a marking selects labels, which would be other ones then, or none. */
function hasTypesAmongLabels(object: JsonObject): boolean {
  const { type, labels, granular_markings: markings } = object
  if (type !== 'indicator' || has(object, 'indicator_types') || !Array.isArray(labels)) return false
  return labels.some(label => indicatorTypes.has(label)) && !JSON.stringify(markings ?? []).includes('"labels')
}

/** The labels in a list, as they stand there: the types of indicators, and the others. */
function partedLabels(text: string, start: number): { readonly types: string[]; readonly others: string[] } {
  const list = scanValue(text, start)
  const labels = list.kind === 'array' ? list.elements.map(({ start, end }) => text.slice(start, end)) : []
  const [types, others]: [string[], string[]] = [[], []]
  for (const label of labels) (indicatorTypes.has(JSON.parse(label)) ? types : others).push(label)
  return { types, others }
}

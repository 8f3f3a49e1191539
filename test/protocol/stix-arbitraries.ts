import fc from 'fast-check'
import { printPattern } from './pattern-print.ts'
import { patternTree } from './pattern-trees.ts'
import { idOf, type Sample } from './stix-samples.ts'

const uuids = fc.uuid({ version: [1, 2, 3, 4, 5, 6, 7, 8] })

function ids(...types: readonly string[]): fc.Arbitrary<string> {
  return fc.tuple(fc.constantFrom(...types), uuids).map(([type, uuid]) => idOf(type, uuid))
}

/** Timestamps of these years, precise to the millisecond. */
export function timestamps(firstYear: number, lastYear: number): fc.Arbitrary<string> {
  const min = new Date(Date.UTC(firstYear, 0))
  const max = new Date(Date.UTC(lastYear + 1, 0) - 1)
  return fc.date({ min, max, noInvalidDate: true }).map(date => date.toISOString())
}

/** The same, as precise as any tool writes them. */
function preciseTimestamps(firstYear: number, lastYear: number): fc.Arbitrary<string> {
  const digits = fc.oneof(fc.constant(''), fc.stringMatching(/^[0-9]{1,9}$/))
  return fc.tuple(timestamps(firstYear, lastYear), digits).map(([text, more]) => text.replace('Z', `${more}Z`))
}

function lists<T>(item: fc.Arbitrary<T>): fc.Arbitrary<T[]> {
  return fc.array(item, { minLength: 1, maxLength: 4 })
}

const customProperties = fc.dictionary(fc.stringMatching(/^x_[a-z0-9_]{1,20}$/), fc.jsonValue(), { maxKeys: 3 })

const externalReferences = fc.record(
  {
    source_name: fc.string(),
    description: fc.string(),
    url: fc.webUrl(),
    hashes: fc.constant({ MD5: '0123456789abcdef0123456789abcdef' }),
    external_id: fc.string(),
  },
  { requiredKeys: ['source_name', 'external_id'] },
)

const optionalCommon = {
  created_by_ref: ids('identity'),
  revoked: fc.boolean(),
  labels: lists(fc.string()),
  confidence: fc.integer({ min: 0, max: 100 }),
  lang: fc.constantFrom('en', 'de-CH', 'zh-Hant-TW'),
  external_references: lists(externalReferences),
  object_marking_refs: lists(ids('marking-definition')),
  granular_markings: fc.constant([{ lang: 'de', selectors: ['type', 'id'] }]),
  extensions: fc
    .tuple(ids('extension-definition'), fc.jsonValue())
    .map(([key, rank]) => ({ [key]: { extension_type: 'property-extension', rank } })),
}

/** What all types must have. `created` and `modified` are of these years, in order. */
function requiredCommon(type: string) {
  return {
    type: fc.constant(type),
    spec_version: fc.constant('2.1'),
    id: ids(type),
    created: preciseTimestamps(2000, 2014),
    modified: preciseTimestamps(2015, 2030),
  }
}

const indicatorParts = {
  ...requiredCommon('indicator'),
  ...optionalCommon,
  name: fc.string(),
  description: fc.string(),
  indicator_types: lists(fc.string()),
  pattern: fc.string(),
  pattern_type: fc.constantFrom('sigma', 'yara', 'snort', 'suricata', ''),
  pattern_version: fc.string(),
  valid_from: preciseTimestamps(2000, 2030),
  valid_until: preciseTimestamps(2060, 2090),
  kill_chain_phases: lists(fc.record({ kill_chain_name: fc.string(), phase_name: fc.string() })),
}

const sightingParts = {
  ...requiredCommon('sighting'),
  ...optionalCommon,
  description: fc.string(),
  first_seen: preciseTimestamps(1970, 2014),
  last_seen: preciseTimestamps(2015, 2030),
  count: fc.integer({ min: 0, max: 999_999_999 }),
  sighting_of_ref: ids('indicator', 'malware', 'tool', 'campaign', 'x-acme-beast'),
  observed_data_refs: lists(ids('observed-data')),
  where_sighted_refs: lists(ids('identity', 'location')),
  summary: fc.boolean(),
}

/** What a valid object of each type must have. */
export const requiredProperties = {
  indicator: ['type', 'spec_version', 'id', 'created', 'modified', 'pattern', 'pattern_type', 'valid_from'],
  sighting: ['type', 'spec_version', 'id', 'created', 'modified', 'sighting_of_ref'],
} as const

/** Objects that the standard allows: any of the optional properties, in any order, and custom ones. */
export const validObjects: fc.Arbitrary<Sample> = fc
  .tuple(
    fc.oneof(
      fc.record(indicatorParts, { requiredKeys: [...requiredProperties.indicator] }),
      fc.record(sightingParts, { requiredKeys: [...requiredProperties.sighting] }),
    ),
    customProperties,
  )
  .map(([object, custom]) => ({ ...custom, ...object }))

/** Indicators that the standard allows, with a pattern of STIX, and its version. */
export const stixIndicators: fc.Arbitrary<Sample> = fc
  .tuple(
    validObjects.filter(({ type }) => type === 'indicator'),
    patternTree.map(tree => printPattern(tree)),
  )
  .map(([object, pattern]) => ({ ...object, pattern, pattern_type: 'stix', pattern_version: '2.1' }))

/** The names of all properties that have a meaning. */
export const knownNames: readonly string[] = [
  ...new Set([...Object.keys(indicatorParts), ...Object.keys(sightingParts)]),
]

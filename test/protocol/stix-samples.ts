/** Any object, as a test writes it down. */
export type Sample = Record<string, unknown>

const someUuid = '05b7c427-1452-437e-a19e-32590edf60c3'

/** An identifier of this type. */
export function idOf(type: string, uuid: string = someUuid): string {
  return `${type}--${uuid}`
}

/** An indicator that lacks nothing, with these changes, see {@link withChanges}. */
export function indicatorWith(changes: Sample = {}): Sample {
  return withChanges(
    {
      type: 'indicator',
      spec_version: '2.1',
      id: idOf('indicator'),
      created: '2024-01-26T21:28:21.013288Z',
      modified: '2024-01-26T21:28:21.013288Z',
      pattern: "[domain-name:value = 'weather4free.com']",
      pattern_type: 'stix',
      pattern_version: '2.1',
      valid_from: '2024-01-26T21:28:21Z',
    },
    changes,
  )
}

/** A sighting that lacks nothing, with these changes, see {@link withChanges}. */
export function sightingWith(changes: Sample = {}): Sample {
  return withChanges(
    {
      type: 'sighting',
      spec_version: '2.1',
      id: idOf('sighting'),
      created: '2024-01-26T21:28:21.013Z',
      modified: '2024-01-26T21:28:21.013Z',
      sighting_of_ref: idOf('indicator'),
    },
    changes,
  )
}

/** The sample with these changes; a change to undefined takes the property away. */
export function withChanges(sample: Sample, changes: Sample): Sample {
  const changed = { ...sample, ...changes }
  for (const name of Object.keys(changed)) if (changed[name] === undefined) delete changed[name]
  return changed
}

/** A list of one external reference, with these changes. */
export const reference = (changes: Sample) => [{ source_name: 'cve', external_id: 'CVE-2024-1', ...changes }]

/** A list of one granular marking, with these changes, see {@link withChanges}. */
export const marking = (changes: Sample) => [
  withChanges({ marking_ref: idOf('marking-definition'), selectors: ['pattern'] }, changes),
]

/** Lists and objects, this many of them around a number. */
export function nested(levels: number): unknown {
  let value: unknown = 1
  for (let level = 0; level < levels; level++) value = level % 2 === 0 ? [value] : { x: value }
  return value
}

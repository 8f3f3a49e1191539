import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { checkObject } from '../../src/protocol/stix/check.ts'
import { parsePattern } from '../../src/protocol/stix/pattern.ts'
import { isStix20, upgradeText } from '../../src/protocol/stix/upgrade.ts'
import { upgradePattern } from '../../src/protocol/stix/upgrade-pattern.ts'
import { printPattern } from './pattern-print.ts'
import { patternTree } from './pattern-trees.ts'
import { validObjects } from './stix-arbitraries.ts'
import { idOf, indicatorWith, marking, type Sample, sightingWith } from './stix-samples.ts'

// A publisher sends an object of STIX 2.0 → it is made STIX 2.1 → it is checked like any other.

/** What an indicator has that STIX 2.0 does not know. */
const absent = { spec_version: undefined, pattern_type: undefined, pattern_version: undefined }
const indicator20 = (changes: Sample = {}) => indicatorWith({ ...absent, ...changes })
const sighting20 = (changes: Sample = {}) => sightingWith({ spec_version: undefined, ...changes })

/** What becomes of an object. */
function upgraded(object: Sample): Sample {
  assert.ok(isStix20(object), JSON.stringify(object))
  return JSON.parse(upgradeText(JSON.stringify(object), object))
}

test('what has no version and nothing that only STIX 2.1 has is STIX 2.0, and so is what says so', () => {
  const ofStix20 = [
    indicator20(),
    indicator20({ labels: ['benign'] }),
    indicator20({ spec_version: null, pattern_type: [] }),
    indicator20({ spec_version: '2.0' }),
    indicatorWith({ spec_version: '2.0' }),
    sighting20(),
    sighting20({ spec_version: '2.0' }),
  ]
  const others = [
    indicatorWith(),
    sightingWith(),
    indicator20({ spec_version: '2.2' }),
    indicator20({ spec_version: 2 }),
    indicator20({ pattern_type: 'stix' }),
    indicator20({ pattern_version: '2.1' }),
    indicator20({ indicator_types: ['benign'] }),
    { ...indicator20(), type: 'malware' },
    [indicator20()],
    null,
    'indicator',
  ]
  for (const object of ofStix20) assert.equal(isStix20(object), true, JSON.stringify(object))
  for (const object of others) assert.equal(isStix20(object), false, JSON.stringify(object))
})

test('an indicator says its version and the type of its pattern, beside what they are about, and keeps the rest byte for byte', () => {
  const text =
    '{ "created" : "2024-03-01T10:00:00.000Z",\n"type":"indicator", "pattern":"[a:b = \'\\u00e4\']" ,"x_n": [1.0e2,\n12345678901234567890],"\\u0069d":"indicator--1", "revoked":false }'
  assert.equal(
    upgradeText(text, JSON.parse(text)),
    '{"created":"2024-03-01T10:00:00.000Z","type":"indicator","spec_version":"2.1","pattern":"[a:b = \'\\u00e4\']","pattern_type":"stix","x_n":[1.0e2,\n12345678901234567890],"id":"indicator--1","revoked":false}',
  )
})

test('a sighting says its version, and nothing else changes', () => {
  const object = sighting20({
    first_seen: '2024-01-01T00:00:00Z',
    last_seen: '2024-01-02T00:00:00Z',
    count: 3,
    summary: false,
    labels: ['malicious-activity'],
    where_sighted_refs: [idOf('identity')],
    observed_data_refs: [idOf('observed-data')],
    pattern: "[a:b = 1] START '2024-01-01T00:00:00Z' STOP '2024-01-01T00:00:00Z'",
  })
  assert.deepEqual(upgraded(object), { ...object, spec_version: '2.1' })
})

test('a version that is there is overruled, and nothing is there twice', () => {
  const text = '{"spec_version":"2.0","type":"sighting","spec_version":"2.0","count":1,"count":2}'
  assert.equal(upgradeText(text, JSON.parse(text)), '{"type":"sighting","spec_version":"2.1","count":2}')
  const indicator = '{"type":"indicator","pattern_type":null,"pattern":"[a:b = 1]","indicator_types":[]}'
  assert.equal(
    upgradeText(indicator, JSON.parse(indicator)),
    '{"type":"indicator","spec_version":"2.1","pattern":"[a:b = 1]","pattern_type":"stix"}',
  )
})

test('labels that are types of indicators become that, and the others stay labels', () => {
  const labels = (changes: Sample) => {
    const { labels, indicator_types } = upgraded(indicator20(changes))
    return { labels, indicator_types }
  }
  const mixed = ['malicious-activity', 'misp:type="ip-dst"', 'benign', 'Benign']
  const marked = (selector: string) => ({ labels: mixed, granular_markings: marking({ selectors: [selector] }) })
  assert.deepEqual(labels({ labels: mixed }), {
    labels: ['misp:type="ip-dst"', 'Benign'],
    indicator_types: ['malicious-activity', 'benign'],
  })
  assert.deepEqual(labels({ labels: ['attribution'] }), { labels: undefined, indicator_types: ['attribution'] })
  assert.deepEqual(labels({ labels: ['x'] }), { labels: ['x'], indicator_types: undefined })
  assert.deepEqual(labels({ labels: 'benign' }), { labels: 'benign', indicator_types: undefined })
  // A marking of the second label would be one of another.
  assert.deepEqual(labels(marked('labels.[1]')), { labels: mixed, indicator_types: undefined })
  assert.deepEqual(labels(marked('labels')), { labels: mixed, indicator_types: undefined })
  assert.deepEqual(labels(marked('pattern')).indicator_types, ['malicious-activity', 'benign'])
  // It says that it is of 2.0, and has its types already.
  const types = { labels: mixed, spec_version: '2.0', indicator_types: ['unknown'] }
  assert.deepEqual(labels(types), { labels: mixed, indicator_types: ['unknown'] })
})

test('a pattern is written as STIX 2.1 has it', () => {
  const times = ["'2016-06-01T00:00:00Z'", "'2016-07-01T00:00:00Z'"]
  const table: readonly (readonly [string, string])[] = [
    [`[a:b = 1] START ${times[0]} STOP ${times[1]}`, `[a:b = 1] START t${times[0]} STOP t${times[1]}`],
    [`[a:b = 1]START${times[0]}STOP${times[1]}`, `[a:b = 1]START t${times[0]}STOP t${times[1]}`],
    [`[a:b = 1] START t${times[0]} STOP t${times[1]}`, `[a:b = 1] START t${times[0]} STOP t${times[1]}`],
    [`[a:b = 'START ${"\\'x\\'"} STOP']`, `[a:b = 'START ${"\\'x\\'"} STOP']`],
    ['[a:b[0] = 1] WITHIN 5 SECONDS WITHIN 6 SECONDS', '([a:b[0] = 1] WITHIN 5 SECONDS) WITHIN 6 SECONDS'],
    [
      '[a:b = 2] AND [a:b = 1] REPEATS 2 TIMES WITHIN 5 SECONDS REPEATS 3 TIMES REPEATS 4 TIMES OR [a:b = 3]',
      '[a:b = 2] AND ([a:b = 1] REPEATS 2 TIMES WITHIN 5 SECONDS) REPEATS 3 TIMES REPEATS 4 TIMES OR [a:b = 3]',
    ],
    [
      '([a:b = 1]) WITHIN 1 SECONDS WITHIN 2 SECONDS AND [a:b = 1] WITHIN 1 SECONDS',
      '([a:b = 1]) WITHIN 1 SECONDS WITHIN 2 SECONDS AND [a:b = 1] WITHIN 1 SECONDS',
    ],
    ["[file:created = 'file:created']", "[file:ctime = 'file:created']"],
    [
      "[directory:accessed IN ('x') OR process:binary_ref.name = 'x']",
      "[directory:atime IN ('x') OR process:image_ref.name = 'x']",
    ],
    ["[windows-registry-key:modified = 'x']", "[windows-registry-key:modified_time = 'x']"],
    [
      '[x-own:created = 1 AND file:parent_directory_ref.created = 2]',
      '[x-own:created = 1 AND file:parent_directory_ref.created = 2]',
    ],
    // What is no pattern to its end stays.
    [`[file:created = 1] START ${times[0]} STOP #`, `[file:created = 1] START ${times[0]} STOP #`],
    ['', ''],
  ]
  for (const [old, expected] of table) {
    assert.equal(upgradePattern(old), expected)
    assert.equal(upgradePattern(expected), expected)
  }
  // One that says itself what it is written in is left alone.
  const object = indicator20({ spec_version: '2.0', pattern_version: '2.0', pattern: '[file:created = 1]' })
  assert.equal(upgraded(object).pattern, '[file:created = 1]')
})

test('a pattern whose times are strings means after that what it meant before', () => {
  fc.assert(
    fc.property(patternTree, tree => {
      const old = printPattern(tree).replaceAll(/START t'([^']*)' STOP t'([^']*)'/g, "START '$1' STOP '$2'")
      assert.deepEqual(parsePattern(upgradePattern(old)), tree)
    }),
    { numRuns: 300 },
  )
})

/** Valid objects of STIX 2.0: without what 2.1 brought, with labels that mean something there, and properties in any order. */
const objects20 = fc
  .tuple(
    validObjects,
    fc.option(fc.subarray(['benign', 'x', 'unknown', 'attribution', 'y'], { minLength: 1 })),
    fc.option(patternTree.map(tree => printPattern(tree))),
    fc.boolean(),
  )
  .map(([object, labels, pattern, saysSo]): Sample => {
    const { spec_version, indicator_types, pattern_type, pattern_version, confidence, lang, extensions, ...rest } =
      object
    const { granular_markings, labels: text, ...old } = rest
    const version = saysSo ? { spec_version: '2.0' } : {}
    const label = labels === null ? (text === undefined ? {} : { labels: text }) : { labels }
    return { ...old, ...version, ...label, ...(object.type === 'indicator' && { pattern: pattern ?? '[a:b = 1]' }) }
  })
const layouts = fc.constantFrom(undefined, 1, '\t')

test('a valid object of STIX 2.0 is a valid one of STIX 2.1 then, to the letter, and has lost nothing', () => {
  fc.assert(
    fc.property(objects20, layouts, (drawn, indent) => {
      const text = JSON.stringify(drawn, undefined, indent)
      const object: Sample = JSON.parse(text)
      const whole = JSON.parse(upgradeText(text, object))
      assert.deepEqual(checkObject(whole, 'strict'), { type: object.type, missing: [] })
      assert.ok(!('refused' in checkObject(whole, 'lenient')))
      const { spec_version, pattern_type, indicator_types = [], labels = [], pattern, ...rest } = whole
      const { spec_version: _, labels: before = [], pattern: __, ...old } = object
      assert.deepEqual(rest, old)
      assert.deepEqual([...labels, ...indicator_types].toSorted(), [...(before as string[])].toSorted())
      assert.equal(isStix20(whole), false)
    }),
    { numRuns: 300 },
  )
})

test('of an object that is wrong in any way, what is wrong stays, and the check says so', () => {
  const value = fc.oneof(
    fc.jsonValue(),
    fc.constantFrom(null, [], '', ['benign'], [1, 'benign'], '[', '[a:b = 1] START'),
  )
  const changes = fc.dictionary(
    fc.constantFrom(
      'labels',
      'pattern',
      'granular_markings',
      'id',
      'created',
      '__proto__',
      'pattern_type',
      'indicator_types',
    ),
    value,
  )
  fc.assert(
    fc.property(fc.constantFrom(indicator20(), sighting20()), changes, (object, changed) => {
      const text = JSON.stringify({ ...object, ...changed, spec_version: '2.0' })
      const old = JSON.parse(text)
      const whole = JSON.parse(upgradeText(text, old))
      assert.equal(whole.spec_version, '2.1')
      for (const name of Object.keys(old)) {
        if (['spec_version', 'labels', 'pattern', 'pattern_type', 'indicator_types'].includes(name)) continue
        assert.deepEqual(whole[name], old[name])
      }
      const verdict = checkObject(whole, 'lenient')
      assert.ok(!('refused' in verdict) || verdict.refused !== 'unsupported_spec_version')
    }),
    { numRuns: 300 },
  )
})

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { checkObject, type ValidationMode } from '../../src/protocol/stix/check.ts'
import { deepestNesting } from '../../src/protocol/stix/nesting.ts'
import { idOf, indicatorWith, marking, nested, reference, type Sample, sightingWith } from './stix-samples.ts'
import { accepted, invalid, missing, noPattern, type Row, table, values, verdict } from './stix-tables.ts'

// A publisher sends a body → the broker checks it before anybody else sees it.

table('bodies', [
  ['an indicator that lacks nothing', indicatorWith(), accepted, accepted],
  ['a sighting that lacks nothing', sightingWith(), accepted, accepted],
  ['null', null, 'not_an_object', 'not_an_object'],
  ['a list', [indicatorWith()], 'not_an_object', 'not_an_object'],
  ['a string', 'indicator', 'not_an_object', 'not_an_object'],
  ['an empty object', {}, 'unsupported_type', 'unsupported_type'],
  ['a bundle', { type: 'bundle', id: idOf('bundle'), objects: [] }, 'unsupported_type', 'unsupported_type'],
  ['a type in upper case', indicatorWith({ type: 'Indicator' }), 'unsupported_type', 'unsupported_type'],
  ['a type in a list', indicatorWith({ type: ['indicator'] }), 'unsupported_type', 'unsupported_type'],
  ['an inherited name as the type', { type: 'constructor' }, 'unsupported_type', 'unsupported_type'],
])

const wrongVersion = 'unsupported_spec_version'
/** An indicator as STIX 2.0 has it, with these changes. */
const indicatorOf20 = (changes: Sample) =>
  indicatorWith({ spec_version: undefined, pattern_type: undefined, pattern_version: undefined, ...changes })
table('spec_version', [
  ...values(indicatorWith, 'spec_version', [
    [undefined, accepted, wrongVersion],
    [null, accepted, wrongVersion],
    ['', wrongVersion, wrongVersion],
    ['2.0', wrongVersion, wrongVersion],
    ['2.2', wrongVersion, wrongVersion],
    [2.1, wrongVersion, wrongVersion],
  ]),
  ...values(indicatorOf20, 'spec_version', [
    [undefined, wrongVersion, wrongVersion],
    [null, wrongVersion, wrongVersion],
    ['2.1', accepted, missing],
  ]),
  ['a sighting without spec_version', sightingWith({ spec_version: undefined }), wrongVersion, wrongVersion],
  ...['pattern_type', 'pattern_version', 'indicator_types', 'confidence', 'lang', 'extensions'].map((name): Row => {
    const { [name]: value = ['stix'] } = indicatorWith({ confidence: 5, lang: 'en', extensions: {} })
    return [
      `an indicator that only ${name} shows to be of 2.1`,
      indicatorOf20({ [name]: value }),
      accepted,
      wrongVersion,
    ]
  }),
  ...['description', 'confidence', 'lang', 'extensions'].map((name): Row => {
    const value = { description: 'x', confidence: 5, lang: 'en', extensions: {} }[name]
    const sample = sightingWith({ spec_version: undefined, [name]: value })
    return [`a sighting that only ${name} shows to be of 2.1`, sample, accepted, wrongVersion]
  }),
  [
    'an indicator whose properties of 2.1 are null or empty',
    indicatorOf20({ pattern_type: null, indicator_types: [] }),
    wrongVersion,
    wrongVersion,
  ],
])

const tooDeep = 'nested_too_deep'
table('nesting', [
  ['a body as deep as allowed', indicatorWith({ x_deep: nested(deepestNesting - 1) }), accepted, accepted],
  ['a body one level deeper', indicatorWith({ x_deep: nested(deepestNesting) }), tooDeep, tooDeep],
  ['a body 100,000 levels deep', indicatorWith({ x_deep: nested(100_000) }), tooDeep, tooDeep],
])

describe('off', () => {
  test('accepts whatever has the right type', () => {
    assert.deepEqual(checkObject({ type: 'indicator', id: 5, Name: null }, 'off'), { type: 'indicator', missing: [] })
    assert.deepEqual(checkObject({ type: 'sighting' }, 'off'), { type: 'sighting', missing: [] })
  })
  test('refuses what is no object, has another type or is nested too deep', () => {
    assert.equal(verdict([], 'off'), 'not_an_object')
    assert.equal(verdict({ type: 'malware' }, 'off'), 'unsupported_type')
    assert.equal(verdict({ type: 'sighting', x: nested(deepestNesting) }, 'off'), tooDeep)
  })
})

describe('what is missing', () => {
  const lacking = (body: unknown) => checkObject(body, 'lenient')
  test('nothing, when a body has all that the original would fill in', () => {
    assert.deepEqual(lacking(indicatorWith()), { type: 'indicator', missing: [] })
    assert.deepEqual(lacking(sightingWith()), { type: 'sighting', missing: [] })
  })
  test('whatever is absent, null or an empty list', () => {
    const bare = indicatorWith({ id: undefined, created: null, modified: [], valid_from: undefined })
    assert.deepEqual(lacking(bare), { type: 'indicator', missing: ['id', 'created', 'modified', 'valid_from'] })
    const bareSighting = sightingWith({ id: undefined, created: undefined, modified: undefined })
    assert.deepEqual(lacking(bareSighting), { type: 'sighting', missing: ['id', 'created', 'modified'] })
  })
  test('the pattern_version of a STIX pattern, also when it is empty', () => {
    for (const pattern_version of [undefined, null, '', [], {}, 0, false]) {
      assert.deepEqual(lacking(indicatorWith({ pattern_version })), { type: 'indicator', missing: ['pattern_version'] })
    }
  })
  test('the pattern_type of an indicator whose pattern is one of STIX', () => {
    for (const pattern_type of [undefined, null, []]) {
      const lacksType = { type: 'indicator', missing: ['pattern_type'] }
      assert.deepEqual(lacking(indicatorWith({ pattern_type })), lacksType)
      const neither = { type: 'indicator', missing: ['pattern_type', 'pattern_version'] }
      assert.deepEqual(lacking(indicatorWith({ pattern_type, pattern_version: undefined })), neither)
    }
  })
  test('the spec_version of what can only be of 2.1', () => {
    for (const spec_version of [undefined, null, []]) {
      const lacksVersion = { type: 'indicator', missing: ['spec_version'] }
      assert.deepEqual(lacking(indicatorWith({ spec_version })), lacksVersion)
    }
  })
  test('no pattern_version of a pattern in another language', () => {
    const sigma = indicatorWith({ pattern_type: 'sigma', pattern_version: undefined })
    assert.deepEqual(lacking(sigma), { type: 'indicator', missing: [] })
  })
  test('nothing in strict, where what is required must be there and defaults need not', () => {
    const result = checkObject(indicatorWith({ pattern_version: undefined }), 'strict')
    assert.deepEqual(result, { type: 'indicator', missing: [] })
  })
  test('an indicator that will be valid from now on must not have ended', () => {
    const endless = indicatorWith({ valid_from: undefined, valid_until: '2024-06-01T00:00:00Z' })
    const before = new Date('2024-05-31T23:59:59.999Z')
    const after = new Date('2024-06-01T00:00:00.000Z')
    assert.deepEqual(checkObject(endless, 'lenient', before), { type: 'indicator', missing: ['valid_from'] })
    assert.ok('refused' in checkObject(endless, 'lenient', after))
    assert.ok('refused' in checkObject(endless, 'lenient'), 'without a moment the clock decides')
  })
})

describe('a text as long as a message may be', () => {
  // 16 MiB, the default of max_message_size
  const long = (unit: string) => unit.repeat(2 ** 24 / unit.length)
  const inReference = (changes: Sample) => ({ external_references: reference(changes) })
  const fates: readonly (readonly [what: string, changes: () => Sample, lenient: string, strict: string])[] = [
    ['a name', () => ({ name: long('x') }), accepted, accepted],
    ['an identifier of hyphens', () => ({ created_by_ref: long('-') }), invalid, invalid],
    ['a UUID of braces', () => ({ id: `indicator--${long('{')}` }), invalid, invalid],
    ['a number with underscores', () => ({ confidence: long('1_') }), invalid, invalid],
    ['a timestamp', () => ({ valid_from: long('2024-01-26') }), invalid, invalid],
    ['a language code', () => ({ lang: long('a-') }), accepted, invalid],
    ['a URL', () => inReference({ url: `x:${long('%20a')}` }), accepted, accepted],
    ['a hash', () => inReference({ hashes: { MD5: long('0') } }), invalid, invalid],
    ['an algorithm', () => inReference({ hashes: { [long('-')]: 'x' } }), invalid, invalid],
    ['a selector', () => ({ granular_markings: marking({ selectors: [`pattern${long('.aaa')}`] }) }), invalid, invalid],
    ['a pattern', () => ({ pattern: long('[') }), noPattern, noPattern],
    ['a custom name', () => ({ [long('X')]: 1 }), accepted, invalid],
  ]
  for (const [what, changes, lenient, strict] of fates) {
    test(`as ${what} overwhelms nothing`, () => {
      assert.equal(verdict(indicatorWith(changes()), 'lenient'), lenient)
      assert.equal(verdict(indicatorWith(changes()), 'strict'), strict)
    })
  }
})

describe('the detail of a refusal', () => {
  const detail = (body: unknown, mode: ValidationMode = 'strict') => {
    const result = checkObject(body, mode)
    assert.ok('refused' in result)
    return result.detail
  }
  test('names the property, what was expected and what came instead', () => {
    assert.equal(detail(indicatorWith({ revoked: 'no' })), 'revoked must be true or false, not "no"')
    assert.equal(detail(sightingWith({ count: -1 })), 'count must be an integer from 0 to 999999999, not -1')
    assert.equal(detail(indicatorWith({ pattern: undefined })), 'pattern is missing')
    assert.equal(detail(indicatorWith({ spec_version: '2.0' })), 'spec_version must be "2.1", not "2.0"')
    const [lacking, pattern] = [{ pattern_type: undefined }, 'alert tcp']
    assert.equal(
      detail(indicatorWith({ ...lacking, pattern }), 'lenient'),
      'pattern_type is missing, and the pattern is none of STIX: line 1, column 1: found "alert", expected [ or (',
    )
    assert.equal(detail(indicatorWith(lacking)), 'pattern_type is missing')
    assert.equal(detail([]), 'the body is an empty list instead of a JSON object')
  })
  test('quotes an attacker briefly and on one line', () => {
    const megabyte = 'x\u001b\n\u009b\u2028\u202e'.repeat(300_000)
    for (const body of [
      { type: megabyte },
      indicatorWith({ spec_version: megabyte }),
      indicatorWith({ id: megabyte }),
      indicatorWith({ [megabyte.toUpperCase()]: 1 }),
      indicatorWith({ pattern: megabyte }),
      indicatorWith({ labels: { [megabyte]: 1 } }),
    ]) {
      assert.ok(detail(body).length < 500)
      assert.doesNotMatch(detail(body), /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u)
    }
  })
})

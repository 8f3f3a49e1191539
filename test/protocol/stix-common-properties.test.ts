import { idOf, indicatorWith, sightingWith } from './stix-samples.ts'
import { accepted, invalid, missing, table, values } from './stix-tables.ts'

// A publisher sends a body → the broker checks it before anybody else sees it.

const uuid1 = 'a8c1e5a0-1dd2-11b2-8000-0123456789ab'
const uuid0 = '05b7c427-1452-037e-a19e-32590edf60c3'
const uuid9 = '05b7c427-1452-937e-a19e-32590edf60c3'
const upperUuid = '05B7C427-1452-437E-A19E-32590EDF60C3'
const otherVariant = '05b7c427-1452-437e-c19e-32590edf60c3'
const nil = '00000000-0000-0000-0000-000000000000'

table(
  'id',
  values(indicatorWith, 'id', [
    [idOf('indicator', uuid1), accepted, accepted],
    [idOf('indicator', upperUuid), accepted, accepted],
    [idOf('indicator', uuid0), accepted, invalid],
    [idOf('indicator', uuid9), accepted, invalid],
    ['indicator--05b7c4271452437ea19e32590edf60c3', accepted, invalid],
    ['indicator--{05b7c427-1452-437e-a19e-32590edf60c3}', accepted, invalid],
    ['indicator--urn:uuid:05b7c427-1452-437e-a19e-32590edf60c3', accepted, invalid],
    [idOf('indicator', otherVariant), invalid, invalid],
    [idOf('indicator', nil), invalid, invalid],
    [idOf('sighting'), invalid, invalid],
    [idOf('Indicator'), invalid, invalid],
    ['indicator--', invalid, invalid],
    ['indicator--not-a-uuid', invalid, invalid],
    [`${idOf('indicator')}0`, invalid, invalid],
    [` ${idOf('indicator')}`, invalid, invalid],
    [`indicator--${'{'.repeat(1000)}`, invalid, invalid],
    [7, invalid, invalid],
    [[idOf('indicator')], invalid, invalid],
    ['', invalid, invalid],
    [undefined, accepted, missing],
    [null, accepted, invalid],
    [[], accepted, invalid],
  ]),
)

table('timestamps', [
  ...values(indicatorWith, 'valid_from', [
    ['2024-02-29T23:59:59Z', accepted, accepted],
    ['2024-01-26T21:28:21.1Z', accepted, accepted],
    ['2024-01-26T21:28:21.123456Z', accepted, accepted],
    ['2024-01-26t21:28:21z', accepted, invalid],
    ['2024-01-26T21:28:21.1234567Z', accepted, accepted],
    ['2024-01-26T21:28:21.123456789Z', accepted, accepted],
    [`2024-01-26T21:28:21.${'0'.repeat(60)}Z`, accepted, accepted],
    ['2024-01-26T21:28:21.123456789', invalid, invalid],
    ['2024-01-26T21:28:21.123456789+00:00', invalid, invalid],
    ['2024-01-26T21:28:21.1234567 9Z', invalid, invalid],
    ['2024-01-26T21:28:21.Z', invalid, invalid],
    ['2024-01-26T21:28:21', invalid, invalid],
    ['2024-01-26T21:28:21+00:00', invalid, invalid],
    ['2024-01-26 21:28:21Z', invalid, invalid],
    ['2024-01-26', invalid, invalid],
    ['2023-02-29T00:00:00Z', invalid, invalid],
    ['2024-13-01T00:00:00Z', invalid, invalid],
    ['2024-00-01T00:00:00Z', invalid, invalid],
    ['2024-01-26T24:00:00Z', invalid, invalid],
    ['2016-12-31T23:59:60Z', invalid, invalid],
    ['0000-01-01T00:00:00Z', invalid, invalid],
    ['2024-01-26T21:28:21Z\n', invalid, invalid],
    [1706304501, invalid, invalid],
    [['2024-01-26T21:28:21Z'], invalid, invalid],
    [undefined, accepted, missing],
    [null, accepted, invalid],
    [[], accepted, invalid],
  ]),
  ['created without milliseconds', indicatorWith({ created: '2024-01-26T21:28:21Z' }), accepted, invalid],
  ['modified with two digits', indicatorWith({ modified: '2024-01-26T21:28:22.01Z' }), accepted, invalid],
  ['a body without created and modified', sightingWith({ created: undefined, modified: undefined }), accepted, missing],
  ['modified before created', indicatorWith({ modified: '2024-01-26T21:28:21.013287Z' }), accepted, invalid],
  [
    'modified a nanosecond before created',
    indicatorWith({ created: '2024-01-26T21:28:21.1234568Z', modified: '2024-01-26T21:28:21.123456799Z' }),
    accepted,
    invalid,
  ],
  ['modified after created', indicatorWith({ modified: '2024-01-26T21:28:21.013289Z' }), accepted, accepted],
])

table('common properties', [
  ...values(sightingWith, 'created_by_ref', [
    [idOf('identity'), accepted, accepted],
    [idOf('indicator'), invalid, invalid],
    [idOf('identity', uuid0), accepted, invalid],
    ['identity', invalid, invalid],
  ]),
  ...values(indicatorWith, 'revoked', [
    [true, accepted, accepted],
    ['True', accepted, invalid],
    ['f', accepted, invalid],
    [0, accepted, invalid],
    [2, invalid, invalid],
    ['yes', invalid, invalid],
    ['', invalid, invalid],
    [{}, invalid, invalid],
    [null, accepted, invalid],
  ]),
  ...values(indicatorWith, 'labels', [
    [['x', 'y'], accepted, accepted],
    ['x', accepted, invalid],
    [['x', 5, null], accepted, invalid],
    [{ x: 1 }, accepted, invalid],
    [{}, invalid, invalid],
    [5, invalid, invalid],
    [true, invalid, invalid],
    [[], accepted, invalid],
  ]),
  ...values(indicatorWith, 'confidence', [
    [0, accepted, accepted],
    [100, accepted, accepted],
    [101, accepted, invalid],
    [-1, accepted, invalid],
    [50.7, accepted, invalid],
    [' 5 ', accepted, invalid],
    ['1_000', accepted, invalid],
    [true, accepted, invalid],
    ['5.7', invalid, invalid],
    ['_5', invalid, invalid],
    ['', invalid, invalid],
    ['high', invalid, invalid],
    [[50], invalid, invalid],
    [{}, invalid, invalid],
  ]),
  ...values(indicatorWith, 'lang', [
    ['de-CH', accepted, accepted],
    ['not a language', accepted, invalid],
    [5, accepted, invalid],
  ]),
  ...values(indicatorWith, 'object_marking_refs', [
    [[idOf('marking-definition')], accepted, accepted],
    [idOf('marking-definition'), accepted, invalid],
    [[idOf('marking-definition'), idOf('identity')], invalid, invalid],
  ]),
  ...values(indicatorWith, 'name', [
    ['', accepted, accepted],
    [5, accepted, invalid],
    [{ en: 'x' }, accepted, invalid],
    [null, accepted, invalid],
  ]),
])

const extension = idOf('extension-definition')
table(
  'extensions',
  values(indicatorWith, 'extensions', [
    [{ [extension]: { extension_type: 'property-extension', rank: 5 } }, accepted, accepted],
    [{ [extension]: { extension_type: 'my-extension' } }, accepted, invalid],
    [{ [extension]: { rank: 5 } }, accepted, invalid],
    [{ [extension]: {} }, accepted, invalid],
    [{ 'x-acme-ext': { rank: 5 } }, accepted, invalid],
    [{ 'extension-definition--5': { extension_type: 'property-extension' } }, invalid, invalid],
    [{ [extension]: 'x' }, invalid, invalid],
    [{ [extension]: null }, invalid, invalid],
    [{}, accepted, invalid],
    [[], accepted, invalid],
    [[extension], invalid, invalid],
    ['x', invalid, invalid],
    [false, invalid, invalid],
  ]),
)

const topLevelExtension = { [extension]: { extension_type: 'toplevel-property-extension' } }
table('custom properties', [
  ['x_acme with an object', indicatorWith({ x_acme: { a: [null, 1] } }), accepted, accepted],
  ['x_acme with null', indicatorWith({ x_acme: null }), accepted, accepted],
  ['a name of two letters', indicatorWith({ xy: 1 }), accepted, invalid],
  ['a name of 251 letters', indicatorWith({ [`x${'_'.repeat(250)}`]: 1 }), accepted, invalid],
  ['a name with capitals inside', indicatorWith({ xAcme: 1 }), accepted, invalid],
  ['a name with a capital first', indicatorWith({ Title: 1 }), accepted, invalid],
  ['a name with an underscore first', indicatorWith({ _key: 1 }), accepted, invalid],
  ['a name with a digit first', indicatorWith({ '1st_seen': 1 }), accepted, invalid],
  ['a name with another sign first', indicatorWith({ '@timestamp': 1 }), accepted, invalid],
  ['a name with blanks', indicatorWith({ 'Threat Type': 1 }), accepted, invalid],
  ['an empty name', indicatorWith({ '': 1 }), invalid, invalid],
  [
    '__proto__ as a name',
    JSON.parse(JSON.stringify(indicatorWith()).replace('{', '{"__proto__":1,')),
    invalid,
    invalid,
  ],
  ['a reserved name', indicatorWith({ severity: 'high' }), accepted, invalid],
  ['a name that only observables have', indicatorWith({ defanged: true }), accepted, invalid],
  [
    'any name beside a top-level extension',
    indicatorWith({ Title: 1, extensions: topLevelExtension }),
    accepted,
    invalid,
  ],
])

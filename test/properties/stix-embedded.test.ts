import { idOf, indicatorWith, marking, reference, type Sample } from './stix-samples.ts'
import { accepted, invalid, missing, table, values } from './stix-tables.ts'

// A publisher sends a body → the broker checks it before anybody else sees it.

const sha256 = 'a'.repeat(64)
table(
  'external_references',
  values(indicatorWith, 'external_references', [
    [reference({}), accepted, accepted],
    [[{ source_name: 'x', description: 'y' }], accepted, accepted],
    [[{ source_name: 'x', url: 'https://example.com' }], accepted, accepted],
    [[{ source_name: 'x' }], invalid, invalid],
    [[{ source_name: 'x', url: null }], invalid, invalid],
    [[{ external_id: 'x' }], invalid, invalid],
    [reference({ source_name: [] }), invalid, invalid],
    [reference({ source_name: 5 }), accepted, invalid],
    [reference({ url: 'https://example.com/a?b=%20#c' }), accepted, accepted],
    [reference({ url: 'not a url' }), accepted, invalid],
    [reference({ hashes: { 'SHA-256': sha256 } }), accepted, accepted],
    [reference({ hashes: { sha256 } }), accepted, invalid],
    [reference({ hashes: { 'SHA-256': 'abc' } }), invalid, invalid],
    [reference({ hashes: { 'SHA-256': 5 } }), invalid, invalid],
    [reference({ hashes: { x_foo: sha256 } }), invalid, invalid],
    [reference({ hashes: {} }), invalid, invalid],
    [reference({ hashes: [] }), accepted, invalid],
    [reference({ x_own: [{ a: 1 }] }), accepted, accepted],
    [reference({ xOwn: 1 }), accepted, invalid],
    [reference({ Own: 1 }), invalid, invalid],
    [reference({})[0], invalid, invalid],
    [['x'], invalid, invalid],
    ['x', invalid, invalid],
    [[], accepted, invalid],
  ]),
)

const marked = (changes: Sample) =>
  indicatorWith({
    labels: ['x', 'y'],
    confidence: 0,
    revoked: false,
    external_references: reference({ description: '' }),
    kill_chain_phases: [{ kill_chain_name: 'x', phase_name: 'y' }],
    x_own: { list: [{ leaf: 1 }], none: null, empty: [] },
    ...changes,
  })
table('granular_markings', [
  ...values(marked, 'granular_markings', [
    [marking({}), accepted, accepted],
    [marking({ selectors: ['labels.[1]', 'x_own.list.[0].leaf', 'id'] }), accepted, accepted],
    [marking({ selectors: 'pattern' }), accepted, invalid],
    [marking({ selectors: [] }), invalid, invalid],
    [marking({ selectors: undefined }), invalid, invalid],
    [marking({ selectors: ['name'] }), invalid, invalid],
    [marking({ selectors: ['labels.[2]'] }), invalid, invalid],
    [marking({ selectors: ['labels.name'] }), invalid, invalid],
    [marking({ selectors: ['labels.111'] }), invalid, invalid],
    [marking({ selectors: ['pattern.[0]'] }), invalid, invalid],
    [marking({ selectors: ['constructor'] }), invalid, invalid],
    [marking({ selectors: ['labels.length'] }), invalid, invalid],
    [marking({ selectors: ['pattern..x'] }), invalid, invalid],
    [marking({ selectors: ['Pattern'] }), invalid, invalid],
    [marking({ selectors: [5] }), invalid, invalid],
    [marking({ selectors: ['confidence', 'revoked'] }), accepted, accepted],
    [marking({ selectors: ['external_references.[0].description'] }), accepted, accepted],
    [marking({ selectors: ['x_own.none', 'x_own.empty'] }), accepted, accepted],
    [marking({ selectors: ['external_references.[0].source_name'] }), accepted, accepted],
    [marking({ selectors: ['external_references.[0].url'] }), invalid, invalid],
    [marking({ selectors: ['external_references.[1].source_name'] }), invalid, invalid],
    [marking({ selectors: ['external_references.source_name'] }), invalid, invalid],
    [marking({ selectors: ['kill_chain_phases.[0].phase_name'] }), accepted, accepted],
    [marking({ selectors: ['kill_chain_phases.[0]'] }), accepted, accepted],
    [marking({ selectors: ['granular_markings.[0].selectors.[0]'] }), accepted, accepted],
    [marking({ selectors: ['labels.[]'] }), invalid, invalid],
    [marking({ selectors: ['labels.[0x1]'] }), invalid, invalid],
    [marking({ lang: 'de' }), accepted, invalid],
    [marking({ lang: 'de', marking_ref: undefined }), accepted, accepted],
    [marking({ marking_ref: undefined }), invalid, invalid],
    [marking({ marking_ref: idOf('identity') }), invalid, invalid],
    [marking({})[0], invalid, invalid],
  ]),
  [
    'a marking of what will be filled in',
    indicatorWith({ valid_from: undefined, granular_markings: marking({ selectors: ['valid_from'] }) }),
    accepted,
    missing,
  ],
])

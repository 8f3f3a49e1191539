import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeFrame } from '../../src/protocol/frames.ts'
import { checkObject } from '../../src/protocol/stix/check.ts'
import { stixIndicators, validObjects } from './stix-arbitraries.ts'
import { idOf, type Sample } from './stix-samples.ts'

// A tool sends what it takes for STIX → a lenient bus takes it, and changes nothing that is there.

/** Names of custom properties. One that ends with a blank is never one of the standard's. */
const customNames = fc.oneof(
  fc.constantFrom('_key', 'Title', '@timestamp'),
  fc.string().map(text => `${text} `),
)

/** What tools do to an object that the standard would not, and `lenient` takes. */
const habits: fc.Arbitrary<(object: Sample) => Sample> = fc.oneof(
  fc.constantFrom<(object: Sample) => Sample>(
    object => ({ ...object, created: '2014-12-31t23:59:59z' }),
    object => ({ ...object, modified: '2015-01-01T00:00:00Z' }),
    object => ({ ...object, confidence: null, lang: [], external_references: [], created_by_ref: null }),
    object => ({ ...object, revoked: true, ...(object.valid_from ? { valid_until: object.valid_from } : {}) }),
    object => (object.type === 'sighting' ? { ...object, count: '5', summary: 'True' } : { ...object, name: 5 }),
  ),
  fc.constantFrom('ipv4-addr', 'file', 'x509-certificate', 'note').chain(type =>
    fc.oneof(fc.constant('00000000-0000-0000-0000-000000000000'), fc.uuid()).map(uuid => (object: Sample) => {
      return object.type === 'sighting' ? { ...object, sighting_of_ref: idOf(type, uuid) } : object
    }),
  ),
  fc.tuple(customNames, fc.jsonValue()).map(([name, value]) => (object: Sample) => ({ ...object, [name]: value })),
)

/** What tools leave out. */
const omissions = fc.subarray(['id', 'created', 'modified', 'valid_from', 'pattern_type', 'pattern_version'])

const sent = fc
  .tuple(fc.oneof(validObjects, stixIndicators), fc.array(habits, { maxLength: 4 }))
  .map(([object, changes]) => changes.reduce((changed, change) => change(changed), object))

/** What is sent on of a body that came as this text. */
function forwarded(text: string): string {
  const decoded = decodeFrame([Buffer.from(`stix2/any ${text}`)], { validation: 'lenient', maxValues: 65_536 })
  assert.ok('frame' in decoded, 'detail' in decoded ? `${decoded.detail}: ${text}` : '')
  return String(decoded.frame).replace(/^[a-z]+ /, '')
}

test('what tools write is taken, and travels byte for byte if it lacks nothing', () => {
  fc.assert(
    fc.property(sent, fc.constantFrom(undefined, 1), (object, indent) => {
      const text = JSON.stringify(object, undefined, indent)
      assert.equal(forwarded(text), text)
    }),
    { numRuns: 300 },
  )
})

test('what tools leave out is filled in, once and for all', () => {
  fc.assert(
    fc.property(sent, omissions, (object, omitted) => {
      const isOfStix = object.pattern_type === 'stix'
      const kept = Object.entries(object).filter(
        ([name]) => !omitted.includes(name) || (name.startsWith('pattern') && !isOfStix),
      )
      const text = JSON.stringify(Object.fromEntries(kept))
      const whole = forwarded(text)
      assert.ok(whole.startsWith(text.slice(0, -1)))
      assert.equal(forwarded(whole), whole)
      const { type } = object
      assert.deepEqual(checkObject(JSON.parse(whole), 'lenient'), { type, missing: [] })
    }),
    { numRuns: 300 },
  )
})

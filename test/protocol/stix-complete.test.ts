import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { checkObject } from '../../src/protocol/stix/check.ts'
import { completeText } from '../../src/protocol/stix/complete.ts'
import { stixIndicators, timestamps, validObjects } from './stix-arbitraries.ts'
import { indicatorWith, type Sample, sightingWith } from './stix-samples.ts'

// A publisher sends a body that lacks something → the broker fills it in → subscribers read the whole.

const now = new Date('2024-05-01T12:00:00.123Z')

/** Checks a body and fills in what it lacks, as the broker does. */
function completed(text: string, moment: Date = now) {
  const object: Sample = JSON.parse(text)
  const result = checkObject(object, 'lenient', moment)
  assert.ok(!('refused' in result), 'refused' in result ? result.detail : '')
  return completeText(text, object, result.missing, moment)
}

test('what is missing is written before the closing brace, and the rest stays as it was', () => {
  const text = '{ "type":"indicator","spec_version":"2.1", "pattern" : "x",\n"pattern_type":"yara","x_n":1.0e2 }\n'
  const { text: whole } = completed(text)
  const [start, added] = whole.split(' ,')
  assert.equal(start, text.slice(0, text.lastIndexOf(' }')))
  assert.match(
    added ?? '',
    /^"id":"indicator--[0-9a-f-]{36}","created":"2024-05-01T12:00:00.123Z","modified":"2024-05-01T12:00:00.123Z","valid_from":"2024-05-01T12:00:00.123Z"}\n$/,
  )
})

test('a sighting gets an id of its own type, and never the same twice', () => {
  const text = JSON.stringify(sightingWith({ id: undefined }))
  const [first, second] = [completed(text), completed(text)]
  assert.match(
    String(first.object.id),
    /^sighting--[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
  )
  assert.notEqual(first.object.id, second.object.id)
})

test('a STIX pattern without a version gets version 2.1', () => {
  const { text } = completed(JSON.stringify(indicatorWith({ pattern_version: '' })))
  assert.ok(text.endsWith(',"pattern_version":"2.1"}'))
})

test('a STIX pattern without a type, and an object of 2.1 without a version, get theirs', () => {
  const { text, object } = completed(
    JSON.stringify(indicatorWith({ pattern_type: undefined, spec_version: undefined })),
  )
  assert.ok(text.endsWith(',"spec_version":"2.1","pattern_type":"stix"}'), text)
  assert.deepEqual(JSON.parse(text), object)
})

test('a null is overruled by the added property, which is the last of its name', () => {
  const { text } = completed(JSON.stringify(sightingWith({ created: null, modified: [] })))
  assert.ok(text.includes('"created":null'))
  assert.equal(JSON.parse(text).created, now.toISOString())
  assert.equal(JSON.parse(text).modified, now.toISOString())
})

test('a brace in a string is not taken for the closing one', () => {
  const { text } = completed(JSON.stringify(sightingWith({ id: undefined, description: '}' })))
  assert.equal(JSON.parse(text).description, '}')
})

test('created and modified stay in order, whatever the clock says', () => {
  const later = '2030-01-01T00:00:00.000Z'
  const earlier = '2000-01-01T00:00:00.000Z'
  const filledIn = (changes: Sample) => completed(JSON.stringify(sightingWith(changes))).object
  assert.equal(filledIn({ created: later, modified: undefined }).modified, later)
  assert.equal(filledIn({ created: undefined, modified: earlier }).created, earlier)
  assert.equal(filledIn({ created: earlier, modified: undefined }).modified, now.toISOString())
  assert.equal(filledIn({ created: undefined, modified: later }).created, now.toISOString())
})

test('what was revoked begins no later than it ends, and all else begins now', () => {
  const begins = (changes: Sample) =>
    completed(JSON.stringify(indicatorWith({ valid_from: undefined, ...changes }))).object.valid_from
  const ended = '2024-01-01T00:00:00Z'
  assert.equal(begins({ revoked: true, valid_until: ended }), ended)
  assert.equal(begins({ revoked: 'true', valid_until: ended }), ended)
  assert.equal(begins({ revoked: true, valid_until: '2030-01-01T00:00:00Z' }), now.toISOString())
  assert.equal(begins({ revoked: true }), now.toISOString())
  assert.equal(begins({ valid_until: '2030-01-01T00:00:00Z' }), now.toISOString())
})

/** Valid objects from which some of what can be filled in was taken away, or emptied. */
const lackingObjects = fc
  .tuple(
    fc.oneof(validObjects, stixIndicators),
    fc.dictionary(
      fc.constantFrom('id', 'created', 'modified', 'valid_from', 'spec_version', 'pattern_type', 'pattern_version'),
      fc.constantFrom(undefined, null, []),
    ),
  )
  .map(([object, changes]) => {
    const isOfStix = object.pattern_type === 'stix'
    const kept = Object.entries(changes).filter(([name]) => {
      if (name === 'pattern_version' || name === 'pattern_type') return isOfStix
      // something has to say that it is of 2.1
      if (name === 'spec_version') return isOfStix && !('pattern_type' in changes)
      return name in object
    })
    return { ...object, ...Object.fromEntries(kept) }
  })
const layouts = fc.tuple(fc.constantFrom(undefined, 1, '\t'), fc.constantFrom('', ' ', '\r\n'))

test('a completed body begins as it came, says what it is told to say, and is valid by the standard', () => {
  fc.assert(
    fc.property(lackingObjects, layouts, timestamps(1999, 2050), (lacking, [indent, tail], moment) => {
      const text = JSON.stringify(lacking, undefined, indent) + tail
      const whole = completed(text, new Date(moment))
      assert.ok(whole.text.startsWith(text.slice(0, text.lastIndexOf('}'))))
      assert.ok(whole.text.endsWith(`}${tail}`))
      assert.deepEqual(JSON.parse(whole.text), JSON.parse(JSON.stringify(whole.object)))
      assert.deepEqual(checkObject(JSON.parse(whole.text), 'strict'), { type: lacking.type, missing: [] })
      assert.deepEqual(checkObject(JSON.parse(whole.text), 'lenient'), { type: lacking.type, missing: [] })
    }),
    { numRuns: 300 },
  )
})

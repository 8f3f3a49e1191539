import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { BrokenJson, type ScannedValue, scanValue, scanValues } from '../../src/protocol/json-scanner.ts'

/** JSON text with whitespace in all the places where JSON allows it. */
const spacedJson = fc
  .tuple(fc.jsonValue({ maxDepth: 4 }), fc.array(fc.constantFrom('', ' ', '\n', '\t', '\r\n  '), { minLength: 1 }))
  .map(([value, spaces]) => {
    let turn = 0
    const space = () => spaces[turn++ % spaces.length]
    // Splits outside of strings only: a string is matched whole.
    return JSON.stringify(value).replace(/"(?:[^"\\]|\\.)*"|[{}[\],:]/g, token => `${space()}${token}${space()}`)
  })

function scanned(text: string): ScannedValue[] | BrokenJson {
  try {
    return [...scanValues(text)]
  } catch (error) {
    if (error instanceof BrokenJson) return error
    throw error
  }
}

function parsed(text: string): unknown {
  try {
    return { value: JSON.parse(text) }
  } catch {
    return 'broken'
  }
}

test('the slices of an object are the texts of its members, of an array those of its elements', () => {
  fc.assert(
    fc.property(spacedJson, text => {
      const whole = JSON.parse(text)
      const [value, ...more] = scanned(text) as ScannedValue[]
      assert.ok(value && more.length === 0)
      assert.deepEqual(JSON.parse(text.slice(value.start, value.end)), whole)
      if (value.kind === 'object') {
        const members = [...value.members].map(([key, { start, end }]) => [key, JSON.parse(text.slice(start, end))])
        assert.deepEqual(Object.fromEntries(members), whole)
      } else if (value.kind === 'array') {
        const elements = value.elements.map(({ start, end }) => JSON.parse(text.slice(start, end)))
        assert.deepEqual(elements, whole)
      }
    }),
  )
})

test('a slice is the text as it stood before it was put into an array: not a character more, none less', () => {
  fc.assert(
    fc.property(fc.array(spacedJson.map(text => text.trim())), texts => {
      const bundle = `{"type": "bundle", "objects" : [ ${texts.join(' ,\n')} ]}`
      const [value] = scanned(bundle) as ScannedValue[]
      assert.ok(value?.kind === 'object')
      const objects = value.members.get('objects')
      assert.ok(objects)
      const array = scanValue(bundle, objects.start)
      assert.ok(array.kind === 'array')
      assert.deepEqual(
        array.elements.map(({ start, end }) => bundle.slice(start, end)),
        texts,
      )
    }),
  )
})

test('a text is accepted if and only if JSON.parse accepts it, whatever is changed in it', () => {
  const change = fc.record({
    at: fc.nat(),
    remove: fc.nat(3),
    insert: fc.oneof(
      fc.string({ maxLength: 3 }),
      fc.constantFrom('"', '\\', '\\u00', '{', ']', ',', '-', '0', 'e', '.', '\n'),
    ),
  })
  fc.assert(
    fc.property(spacedJson, fc.array(change, { maxLength: 3 }), (text, changes) => {
      let changed = text
      for (const { at, remove, insert } of changes) {
        const index = at % (changed.length + 1)
        changed = changed.slice(0, index) + insert + changed.slice(index + remove)
      }
      const values = scanned(changed)
      const isOneValue = !(values instanceof BrokenJson) && values.length === 1
      // Several values in a row are no JSON text, but are what a file may hold.
      if (!isOneValue && !(values instanceof BrokenJson) && values.length > 1) {
        for (const { start, end } of values) assert.notEqual(parsed(changed.slice(start, end)), 'broken')
        assert.equal(parsed(changed), 'broken')
      } else assert.equal(isOneValue, parsed(changed) !== 'broken')
    }),
    { numRuns: 2000 },
  )
})

test('values in a row are found one after the other', () => {
  fc.assert(
    fc.property(fc.array(spacedJson), texts => {
      const values = scanned(texts.join('\n'))
      assert.ok(!(values instanceof BrokenJson))
      assert.equal(values.length, texts.length)
    }),
  )
})

test('a text that was cut off is broken at its end, unless it was cut within a string, a number or a word', () => {
  fc.assert(
    fc.property(spacedJson, fc.nat(), (text, at) => {
      const cut = text.slice(0, at % text.length).trimEnd()
      const values = scanned(cut)
      if (!(values instanceof BrokenJson)) return
      const rest = cut.slice(values.index)
      assert.ok(rest === '' || /^["\\\-tfneE.]/.test(rest), rest)
    }),
  )
})

test('of duplicate members the last one counts, and a name may be written with escapes', () => {
  const text = '{"objects": [1], "\\u006fbjects": [2], "__proto__": 3}'
  const [value] = scanned(text) as ScannedValue[]
  assert.ok(value?.kind === 'object')
  const { start, end } = value.members.get('objects') ?? assert.fail()
  assert.equal(text.slice(start, end), '[2]')
  assert.ok(value.members.has('__proto__'))
})

test('neither a million levels nor a string of 20 million characters is too much', () => {
  const deep = '['.repeat(1_000_000) + ']'.repeat(1_000_000)
  assert.equal((scanned(deep) as ScannedValue[]).length, 1)
  const long = `{"name":"${'x\\n'.repeat(7_000_000)}"}`
  assert.equal((scanned(long) as ScannedValue[]).length, 1)
})

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { decodeUtf8, nestsTooDeep } from '../../src/protocol/json.ts'
import { compacted, memberText } from '../../src/protocol/json-scanner.ts'
import { deepestNesting } from '../../src/protocol/stix/nesting.ts'

/** JSON text of a value with white space strewn in, as another language's serialiser might write it. */
const spacedJson = (value: fc.Arbitrary<unknown>) =>
  fc.tuple(value, fc.constantFrom('', ' ', '\n', '\t\r\n  ')).map(([each, space]) => JSON.stringify(each, null, space))

describe('the text of a member', () => {
  test('parses to what the member parses to', () => {
    fc.assert(
      fc.property(spacedJson(fc.dictionary(fc.string(), fc.jsonValue())), fc.string(), (text, absent) => {
        const object = JSON.parse(text)
        for (const [key, value] of Object.entries(object)) {
          const found = memberText(text, key)
          assert.ok(found !== undefined && text.includes(found))
          assert.deepEqual(JSON.parse(found), value)
          assert.equal(found, found.trim())
        }
        if (!Object.hasOwn(object, absent)) assert.equal(memberText(text, absent), undefined)
      }),
    )
  })

  test('is the last one of duplicate keys, as JSON.parse has it', () => {
    assert.equal(memberText('{"a": 1, "b": [2, {"a": 3}], "a" : {"x":"}"} }', 'a'), '{"x":"}"}')
  })

  test('is found under a key that is written with escapes', () => {
    assert.equal(memberText('{"\\u0062ody":{}}', 'body'), '{}')
  })

  test('keeps what a serialiser would change', () => {
    assert.equal(memberText('{"body": {"n": 1.0e2 , "n":2} }', 'body'), '{"n": 1.0e2 , "n":2}')
  })
})

describe('the text without whitespace', () => {
  test('is what a serialiser writes that adds none', () => {
    fc.assert(
      fc.property(spacedJson(fc.jsonValue()), text => {
        assert.equal(compacted(` \n${text}\r\n`), JSON.stringify(JSON.parse(text)))
      }),
    )
  })

  test('keeps what a serialiser would change, and blanks and quotes in strings', () => {
    assert.equal(
      compacted('{ "n" : -0.10e2 , "n":1,\t"a\\" b": "\\u0020 \\\\" }'),
      '{"n":-0.10e2,"n":1,"a\\" b":"\\u0020 \\\\"}',
    )
  })
})

describe('nesting', () => {
  const nested = (depth: number, padding: number) => `${'['.repeat(depth)}"${'x'.repeat(padding)}"${']'.repeat(depth)}`

  test('is bounded in long texts', () => {
    assert.equal(nestsTooDeep(nested(deepestNesting, 10_000)), false)
    assert.equal(nestsTooDeep(nested(deepestNesting + 1, 10_000)), true)
    assert.equal(nestsTooDeep('['.repeat(100_000)), true)
  })

  test('does not count brackets inside strings', () => {
    assert.equal(nestsTooDeep(JSON.stringify({ text: '[{\\"'.repeat(10_000) })), false)
  })

  test('of any JSON is what a walk finds', () => {
    const depthOf = (value: unknown): number =>
      typeof value === 'object' && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depthOf)) : 0
    fc.assert(
      fc.property(fc.jsonValue(), fc.nat({ max: 2 * deepestNesting }), (value, levels) => {
        const text = `{"padding":"${'x'.repeat(5000)}","value":${'['.repeat(levels)}${JSON.stringify(value)}${']'.repeat(levels)}}`
        assert.equal(nestsTooDeep(text), 1 + levels + depthOf(value) > deepestNesting)
      }),
    )
  })
})

describe('decoding UTF-8', () => {
  test('gives the same bytes back, or refuses', () => {
    fc.assert(
      fc.property(fc.uint8Array(), raw => {
        const bytes = Buffer.from(raw)
        const text = decodeUtf8(bytes)
        if (text === undefined) assert.throws(() => new TextDecoder('utf-8', { fatal: true }).decode(bytes))
        else assert.deepEqual(Buffer.from(text), bytes)
      }),
    )
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), text => {
        const bytes = Buffer.from(text)
        assert.equal(decodeUtf8(bytes), bytes.toString())
      }),
    )
  })
})

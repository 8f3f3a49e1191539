import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { decodeUtf8, excessOf, isJsonObject } from '../../src/protocol/json.ts'
import { BrokenJson, compacted, memberText, scanMembers } from '../../src/protocol/json-scanner.ts'
import { deepestNesting } from '../../src/protocol/stix/nesting.ts'

const blanks = fc.constantFrom('', ' ', '\n', '\t\r\n  ')

/** JSON text of a value with white space strewn in, as another language's serialiser might write it. */
const spacedJson = (value: fc.Arbitrary<unknown>) =>
  fc.tuple(value, blanks).map(([each, space]) => JSON.stringify(each, null, space))

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

describe('the members of some names', () => {
  test('parse to what JSON.parse finds, and what is no JSON is none', () => {
    const names = ['a', 'b', '__proto__', '"']
    const objects = fc.dictionary(fc.oneof(fc.constantFrom(...names), fc.string()), fc.jsonValue())
    const texts = fc.oneof(spacedJson(fc.oneof(objects, fc.jsonValue())), fc.string())
    fc.assert(
      fc.property(texts, fc.string({ maxLength: 2 }), (json, rest) => {
        for (const text of [json, json + rest, json.slice(0, -1)]) {
          let parsed: unknown
          try {
            parsed = JSON.parse(text)
          } catch {
            assert.throws(() => scanMembers(text, new Set(names)), BrokenJson)
            continue
          }
          const members = scanMembers(text, new Set(names))
          if (!isJsonObject(parsed)) assert.equal(members, undefined)
          else {
            const known = Object.entries(parsed).filter(([name]) => names.includes(name))
            const found = [...(members ?? [])].map(([name, { start, end }]) => [
              name,
              JSON.parse(text.slice(start, end)),
            ])
            assert.deepEqual(new Map(found as never), new Map(known))
          }
        }
      }),
    )
  })
})

describe('nesting and values', () => {
  const deepest = deepestNesting
  const nested = (depth: number, padding: number) => `${'['.repeat(depth)}"${'x'.repeat(padding)}"${']'.repeat(depth)}`

  test('are bounded in long texts', () => {
    assert.equal(excessOf(nested(deepest, 10_000), 1000), undefined)
    assert.equal(excessOf(nested(deepest + 1, 10_000), 1000), 'nested_too_deep')
    assert.equal(excessOf('['.repeat(100_000), 1000), 'nested_too_deep')
    assert.equal(excessOf('{},'.repeat(100_000), 1000), 'too_many_values')
    assert.equal(excessOf('"":'.repeat(100_000), 1000), 'too_many_values')
  })

  test('are not counted inside strings', () => {
    assert.equal(excessOf(JSON.stringify({ text: '[{\\",:'.repeat(10_000) }), 3), undefined)
  })

  test('of any JSON are what a walk finds', () => {
    const depthOf = (value: unknown): number =>
      typeof value === 'object' && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depthOf)) : 0
    const valuesOf = (value: unknown): number => {
      if (typeof value !== 'object' || value === null) return 1
      const names = Array.isArray(value) ? 0 : Object.keys(value).length
      return 1 + names + Object.values(value).reduce((sum: number, each) => sum + valuesOf(each), 0)
    }
    fc.assert(
      fc.property(fc.jsonValue(), fc.nat({ max: 2 * deepest }), blanks, (inner, levels, space) => {
        const value = JSON.stringify(inner, undefined, space)
        const text = `{"padding":"${'x'.repeat(5000)}","value":${'['.repeat(levels)}${value}${']'.repeat(levels)}}`
        const isTooDeep = 1 + levels + depthOf(inner) > deepest
        const values = 4 + levels + valuesOf(inner)
        assert.equal(excessOf(text, Number.POSITIVE_INFINITY), isTooDeep ? 'nested_too_deep' : undefined)
        if (isTooDeep) return
        assert.equal(excessOf(text, values), undefined)
        assert.equal(excessOf(text, values - 1), 'too_many_values')
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

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { checkPattern, parsePattern } from '../../src/protocol/stix/pattern.ts'
import { hashFits } from '../../src/protocol/stix/pattern-hash.ts'
import { printPattern } from './pattern-print.ts'
import { patternTree } from './pattern-trees.ts'

// What is drawn here is told apart by the tree (a pattern, or what became of one) and by its text.

test('a tree that is printed and parsed is the same tree', () => {
  fc.assert(
    fc.property(patternTree, tree => {
      assert.deepEqual(parsePattern(printPattern(tree)), tree)
    }),
    { numRuns: 500 },
  )
})

test('white space and comments between the words change nothing', () => {
  const blank = fc.constantFrom(' ', '\n', '\t\r\n', '\u3000\u00a0', '/* AND */', '/**/', '// [\n', ' /*\n*/ ')
  fc.assert(
    fc.property(patternTree, fc.infiniteStream(blank), (tree, blanks) => {
      const text = printPattern(tree, () => blanks.next().value ?? ' ')
      assert.deepEqual(parsePattern(` ${text} // end`), tree)
    }),
    { numRuns: 300 },
  )
})

/** Asserts what holds for every text, by both grammars, and gives what became of it by that of 2.1. */
function judge(text: string): ReturnType<typeof parsePattern> {
  const by20 = parsePattern(text, '2.0')
  assert.deepEqual(checkPattern(text, '2.0'), by20.kind === 'error' ? by20 : undefined)
  const parsed = parsePattern(text)
  if (parsed.kind !== 'error') {
    if (!text.includes('EXISTS')) assert.deepEqual(by20, parsed)
    assert.equal(checkPattern(text), undefined)
    assert.deepEqual(parsePattern(printPattern(parsed)), parsed)
    return parsed
  }
  assert.deepEqual(checkPattern(text), parsed)
  assert.ok(parsed.offset >= 0 && parsed.offset <= text.length)
  const before = text.slice(0, parsed.offset).split('\n')
  assert.deepEqual([parsed.line, parsed.column], [before.length, (before.at(-1) ?? '').length + 1])
  assert.match(parsed.message, /^found .+, expected .+$/)
  assert.ok(parsed.message.length <= 200, parsed.message)
  return parsed
}

test('a comparison with one value, which needs no parser to be checked, is what the parser takes it for', () => {
  const name = fc.oneof(
    fc.constantFrom('domain-name', 'ipv4-addr', 'url', 'true', 'false', 'IN', 't', 'h', 'a-', '9', ''),
    fc.stringMatching(/^[a-z_A-Z0-9-]{1,8}$/),
  )
  const value = fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.constantFrom("\\'", '\\\\', '\\x', '\n'))
  const property = fc.constantFrom('value', 'value', 'hashes', 'values', "hashes.'MD5'")
  const around = fc.constantFrom(['[', ']'], ['[', '] '], ['[', ']\n'], ['([', '])'], ['[[', ']'], ['[', ''])
  const equals = fc.constantFrom(' = ', ' = ', '=', ' != ')
  fc.assert(
    fc.property(name, property, equals, value, around, (type, path, operator, text, [before, after]) => {
      judge(`${before}${type}:${path}${operator}'${text}'${after}`)
    }),
    { numRuns: 2000 },
  )
})

test('any text is a pattern or an error at a place in it', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.string({ unit: 'binary' })), text => {
      judge(text)
    }),
    { numRuns: 500 },
  )
})

test('any heap of words of the language is a pattern or an error at a place in it', () => {
  const word = fc.constantFrom(
    ...['[', ']', '(', ')', ',', ':', '.', '*', '=', '!=', '<>', '<', '>=', '-', '+1', '-2', '0.5', '.5', '007', '!'],
    ...['AND', 'OR', 'NOT', 'FOLLOWEDBY', 'IN', 'LIKE', 'EXISTS', 'LAST', 'WITHIN', 'SECONDS', 'REPEATS', 'TIMES'],
    ...[
      'START',
      'STOP',
      'a',
      'a:b',
      'a:b = 1',
      '[a:b = 1]',
      'hashes',
      'MD5',
      'x-y',
      'true',
      "'s'",
      "'",
      "'\\'",
      "h'0'",
    ],
    ...["h'00'", "b'AA=='", "b'='", "t'2020-01-01T00:00:00Z'", "t'2020-13-01T00:00:00Z'", '/*', '*/', '//', '\n', '#'],
  )
  fc.assert(
    fc.property(fc.array(word, { maxLength: 12 }), fc.constantFrom('', ' '), (words, glue) => {
      judge(words.join(glue))
    }),
    { numRuns: 2000 },
  )
})

test('a pattern with a slip of the pen is still a pattern, or an error at a place in it', () => {
  const slip = fc.record({
    at: fc.nat(),
    dropped: fc.integer({ min: 0, max: 2 }),
    added: fc.oneof(
      fc.constantFrom('', "'", '\\', '(', ')', '[', ']', '.', '-', '0', ' '),
      fc.string({ maxLength: 2 }),
    ),
  })
  fc.assert(
    fc.property(patternTree, slip, (tree, { at, dropped, added }) => {
      const text = printPattern(tree)
      const place = at % (text.length + 1)
      judge(text.slice(0, place) + added + text.slice(place + dropped))
    }),
    { numRuns: 1000 },
  )
})

test('an error stands where it is, whatever comes after the word in error', () => {
  fc.assert(
    fc.property(patternTree, fc.string(), (tree, rest) => {
      const text = `${printPattern(tree)} ; `
      const error = { kind: 'error', line: text.split('\n').length, offset: text.length - 2 }
      const parsed = judge(text + rest)
      assert.ok(parsed.kind === 'error')
      assert.deepEqual({ kind: parsed.kind, line: parsed.line, offset: parsed.offset }, error)
    }),
  )
})

const digitsOf: readonly (readonly [algorithm: string, digits: number])[] = [
  ['MD5', 32],
  ['SHA-1', 40],
  ['SHA-224', 56],
  ['SHA-256', 64],
  ['SHA-384', 96],
  ['SHA-512', 128],
  ['SHA3-224', 56],
  ['SHA3-256', 64],
  ['SHA3-384', 96],
  ['SHA3-512', 128],
  ['RIPEMD-160', 40],
  ['WHIRLPOOL', 128],
  ['TLSH', 70],
]

test('a hash fits with exactly as many hexadecimal digits as its algorithm has, however the algorithm is spelt', () => {
  const digit = fc.constantFrom(...'0123456789abcdefABCDEF')
  const spelling = fc.constantFrom(
    (name: string) => name,
    (name: string) => name.toLowerCase(),
    (name: string) => name.replaceAll('-', ''),
    (name: string) => `-${name.toLowerCase()}-`,
  )
  fc.assert(
    fc.property(
      fc.constantFrom(...digitsOf),
      spelling,
      fc.array(digit, { minLength: 128, maxLength: 128 }),
      ([algorithm, digits], spelt, drawn) => {
        const hash = drawn.slice(0, digits).join('')
        assert.equal(hashFits(spelt(algorithm), hash), true)
        assert.equal(hashFits(spelt(algorithm), hash.slice(1)), false)
        assert.equal(hashFits(spelt(algorithm), `${hash}0`), false)
        assert.equal(hashFits(spelt(algorithm), `${hash.slice(1)}g`), false)
        assert.equal(hashFits(spelt(algorithm), `${hash}\n`), false)
      },
    ),
  )
})

test('an unknown algorithm takes any value', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (name, value) => {
      assert.equal(hashFits(`x_${name}`, value), true)
    }),
  )
})

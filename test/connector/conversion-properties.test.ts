// For any value: pattern → query → only that value is looked for, and no value becomes an option or a second argument.
import assert from 'node:assert/strict'
import { isIP } from 'node:net'
import { test } from 'node:test'
import fc from 'fast-check'
import { fill, parseCommand, UnfillableError } from '../../src/connector/command-line.ts'
import { convertIndicator } from '../../src/connector/ioc.ts'
import {
  addIocArguments,
  defaultVastCommands,
  removeIocArguments,
  retroMatchArguments,
} from '../../src/connector/vast-commands.ts'
import { finds, parseQuery, type Term } from '../fixtures/vast-query.ts'
import { printPattern } from '../protocol/pattern-print.ts'
import { patternTree } from '../protocol/pattern-trees.ts'

/** Any text, with what could end a string, a query, a line or an argument made likely. */
const text = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary' }),
  fc
    .array(
      fc.constantFrom(
        ...['"', '\\', '\\"', "'", ' || ', ' && ', '#type == "x"', ' == net.uri', ':string', '(', ')', '!', '|'],
        ...['\n', '\r', '\t', '\0', '\x1b', '\u2028', '\ud800', '$(id)', '`id`', ';', '*', ' ', '-', '--', '%ioc'],
        ...['a', 'example.org', '1.2.3.4', '::1', '/8', '%', 'é', '🎉'],
      ),
      { maxLength: 12 },
    )
    .map(parts => parts.join('')),
)

const path = fc.constantFrom('ipv4-addr:value', 'ipv6-addr:value', 'domain-name:value', 'url:value', 'email-addr:value')

function literal(value: string): string {
  return `'${value.replace(/[\\']/g, '\\$&')}'`
}

const fields: Readonly<Record<string, readonly Term['field'][]>> = {
  'ipv4-addr:value': [':addr'],
  'ipv6-addr:value': [':addr'],
  'domain-name:value': ['net.domain', 'net.hostname'],
  'url:value': ['net.uri'],
  'email-addr:value': [':string'],
}

const address = fc.oneof(fc.ipV4(), fc.ipV6())

/** As a name may be written as well. */
function inLowerCase(name: string): string {
  return name.replace(/[A-Z]/g, letter => letter.toLowerCase())
}

/** What a query has to look for, of a comparison that can be asked for. */
function termsOf(where: string, value: string): Term[] {
  const { network = '', bits } = /^(?<network>[\da-fA-F.:]+)(?:\/(?<bits>0|[1-9]\d*))?$/.exec(value)?.groups ?? {}
  const longest = isIP(network) === 4 ? 32 : 128
  const mayBeAddress = where !== 'url:value' && where !== 'email-addr:value'
  if (mayBeAddress && isIP(network) !== 0 && Number(bits ?? longest) <= longest) {
    const isSubnet = bits !== undefined && Number(bits) < longest
    return [isSubnet ? { field: ':subnet', value } : { field: ':addr', value: network }]
  }
  const spelt = where === 'domain-name:value' ? new Set([value, inLowerCase(value)]) : [value]
  return [...spelt].flatMap(each => (fields[where] ?? []).map(field => ({ field, value: each })))
}

test('a query looks for those values of the pattern that can be asked for, in the right fields, and for nothing else', () => {
  const comparison = fc.tuple(
    path,
    fc.oneof(
      text,
      address,
      fc.tuple(address, fc.nat(140)).map(parts => parts.join('/')),
    ),
  )
  fc.assert(
    fc.property(fc.array(comparison, { minLength: 1, maxLength: 4 }), comparisons => {
      const written = comparisons.map(([where, value]) => `${where} = ${literal(value)}`)
      const alone = written.map(each => convertIndicator({ pattern: `[${each}]` }))
      const refused = alone.flatMap(each => (each.ok ? [] : [each.reason]))
      for (const reason of refused) {
        assert.ok(['not_an_address', 'empty_value', 'unsendable_value'].includes(reason), reason)
      }
      const converted = convertIndicator({ pattern: `[${written.join(' OR ')}]`, pattern_type: 'stix' })
      if (!converted.ok) {
        assert.deepEqual([converted.reason, alone.some(each => each.ok)], [refused[0], false])
        return
      }
      const { query = '', leftOut } = converted.conversion
      const expected = comparisons.flatMap(([where, value], index) => (alone[index]?.ok ? termsOf(where, value) : []))
      const unique = new Map(expected.map(term => [JSON.stringify(term), term]))
      assert.deepEqual(parseQuery(query), [...unique.values()])
      assert.deepEqual(
        leftOut.map(({ reason }) => reason),
        refused,
      )
      assert.equal(converted.conversion.value, expected[0]?.value)
    }),
    { numRuns: 2000 },
  )
})

test('an address is found whatever it is called: by family, as a name, as an end of a connection, typed or not', () => {
  fc.assert(
    fc.property(address, fc.boolean(), fc.constantFrom('src_ref', 'dst_ref'), (value, isMasked, end) => {
      const [type, bits] = isIP(value) === 4 ? ['ipv4-addr', 32] : ['ipv6-addr', 128]
      const written = literal(isMasked ? `${value}/${bits}` : value)
      const at = `network-traffic:${end}`
      for (const pattern of [
        `[${type}:value = ${written}]`,
        `[${type}:value ISSUBSET ${written}]`,
        `[domain-name:value = ${written}]`,
        `[${at}.value = ${written}]`,
        `[${at}.type = '${type}' AND ${at}.value = ${written}]`,
        `[${at}.value IN (${written}) AND ${at}.type = '${type}']`,
      ]) {
        const converted = convertIndicator({ pattern })
        assert.ok(converted.ok, pattern)
        const { query, value: first, iocs, leftOut } = converted.conversion
        assert.deepEqual([query, first, iocs[0]?.value, leftOut], [value, value, value, []], pattern)
      }
    }),
  )
})

test('any domain, URL and mail address that an argument can hold is converted, and only it is found', () => {
  const sendable = text.filter(value => {
    // An address is looked for among addresses, also as a name.
    return value !== '' && !/[\0\p{Cs}]/u.test(value) && isIP(value.split('/')[0] ?? '') === 0
  })
  fc.assert(
    fc.property(fc.constantFrom('domain-name', 'url', 'email-addr'), sendable, text, (type, value, other) => {
      const converted = convertIndicator({ pattern: `[${type}:value = ${literal(value)}]` })
      assert.ok(converted.ok)
      const terms = parseQuery(converted.conversion.query ?? '')
      const event = (name: string) => ({ http: { hostname: name, url: name } })
      assert.equal(finds(terms, event(value)), true)
      const isFound = other === value || (type === 'domain-name' && other === inLowerCase(value))
      assert.equal(finds(terms, event(other)), isFound)
    }),
    { numRuns: 1000 },
  )
})

test('a subnet finds the addresses in it', () => {
  fc.assert(
    fc.property(fc.ipV4(), fc.integer({ min: 0, max: 32 }), (network, bits) => {
      const converted = convertIndicator({ pattern: `[ipv4-addr:value ISSUBSET '${network}/${bits}']` })
      assert.ok(converted.ok)
      const terms = parseQuery(converted.conversion.query ?? '')
      assert.deepEqual(terms, termsOf('ipv4-addr:value', `${network}/${bits}`))
      assert.equal(finds(terms, { src_ip: network }), true)
    }),
  )
})

test('any pattern at all is converted to a query that can be read, or refused', () => {
  const patterns = fc.oneof(
    patternTree.map(tree => printPattern(tree)),
    fc.string(),
    text,
  )
  fc.assert(
    fc.property(patterns, pattern => {
      const converted = convertIndicator({ pattern, pattern_type: 'stix' })
      if (converted.ok) assert.ok(parseQuery(converted.conversion.query ?? '').length > 0)
      else assert.match(converted.detail, /\S/)
    }),
    { numRuns: 1000 },
  )
})

/** The arguments, or undefined if the values must not be filled in. */
function unlessUnfillable(make: () => readonly string[]): readonly string[] | undefined {
  try {
    return make()
  } catch (error) {
    assert.ok(error instanceof UnfillableError)
    return undefined
  }
}

test('no value becomes an option or a second argument of VAST, whatever the matcher is told', () => {
  fc.assert(
    fc.property(text, text, text, (matcher, value, reference) => {
      const at = { endpoint: 'localhost:42000', matcher, value }
      const added = unlessUnfillable(() => addIocArguments(defaultVastCommands, { ...at, reference }))
      const removed = unlessUnfillable(() => removeIocArguments(defaultVastCommands, at))
      const node = ['-e', 'localhost:42000']
      const isSafe = (word: string) => !word.startsWith('-') && !word.includes('\0')
      const areSafe = (...words: string[]) => words.every(isSafe)
      const add = [...node, 'matcher', 'add', matcher, value, reference]
      assert.deepEqual(added, areSafe(matcher, value, reference) ? add : undefined)
      const remove = [...node, 'matcher', 'remove', matcher, value]
      assert.deepEqual(removed, areSafe(matcher, value) ? remove : undefined)
    }),
    { numRuns: 1000 },
  )
})

test('every IoC and every query can be an argument of VAST', () => {
  fc.assert(
    fc.property(path, fc.oneof(text, address), (where, value) => {
      const converted = convertIndicator({ pattern: `[${where} = ${literal(value)}]` })
      if (!converted.ok) return
      const { iocs, query = '' } = converted.conversion
      const options = { endpoint: 'h:1', maxEvents: 5, lowPriority: true }
      const words = retroMatchArguments(defaultVastCommands, { ...options, query })
      assert.deepEqual(words.slice(-2), ['json', query])
      assert.equal(words.length, 8)
      for (const ioc of iocs) {
        const added = addIocArguments(defaultVastCommands, {
          endpoint: 'h:1',
          matcher: 'm',
          value: ioc.value,
          reference: 'r',
        })
        assert.deepEqual(added.slice(-2), [ioc.value, 'r'])
      }
    }),
    { numRuns: 1000 },
  )
})

test('no value becomes an option or a second argument of a command', () => {
  const commands = [
    'run %ioc',
    'run -x %ioc %matchtype',
    'run --ioc=%ioc',
    'run \'a b\' --x=[%ioc] "%ioc %matchtype"',
    'run -- %ioc',
    'run %ioc%ioc',
    'run %matchtype%ioc x%iocy',
  ]
  fc.assert(
    fc.property(fc.constantFrom(...commands), text, (command, ioc) => {
      const template = parseCommand(command)
      const filled = unlessUnfillable(() => fill(template, { ioc, matchtype: 'RETRO' }))
      if (filled === undefined) {
        assert.ok(ioc.includes('\0') || ioc.startsWith('-') || ioc === '')
        return
      }
      assert.equal(filled.length, template.length)
      const end = template.indexOf('--')
      for (const [index, argument] of filled.entries()) {
        const written = template[index] ?? ''
        assert.ok(written.startsWith('-') || !argument.startsWith('-') || (end >= 0 && index > end))
        const pieces = written
          .split(/(%ioc|%matchtype)/)
          .map(piece => (piece === '%ioc' ? ioc : piece === '%matchtype' ? 'RETRO' : piece))
        assert.equal(argument, pieces.join(''))
      }
    }),
    { numRuns: 1000 },
  )
})

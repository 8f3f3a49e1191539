// What indicators become for VAST, by examples: CONNECTOR "Indicator → VAST".
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { convertIndicator, iocValueOf } from '../../src/connector/ioc.ts'
import { longestQuery } from '../../src/connector/query.ts'
import type { Unconvertible } from '../../src/connector/unconvertible.ts'

function conversionOf(pattern: string) {
  const converted = convertIndicator({ pattern, pattern_type: 'stix' })
  assert.ok(converted.ok, JSON.stringify(converted))
  return converted.conversion
}

describe('a point indicator becomes an IoC and a query', () => {
  for (const [pattern, type, value, query] of [
    ["[ipv4-addr:value = '203.0.113.7']", 'ip', '203.0.113.7', '203.0.113.7'],
    ["[ipv6-addr:value = '2001:db8::7']", 'ipv6', '2001:db8::7', '2001:db8::7'],
    [
      "[domain-name:value='automatedrelax.org']",
      'domain',
      'automatedrelax.org',
      '"automatedrelax.org" == net.domain || "automatedrelax.org" == net.hostname',
    ],
    ["[url:value = 'http://a.test/?q=1&r=2']", 'url', 'http://a.test/?q=1&r=2', '"http://a.test/?q=1&r=2" == net.uri'],
    ["([(ipv4-addr:'value' == '203.0.113.7')])", 'ip', '203.0.113.7', '203.0.113.7'],
  ] as const) {
    const expected = { iocs: [{ value, type }], query, leftOut: [], value }
    test(pattern, () => assert.deepEqual(conversionOf(pattern), expected))
  }

  test('quotes and backslashes are escaped in the query, and only there', () => {
    const value = String.raw`http://a.test/"\|| #type == "x`
    const pattern = String.raw`[url:value = 'http://a.test/"\\|| #type == "x']`
    const query = String.raw`"http://a.test/\"\\|| #type == \"x" == net.uri`
    assert.deepEqual(conversionOf(pattern), { iocs: [{ value, type: 'url' }], query, leftOut: [], value })
  })
})

describe('beyond the original', () => {
  for (const [pattern, query, values] of [
    [
      "[ipv4-addr:value IN ('192.0.2.1', '192.0.2.2', '192.0.2.1')]",
      '192.0.2.1 || 192.0.2.2',
      ['192.0.2.1', '192.0.2.2'],
    ],
    [
      "[url:value = 'http://a.test' OR ipv6-addr:value = '::1']",
      '"http://a.test" == net.uri || ::1',
      ['http://a.test', '::1'],
    ],
    [
      "[ipv4-addr:value = '192.0.2.1'] OR [ipv4-addr:value = '192.0.2.2']",
      '192.0.2.1 || 192.0.2.2',
      ['192.0.2.1', '192.0.2.2'],
    ],
    ["[ipv4-addr:value ISSUBSET '10.0.0.0/8']", '10.0.0.0/8', []],
    ["[ipv6-addr:value ISSUBSET '2001:db8::/32']", '2001:db8::/32', []],
    ["[ipv4-addr:value ISSUBSET '192.0.2.1']", '192.0.2.1', ['192.0.2.1']],
    ["[email-addr:value='bogaardlisa803@gmail.com']", ':string == "bogaardlisa803@gmail.com"', []],
    [
      "[file:hashes.MD5 = 'D41D8CD98F00B204E9800998ECF8427E']",
      ':string == "D41D8CD98F00B204E9800998ECF8427E" || :string == "d41d8cd98f00b204e9800998ecf8427e"',
      [],
    ],
    [
      "[file:hashes.'SHA-1' = 'da39a3ee5e6b4b0d3255bfef95601890afd80709']",
      ':string == "da39a3ee5e6b4b0d3255bfef95601890afd80709"',
      [],
    ],
    // `matcher add` would take it for an option.
    ["[domain-name:value = '--help']", '"--help" == net.domain || "--help" == net.hostname', []],
  ] as const) {
    test(`${pattern} becomes a query`, () => {
      const { query: made, iocs } = conversionOf(pattern)
      assert.equal(made, query)
      assert.deepEqual(
        iocs.map(ioc => ioc.value),
        values,
      )
    })
  }
})

const names = (value: string) => `"${value}" == net.domain || "${value}" == net.hostname`

describe('what platforms write for an address or a name is asked for', () => {
  for (const [pattern, query, values] of [
    ["[ipv4-addr:value = '198.51.100.1/32']", '198.51.100.1', ['198.51.100.1']],
    ["[ipv4-addr:value ISSUBSET '198.51.100.1/32']", '198.51.100.1', ['198.51.100.1']],
    ["[ipv6-addr:value = '2001:db8::1/128']", '2001:db8::1', ['2001:db8::1']],
    ["[ipv4-addr:value = '198.51.100.0/24']", '198.51.100.0/24', []],
    ["[ipv6-addr:value = '2001:db8::/32']", '2001:db8::/32', []],
    ["[ipv4-addr:value IN ('192.0.2.0/24', '192.0.2.1')]", '192.0.2.0/24 || 192.0.2.1', ['192.0.2.1']],
    ["[domain-name:value = '203.0.113.7']", '203.0.113.7', ['203.0.113.7']],
    ["[domain-name:value = '2001:db8::7']", '2001:db8::7', ['2001:db8::7']],
    ["[domain-name:value = '203.0.113.0/24']", '203.0.113.0/24', []],
    [
      "[domain-name:value = 'BAD.Example']",
      `${names('BAD.Example')} || ${names('bad.example')}`,
      ['BAD.Example', 'bad.example'],
    ],
    [
      "[domain-name:value IN ('BAD.example', 'bad.example')]",
      `${names('BAD.example')} || ${names('bad.example')}`,
      ['BAD.example', 'bad.example'],
    ],
    // Case means nothing in ASCII alone (RFC 4343).
    ["[domain-name:value = 'É.example']", names('É.example'), ['É.example']],
    ...['src_ref', 'dst_ref'].flatMap(end => [
      [`[network-traffic:${end}.value = '198.51.100.1']`, '198.51.100.1', ['198.51.100.1']] as const,
      [`[network-traffic:${end}.value = '2001:db8::1/128']`, '2001:db8::1', ['2001:db8::1']] as const,
      [`[network-traffic:${end}.value = 'bad.example']`, names('bad.example'), ['bad.example']] as const,
      [`[network-traffic:${end}.value ISSUBSET '10.0.0.0/8']`, '10.0.0.0/8', []] as const,
      ...(
        [
          ['ipv4-addr', '198.51.100.1', '198.51.100.1', ['198.51.100.1']],
          ['ipv4-addr', '198.51.100.0/24', '198.51.100.0/24', []],
          ['ipv6-addr', '2001:db8::1', '2001:db8::1', ['2001:db8::1']],
          ['domain-name', 'bad.example', names('bad.example'), ['bad.example']],
          ['domain-name', '203.0.113.7', '203.0.113.7', ['203.0.113.7']],
        ] as const
      ).flatMap(([type, value, query, values]) => {
        const [first, second] = [`network-traffic:${end}.type = '${type}'`, `network-traffic:${end}.value = '${value}'`]
        return [`[${first} AND ${second}]`, `[(${second}) AND ${first}]`].map(
          pattern => [pattern, query, values] as const,
        )
      }),
    ]),
    [
      "[network-traffic:dst_ref.type = 'ipv4-addr' AND (network-traffic:dst_ref.value = '192.0.2.1' OR network-traffic:dst_ref.value IN ('192.0.2.2'))]",
      '192.0.2.1 || 192.0.2.2',
      ['192.0.2.1', '192.0.2.2'],
    ],
    [
      "[(network-traffic:src_ref.type = 'ipv4-addr' AND network-traffic:src_ref.value = '192.0.2.1') OR (network-traffic:dst_ref.type = 'ipv4-addr' AND network-traffic:dst_ref.value = '192.0.2.1')]",
      '192.0.2.1',
      ['192.0.2.1'],
    ],
  ] as const) {
    test(pattern, () => {
      const { query: made, iocs, leftOut } = conversionOf(pattern)
      assert.equal(made, query)
      assert.deepEqual(
        iocs.map(ioc => ioc.value),
        values,
      )
      assert.deepEqual(leftOut, [])
    })
  }
})

describe('alternatives that can be asked for are, and each of the others is left out by its reason', () => {
  const md5 = 'd41d8cd98f00b204e9800998ecf8427e'
  const long = 'x'.repeat(longestQuery)
  for (const [pattern, query, reasons] of [
    [`[file:hashes.MD5 = '${md5}' OR file:name = 'x.exe']`, `:string == "${md5}"`, ['unsupported_object']],
    [
      "[file:name = 'x' OR ipv4-addr:value = '192.0.2.1' OR file:name LIKE 'y' OR ipv4-addr:value = '192.0.2']",
      '192.0.2.1',
      ['unsupported_object', 'unsupported_object', 'not_an_address'],
    ],
    ["[ipv4-addr:value IN ('192.0.2.1', 'x', 5, '')]", '192.0.2.1', ['not_an_address', 'not_a_string', 'empty_value']],
    [
      "[ipv4-addr:value = '192.0.2.1'] OR [ipv4-addr:value = '192.0.2.2'] REPEATS 5 TIMES OR ([url:value = 'x'] AND [url:value = 'y'])",
      '192.0.2.1',
      ['not_a_point', 'not_a_point'],
    ],
    [
      "[(network-traffic:dst_ref.value = '192.0.2.1' AND network-traffic:dst_port = 443) OR domain-name:value = 'bad.example']",
      names('bad.example'),
      ['not_a_point'],
    ],
    [`[url:value IN ('a', '${long}', 'b')]`, '"a" == net.uri || "b" == net.uri', ['query_too_long']],
  ] as const) {
    test(pattern.slice(0, 120), () => {
      const { query: made, leftOut } = conversionOf(pattern)
      assert.equal(made, query)
      assert.deepEqual(
        leftOut.map(({ reason }) => reason),
        reasons,
      )
      for (const { detail } of leftOut) assert.ok(detail.length > 0 && detail.length < 300)
    })
  }

  test('a query is as long as it may be, and no longer', () => {
    const hosts = Array.from({ length: 10_000 }, (_, index) => `'host-${index}.example'`).join()
    const { query = '', iocs, leftOut } = conversionOf(`[domain-name:value IN (${hosts})]`)
    const asked = query.split(' == net.domain').length - 1
    assert.ok(query.length <= longestQuery && query.length > longestQuery - 100)
    assert.equal(asked + leftOut.length, 10_000)
    // The live matcher is told of one at a time.
    assert.equal(iocs.length, 10_000)
  })
})

describe('what cannot be converted is refused by its reason', () => {
  for (const [reason, ...patterns] of [
    [
      'not_a_pattern',
      '',
      'x',
      "[ipv4-addr:value = '1.2.3.4'",
      "ipv4-addr:value = '1.2.3.4'",
      "[a:b = 'c'] OR",
      '[[a:b = 1]]',
    ],
    [
      'not_a_point',
      "[ipv4-addr:value = '1.2.3.4' AND url:value = 'x']",
      "[ipv4-addr:value = '1.2.3.4'] AND [url:value = 'x']",
      "[ipv4-addr:value = '1.2.3.4'] FOLLOWEDBY [url:value = 'x']",
      "[ipv4-addr:value = '1.2.3.4'] REPEATS 5 TIMES",
      "([ipv4-addr:value = '1.2.3.4'] OR [url:value = 'x']) WITHIN 5 SECONDS",
      '[EXISTS ipv4-addr:value]',
      "[network-traffic:dst_ref.value = '198.51.100.1' AND network-traffic:dst_port = 443]",
      "[network-traffic:dst_ref.type = 'ipv4-addr' AND network-traffic:src_ref.value = '198.51.100.1']",
      "[network-traffic:dst_ref.type = 'ipv4-addr' AND ipv4-addr:value = '198.51.100.1']",
      "[network-traffic:dst_ref.type = 'ipv4-addr' AND network-traffic:dst_ref.type = 'ipv6-addr' AND network-traffic:dst_ref.value = '::1']",
      "[network-traffic:dst_ref.type != 'ipv4-addr' AND network-traffic:dst_ref.value = '198.51.100.1']",
      "[network-traffic:dst_ref.type = 'ipv4-addr' AND network-traffic:src_ref.type = 'ipv4-addr']",
    ],
    [
      'unsupported_object',
      "[process:name='fservernetd']",
      "[file:name='roleaccountd.plist']",
      "[android-property:name='sys.brand.note']",
      "[ipv4-addr:value.x = '1.2.3.4']",
      "[ipv4-addr:value[0] = '1.2.3.4']",
      "[network-traffic:dst_ref.type = 'ipv4-addr']",
      "[network-traffic:dst_port = '1.2.3.4']",
      "[network-traffic:dst_ref.value.x = '1.2.3.4']",
      "[network-traffic:encapsulated_by_ref.value = '1.2.3.4']",
      "[network-traffic:src_ref.type = 'mac-addr' AND network-traffic:src_ref.value = 'd2:fb:49:24:37:18']",
      "[network-traffic:src_ref.value = 'd2:fb:49:24:37:18']",
      "[file:name = 'y' OR file:name = 'x']",
    ],
    [
      'unsupported_comparison',
      "[ipv4-addr:value != '1.2.3.4']",
      "[ipv4-addr:value NOT = '1.2.3.4']",
      "[ipv4-addr:value NOT IN ('1.2.3.4')]",
      "[url:value LIKE 'http://%']",
      "[url:value MATCHES '.*']",
      "[domain-name:value ISSUBSET '10.0.0.0/8']",
      "[ipv4-addr:value ISSUPERSET '10.0.0.0/8']",
    ],
    ['not_a_string', '[ipv4-addr:value = 1]', '[url:value IN (1, true)]', "[domain-name:value = h'00']"],
    [
      'not_an_address',
      "[network-traffic:dst_ref.type = 'ipv4-addr' AND network-traffic:dst_ref.value = '::1']",
      "[network-traffic:dst_ref.type = 'ipv6-addr' AND network-traffic:dst_ref.value = '1.2.3.4']",
      "[network-traffic:dst_ref.value ISSUBSET 'bad.example']",
      "[ipv4-addr:value = '2001:db8::/32']",
      "[ipv4-addr:value = '::1']",
      "[ipv6-addr:value = '1.2.3.4']",
      "[ipv6-addr:value = 'fe80::1%eth0']",
      '[ipv4-addr:value = \'1.2.3.4 || #type == "x"\']',
      "[ipv4-addr:value = '1.2.3.4\n']",
      "[ipv4-addr:value = '10.0.0.0/33']",
      "[ipv6-addr:value = '::1/0128']",
      "[ipv4-addr:value ISSUBSET '10.0.0.0/33']",
      "[ipv4-addr:value ISSUBSET '10.0.0.0/08']",
      "[ipv4-addr:value ISSUBSET '10.0.0.0/']",
      '[ipv4-addr:value ISSUBSET \'10.0.0.0/8 || :string ni ""\']',
      "[ipv6-addr:value ISSUBSET '::/129']",
    ],
    ['empty_value', "[domain-name:value = '']", '[url:value IN ()]'],
    ['unsendable_value', "[domain-name:value = 'a\0b']", "[url:value = 'a\ud800b']"],
    ['query_too_long', `[url:value = '${'x'.repeat(longestQuery)}']`],
  ] as const) {
    test(reason, () => {
      for (const pattern of patterns) {
        const converted = convertIndicator({ pattern, pattern_type: 'stix' })
        const found: Unconvertible | undefined = converted.ok ? undefined : converted.reason
        assert.equal(found, reason, pattern.slice(0, 200))
        assert.ok(!converted.ok && converted.detail.length < 300 && !/[\n\0]/.test(converted.detail))
      }
    })
  }

  test('other_language, and what is no text', () => {
    const pattern = 'alert tcp any any -> any any'
    assert.equal(reasonOf({ pattern, pattern_type: 'suricata' }), 'other_language')
    assert.equal(reasonOf({ pattern: 5, pattern_type: 'stix' }), 'not_a_pattern')
    assert.equal(reasonOf({}), 'not_a_pattern')
  })
})

function reasonOf(indicator: Parameters<typeof convertIndicator>[0]): Unconvertible | undefined {
  const converted = convertIndicator(indicator)
  return converted.ok ? undefined : converted.reason
}

test('%ioc is the first value of the pattern, else the value that the matcher reported', () => {
  const indicator = { pattern: "[email-addr:value IN ('a@b.test', 'c@d.test')]", pattern_type: 'stix' }
  assert.equal(iocValueOf({ x_threatbus_indicator: indicator, x_threatbus_indicator_value: 'x' }), 'a@b.test')
  assert.equal(iocValueOf({ x_threatbus_indicator: { pattern: 'none' }, x_threatbus_indicator_value: 'x' }), 'x')
  assert.equal(iocValueOf({ x_threatbus_indicator_value: '-x "y"' }), '-x "y"')
  assert.equal(iocValueOf({}), undefined)
})

test('a pattern is read by the grammar of its version, as the bus reads it', () => {
  const times = ['2016-01-01T00:00:00Z', '2017-01-01T00:00:00Z']
  const between = (mark: string) =>
    `[ipv4-addr:value = '198.51.100.1'] START ${mark}'${times[0]}' STOP ${mark}'${times[1]}'`
  assert.equal(reasonOf({ pattern: between(''), pattern_version: '2.0' }), 'not_a_point')
  assert.equal(reasonOf({ pattern: between('t'), pattern_version: '2.1' }), 'not_a_point')
  assert.equal(reasonOf({ pattern: between(''), pattern_version: '2.1' }), 'not_a_pattern')
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkPattern, parsePattern } from '../../src/protocol/stix/pattern.ts'
import { deepestNesting } from '../../src/protocol/stix/pattern-comparison.ts'
import { hashFits } from '../../src/protocol/stix/pattern-hash.ts'
import type { ComparisonExpression, ObservationExpression } from '../../src/protocol/stix/pattern-tree.ts'

const sha256 = 'aec070645fe53ee3b3763059376134f058cc337247c978add178b6ccdfb0019f'
const md5 = '79054025255fb1a26e4bc422aef54eb4'

/** The examples of the standard (STIX "Patterning Examples"), what each is about, and the pattern. */
const examplesOfTheStandard: readonly (readonly [about: string, pattern: string])[] = [
  ['a file by its hash', `[file:hashes.'SHA-256' = '${sha256}']`],
  [
    'an e-mail by its sender and an attachment',
    String.raw`[email-message:from_ref.value MATCHES '.+\\@example\\.com$' AND email-message:body_multipart[*].body_raw_ref.name MATCHES '^Final Report.+\\.exe$']`,
  ],
  ['a file by hash and media type', `[file:hashes.'SHA-256' = '${sha256}' AND file:mime_type = 'application/x-pdf']`],
  [
    'a file by either of two hashes, and another file',
    `[file:hashes.'SHA-256' = 'bf07a7fbb825fc0aae7bf4a1177b2b31fcf8a3feeaf7092761e18c859ee52a9c' OR file:hashes.MD5 = 'cead3f77f6cda6ec00f57d76c9a6879f'] AND [file:hashes.'SHA-256' = '${sha256}']`,
  ],
  [
    'a file and then a registry key within five minutes',
    String.raw`([file:hashes.MD5 = '${md5}'] FOLLOWEDBY [windows-registry-key:key = 'HKEY_LOCAL_MACHINE\\foo\\bar']) WITHIN 300 SECONDS`,
  ],
  [
    'three users',
    "[user-account:account_type = 'unix' AND user-account:user_id = '1007' AND user-account:account_login = 'Peter'] AND [user-account:account_type = 'unix' AND user-account:user_id = '1008' AND user-account:account_login = 'Paul'] AND [user-account:account_type = 'unix' AND user-account:user_id = '1009' AND user-account:account_login = 'Mary']",
  ],
  [
    'an artifact by bytes in it',
    String.raw`[artifact:mime_type = 'application/vnd.tcpdump.pcap' AND artifact:payload_bin MATCHES '\\xd4\\xc3\\xb2\\xa1\\x02\\x00\\x04\\x00']`,
  ],
  [
    'a file in a directory',
    String.raw`[file:name = 'foo.dll' AND file:parent_directory_ref.path = 'C:\\Windows\\System32']`,
  ],
  ['any section of an executable', "[file:extensions.'windows-pebinary-ext'.sections[*].entropy > 7.0]"],
  ['a file by its magic number', "[file:mime_type = 'image/bmp' AND file:magic_number_hex = h'ffd8']"],
  [
    'traffic to an address',
    "[network-traffic:dst_ref.type = 'ipv4-addr' AND network-traffic:dst_ref.value = '203.0.113.33/32']",
  ],
  [
    'repeated traffic to a domain',
    "[network-traffic:dst_ref.type = 'domain-name' AND network-traffic:dst_ref.value = 'example.com'] REPEATS 5 TIMES WITHIN 1800 SECONDS",
  ],
  [
    'a domain by what it resolves to',
    "[domain-name:value = 'www.5z8.info' AND domain-name:resolves_to_refs[*].value = '198.51.100.1/32']",
  ],
  ['either of two URLs', "[url:value = 'http://example.com/foo' OR url:value = 'http://example.com/bar']"],
  [
    'a certificate',
    "[x509-certificate:issuer = 'CN=WEBMAIL' AND x509-certificate:serial_number = '4c:0b:1d:19:74:86:a7:66:b4:1a:bf:40:27:21:76:28']",
  ],
  [
    'a file by its name or size, and when it was made',
    "[(file:name = 'pdf.exe' OR file:size = '371712') AND file:created = t'2014-01-13T07:03:17Z']",
  ],
  ['an own type of object', "[x-usb-device:usbdrive.serial_number = '575833314133343231313937']"],
  [
    'a process and then another',
    "[process:command_line MATCHES '^.+>-add GlobalSign.cer -c -s -r localMachine Root$'] FOLLOWEDBY [process:command_line MATCHES'^.+>-add GlobalSign.cer -c -s -r localMachineTrustedPublisher$'] WITHIN 300 SECONDS",
  ],
  ['traffic to a network', "[network-traffic:dst_ref.value ISSUBSET '2001:0db8:dead:beef:0000:0000:0000:0000/64']"],
  [
    'two observations or a third',
    String.raw`([file:name = 'foo.dll'] AND [windows-registry-key:key = 'HKEY_LOCAL_MACHINE\\foo\\bar']) OR [process:name = 'fooproc' OR process:name = 'procfoo']`,
  ],
]

for (const [about, pattern] of examplesOfTheStandard) {
  test(`the standard's example of ${about} is a pattern`, () => {
    assert.notEqual(parsePattern(pattern).kind, 'error')
    assert.equal(checkPattern(pattern), undefined)
  })
}

/** Patterns at the edge of what the grammar and the original allow. */
const accepted: readonly (readonly [rule: string, pattern: string])[] = [
  ['nothing has to be blank', "[a:b=1]AND[c:d='x'OR c:e=1AND c:f IN(1,2)]WITHIN 5SECONDS"],
  ['anything may be blank', '\u00a0[ a : b . c [ 0 ] = 1 ]\u2028'],
  ['comments are blank', "/* [ */ [a:b = 1 // ']\n AND /***/ a:c = 2]"],
  ['a pattern may begin with parentheses', '(([a:b = 1]))'],
  ['operands of AND may differ in type', '[a:b = 1 AND c:d = 2]'],
  ['== and <> are other spellings', '[a:b == 1 OR a:b <> 2]'],
  ['every comparison can be negated', "[a:b NOT = 1 AND a:b NOT < 2 AND a:b NOT IN (3) AND a:b NOT LIKE 'x']"],
  ['existence can be negated', '[NOT EXISTS a:b]'],
  ['a set may be empty', '[a:b IN ()]'],
  ['a set may be mixed', "[a:b IN (1, 'a', true, 2.5, h'00')]"],
  ['a property may be any string', "[a:'' = 1 AND a:'x y'.'it\\'s' = 2]"],
  ['a number may have a plus', '[a:b = +1 AND a:c = +.5 AND a:d[+1] = 2]'],
  ['a whole part is not needed', '[a:b = .5 AND a:b = -.5 AND a:b = 00.5]'],
  ['the words are kept in capitals only', '[and:or.not = 1 AND within:In.trueish = 2]'],
  ['a leap second is a time', "[a:b = t'2016-12-31T23:59:60Z']"],
  ['the calendar is not looked at', "[a:b = t'2021-02-31T00:00:00.1234567890Z']"],
  ['hexadecimal may be empty', "[a:b = h'']"],
  ['base64 may be padded', "[a:b IN (b'AAAA', b'AAA=', b'AA==', b'+/aZ09==')]"],
  ['a line feed may be in a string', "[a:b = 'x\ny']"],
  ['a group may be qualified twice', '([a:b = 1]) WITHIN 5 SECONDS WITHIN 6 SECONDS'],
  ['a group in a group too', '([a:b = 1] REPEATS 2 TIMES) REPEATS 2 TIMES'],
  ['STOP may be before START', "[a:b = 1] START t'2020-01-02T00:00:00Z' STOP t'2020-01-01T00:00:00Z'"],
  ['zero is a number of times', '[a:b = 1] REPEATS 0 TIMES WITHIN 0.0 SECONDS'],
  ['an unknown algorithm takes any value', "[file:hashes.'x-own' = 'any' AND file:hashes.sha_1 = 'any']"],
  ['an algorithm is known by any spelling', `[file:hashes.md5 = '${md5}' AND file:hashes.sha256 = '${sha256}']`],
  ['hashes may be in a set', `[file:hashes.'SHA-256' IN ('${sha256}', '${sha256.toUpperCase()}')]`],
  ['hashes of any algorithm take any value', "[file:hashes[*] = 'x' AND file:hashes = 'y']"],
  ['only on a path of hashes is there a hash', "[file:MD5 = 'x' AND file:Hashes.MD5 = 'y']"],
  ['LIKE takes a pattern of a hash', "[file:hashes.'SHA-1' LIKE 'daf67%' AND file:hashes.MD5 NOT LIKE '%_']"],
  [
    'MATCHES takes a pattern of a hash',
    "[file:hashes.'SHA-256' MATCHES '^[0-9a-f]+$' OR file:hashes.MD5 NOT MATCHES '']",
  ],
  ['a hash may exist', '[EXISTS file:hashes.MD5]'],
]

for (const [rule, pattern] of accepted) {
  test(`accepted: ${rule}`, () => {
    assert.notEqual(parsePattern(pattern).kind, 'error')
    assert.equal(checkPattern(pattern), undefined)
  })
}

/** What is refused, and what is said about it: the error is where the `↯` stands, which is not in the text. */
const refused: readonly (readonly [text: string, message: string])[] = [
  // Brackets and what joins observations.
  ['↯', 'found the end, expected [ or ('],
  ['↯file:size = 1280', 'found "file", expected [ or ('],
  ['[file:size = 1280↯', 'found the end, expected AND, OR or ]'],
  ['[↯]', 'found "]", expected an object path, EXISTS or ('],
  ['[a:b = 1]↯]', 'found "]", expected AND, OR, FOLLOWEDBY, WITHIN, REPEATS, START or the end'],
  ['[a:b = 1] ↯[a:b = 1]', 'found "[", expected AND, OR, FOLLOWEDBY, WITHIN, REPEATS, START or the end'],
  ['[a:b = 1] AND ↯', 'found the end, expected [ or ('],
  ['[a:b = 1] AND ↯AND [a:b = 1]', 'found "AND", expected [ or ('],
  ['([a:b = 1]↯', 'found the end, expected AND, OR, FOLLOWEDBY, WITHIN, REPEATS, START or )'],
  ['(↯)', 'found ")", expected [ or ('],
  [
    '[a:b = 1]↯\ufeff',
    'found the character "\\ufeff", expected AND, OR, FOLLOWEDBY, WITHIN, REPEATS, START or the end',
  ],
  ['↯\u{1f600}', 'found the character "\u{1f600}", expected [ or ('],
  // Comparisons.
  // An error stays on its line and shows what cannot be seen: here a line separator and a mark that reverses text.
  ["[file:hashes.MD5 = ↯'\u2028\u202e']", `found "'\\u2028\\u202e'", expected a hash by MD5 (32 hexadecimal digits)`],
  ['[file:size = ↯]', 'found "]", expected a value'],
  ['[file↯.size = 1280]', 'found ".", expected : and a property'],
  ['[file:size↯]', 'found "]", expected a comparison operator, . or ['],
  ['[file:size NOT ↯]', 'found "]", expected a comparison operator'],
  ['[a:b ↯NOTIN (1)]', 'found "NOTIN", expected a comparison operator, . or ['],
  ['[NOT ↯a:b = 1]', 'found "a", expected EXISTS'],
  ['[a:b = 1 ↯and a:c = 2]', 'found "and", expected AND, OR or ]'],
  ['[(a:b = 1↯]', 'found "]", expected AND, OR or )'],
  ['[a:b =↯? 1]', 'found the character "?", expected a value'],
  ['[a:b = ↯(1)]', 'found "(", expected a value'],
  ['[a:b IN ↯1]', 'found "1", expected a set in parentheses'],
  ['[a:b IN (1 ↯2)]', 'found "2", expected , or )'],
  ['[a:b IN (1,↯)]', 'found ")", expected a value'],
  ['[a:b > ↯true]', 'found "true", expected a value that has an order'],
  ['[a:b LIKE ↯1]', 'found "1", expected a string'],
  ['[file:name MATCHES ↯/.*\\.dll/]', 'found the character "/", expected a string'],
  ['[a:b ISSUBSET ↯]', 'found "]", expected a string'],
  ['[a:b = ↯null]', 'found "null", expected a value'],
  ['[a:b = ↯c:d]', 'found "c", expected a value'],
  // Paths.
  [
    '[file:extensions.↯windows-pebinary-ext.x = 1]',
    'found "windows-pebinary-ext", expected a property, in quotes if it is not of letters, digits and _',
  ],
  ['[a:↯LAST = 1]', 'found "LAST", expected a property, in quotes if it is not of letters, digits and _'],
  ['[a:↯[0] = 1]', 'found "[", expected a property, in quotes if it is not of letters, digits and _'],
  ['[a:b↯.5 = 1]', 'found ".5", expected a comparison operator, . or ['],
  ['[a:b[↯-1] = 1]', 'found "-1", expected an index from 0 on, or *'],
  ['[a:b[↯] = 1]', 'found "]", expected an index from 0 on, or *'],
  ['[a:b[* ↯= 1]', 'found "=", expected ]'],
  ["[↯'a':b = 1]", 'found "\'a\'", expected an object path, EXISTS or ('],
  // Values.
  ["[a:b = ↯'x]", 'found a string without a closing quote, expected a value'],
  ["[a:b = 'x↯\\n']", 'found a backslash before neither quote nor backslash, expected a value'],
  ["[a:b = 'it'↯s']", 'found "s", expected AND, OR or ]'],
  ['[a:b = ↯"x"]', 'found the character "\\"", expected a value'],
  ['[a:b = ↯007]', 'found a whole number with a leading zero, expected a value'],
  ['[a:b = ↯- 1]', 'found a sign without a number, expected a value'],
  ['[a:b = 1↯.]', 'found ".", expected AND, OR or ]'],
  ['[a:b = 1↯e5]', 'found "e5", expected AND, OR or ]'],
  ["[a:b = ↯t'2457-73-22T32:81:84.1Z']", 'found a malformed timestamp value, expected a value'],
  ["[a:b = ↯t'2020-01-01T00:00:00+00:00']", 'found a malformed timestamp value, expected a value'],
  ["[a:b = ↯t'2020-01-01T00:00:00.Z']", 'found a malformed timestamp value, expected a value'],
  ["[a:b = ↯t'2020-01-01t00:00:00z']", 'found a malformed timestamp value, expected a value'],
  ["[a:b = ↯h'abc']", 'found a malformed hex value, expected a value'],
  ["[a:b = ↯h'xy']", 'found a malformed hex value, expected a value'],
  ["[a:b = ↯b'====']", 'found a malformed binary value, expected a value'],
  ["[a:b = ↯b'']", 'found a malformed binary value, expected a value'],
  ["[a:b = ↯b'AAA']", 'found a malformed binary value, expected a value'],
  ["[a:b = ↯b'A-_=']", 'found a malformed binary value, expected a value'],
  // Qualifiers.
  ['[a:b = 1] ↯within 2 SECONDS', 'found "within", expected AND, OR, FOLLOWEDBY, WITHIN, REPEATS, START or the end'],
  ['[a:b = 1] WITHIN ↯', 'found the end, expected a number that is not negative'],
  ['[a:b = 1] WITHIN ↯-5 SECONDS', 'found "-5", expected a number that is not negative'],
  ['[a:b = 1] WITHIN 5 ↯HOURS', 'found "HOURS", expected SECONDS'],
  ['[a:b = 1] REPEATS ↯1.5 TIMES', 'found "1.5", expected a whole number that is not negative'],
  ['[a:b = 1] REPEATS 2↯', 'found the end, expected TIMES'],
  ["[a:b = 1] START ↯'2020-01-01T00:00:00Z'", "found \"'2020-01-01T00:00:00…\", expected a timestamp t'…'"],
  ["[a:b = 1] START t'2020-01-01T00:00:00Z'↯", 'found the end, expected STOP'],
  [
    '[a:b = 1] WITHIN 5 SECONDS REPEATS 2 TIMES ↯WITHIN 6 SECONDS',
    'found a second WITHIN, expected each qualifier once for an observation',
  ],
  ['[a:b ↯WITHIN 5 SECONDS]', 'found "WITHIN", expected a comparison operator, . or ['],
  // Comments.
  ['[a:b = 1 ↯/* ]', 'found the character "/", expected AND, OR or ]'],
  ['[a:b = 1 // ]↯', 'found the end, expected AND, OR or ]'],
  // Hashes.
  ["[file:hashes.'SHA-256' = ↯'f00']", 'found "\'f00\'", expected a hash by SHA-256 (64 hexadecimal digits)'],
  ["[file:hashes.sha1 NOT != ↯'f00']", 'found "\'f00\'", expected a hash by SHA-1 (40 hexadecimal digits)'],
  ["[file:hashes.MD5 ISSUBSET ↯'7905%']", 'found "\'7905%\'", expected a hash by MD5 (32 hexadecimal digits)'],
  ['[file:hashes.MD5 LIKE ↯5]', 'found "5", expected a string'],
  [`[file:hashes.MD5 IN ('${md5}', ↯'x')]`, 'found "\'x\'", expected a hash by MD5 (32 hexadecimal digits)'],
  [`[file:hashes.MD5 = ↯h'${md5}']`, `found "h'${md5.slice(0, 18)}…", expected a hash by MD5 (32 hexadecimal digits)`],
  ['[file:hashes.MD5 = ↯true]', 'found "true", expected a hash by MD5 (32 hexadecimal digits)'],
  ["[file:x_ref.'hashes'.SSDEEP = ↯'a b']", 'found "\'a b\'", expected a hash by SSDEEP'],
]

for (const [marked, message] of refused) {
  test(`refused: ${marked}`, () => {
    const offset = marked.indexOf('↯')
    const text = marked.replace('↯', '')
    const expected = { kind: 'error', message, offset, line: 1, column: offset + 1 }
    assert.deepEqual(parsePattern(text), expected)
    assert.deepEqual(checkPattern(text), expected)
  })
}

const started = "START '2016-06-01T00:00:00Z' STOP '2016-07-01T00:00:00.5Z'"
const startedBy21 = started.replaceAll(" '", " t'")

test('by the grammar of STIX 2.0, times of a qualifier are strings', () => {
  const tree = parsePattern(`[a:p=1] ${startedBy21}`)
  assert.notEqual(tree.kind, 'error')
  for (const text of [`[a:p=1] ${started}`, `[a:p=1] ${startedBy21}`]) {
    assert.deepEqual(parsePattern(text, '2.0'), tree)
    assert.equal(checkPattern(text, '2.0'), undefined)
  }
  assert.equal(
    checkPattern(`[a:p=1] ${started}`)?.message,
    "found \"'2016-06-01T00:00:00…\", expected a timestamp t'…'",
  )
})

test('by the grammar of STIX 2.0, times of a qualifier are timestamps nevertheless', () => {
  for (const time of ["''", "'2016-06-01'", "'2016-13-01T00:00:00Z'", "'2016-06-01T00:00:00Z\\''", '2016', "h'2016'"]) {
    const message = /^found .+, expected a timestamp '…'$/
    assert.match(checkPattern(`[a:p=1] START ${time} STOP '2016-07-01T00:00:00Z'`, '2.0')?.message ?? '', message, time)
    assert.match(checkPattern(`[a:p=1] START '2016-07-01T00:00:00Z' STOP ${time}`, '2.0')?.message ?? '', message, time)
  }
})

test('by the grammar of STIX 2.0, an observation may have a qualifier twice', () => {
  for (const qualifier of ['WITHIN 5 SECONDS', 'REPEATS 2 TIMES', started]) {
    const text = `[a:p=1] ${qualifier} ${qualifier}`
    const tree = parsePattern(text, '2.0')
    assert.ok(tree.kind === 'qualified')
    assert.equal(tree.qualifiers.length, 2)
    assert.equal(checkPattern(text, '2.0'), undefined)
    assert.notEqual(checkPattern(text), undefined)
  }
})

test('by the grammar of STIX 2.0, EXISTS is a name', () => {
  assert.equal(checkPattern('[EXISTS:EXISTS.EXISTS = 1]', '2.0'), undefined)
  assert.equal(checkPattern('[EXISTS a:b]', '2.0')?.message, 'found "a", expected : and a property')
})

test('an error tells its line and column', () => {
  const text = "[a:b = 1]\r\nAND [a:c = 'two\nlines'\n  AMD a:d = 2]"
  assert.deepEqual(parsePattern(text), {
    kind: 'error',
    message: 'found "AMD", expected AND, OR or ]',
    offset: text.indexOf('AMD'),
    line: 4,
    column: 3,
  })
})

/** The comparison `a:NAME = 1`, and the observation of it. */
function compared(name: string): ComparisonExpression {
  const path = { type: 'a', steps: [{ kind: 'property', name }] } as const
  return { kind: 'comparison', path, negated: false, operator: '=', value: { kind: 'integer', text: '1' } }
}
function observed(name: string): ObservationExpression {
  return { kind: 'observation', comparison: compared(name) }
}

test('AND binds comparisons tighter than OR, and parentheses tighter than both', () => {
  const [p, q, r, s] = ['p', 'q', 'r', 's'].map(compared) as [
    ComparisonExpression,
    ComparisonExpression,
    ComparisonExpression,
    ComparisonExpression,
  ]
  assert.deepEqual(parsePattern('[a:p=1 OR a:q=1 AND a:r=1 OR a:s=1]'), {
    kind: 'observation',
    comparison: {
      kind: 'comparisons',
      operator: 'OR',
      operands: [p, { kind: 'comparisons', operator: 'AND', operands: [q, r] }, s],
    },
  })
  assert.deepEqual(parsePattern('[(a:p=1 OR (a:q=1)) AND (a:r=1 AND a:s=1)]'), {
    kind: 'observation',
    comparison: {
      kind: 'comparisons',
      operator: 'AND',
      operands: [
        { kind: 'comparisons', operator: 'OR', operands: [p, q] },
        { kind: 'comparisons', operator: 'AND', operands: [r, s] },
      ],
    },
  })
})

test('AND binds observations tighter than OR, OR tighter than FOLLOWEDBY, and a qualifier tightest', () => {
  assert.deepEqual(parsePattern('[a:p=1] FOLLOWEDBY [a:q=1] OR [a:r=1] AND [a:s=1] WITHIN +5.50 SECONDS'), {
    kind: 'observations',
    operator: 'FOLLOWEDBY',
    operands: [
      observed('p'),
      {
        kind: 'observations',
        operator: 'OR',
        operands: [
          observed('q'),
          {
            kind: 'observations',
            operator: 'AND',
            operands: [
              observed('r'),
              {
                kind: 'qualified',
                expression: observed('s'),
                qualifiers: [{ kind: 'within', seconds: '5.50' }],
              },
            ],
          },
        ],
      },
    ],
  })
})

test('qualifiers belong to the group before them, in their order', () => {
  const text = "([a:p=1] AND [a:q=1]) REPEATS 2 TIMES START t'2016-06-01T00:00:00Z' STOP t'2016-07-01T00:00:00.5Z'"
  assert.deepEqual(parsePattern(text), {
    kind: 'qualified',
    expression: { kind: 'observations', operator: 'AND', operands: [observed('p'), observed('q')] },
    qualifiers: [
      { kind: 'repeats', times: '2' },
      { kind: 'start-stop', start: '2016-06-01T00:00:00Z', stop: '2016-07-01T00:00:00.5Z' },
    ],
  })
})

test('a path tells its steps, and a set its values', () => {
  const text = String.raw`[x-a:'first'.list[*].b_refs[12].'it\'s \\' NOT IN ('\\\'', -1, .5, false, t'2020-01-01T00:00:00Z', h'0aFF', b'AA==')]`
  assert.deepEqual(parsePattern(text), {
    kind: 'observation',
    comparison: {
      kind: 'comparison',
      path: {
        type: 'x-a',
        steps: [
          { kind: 'property', name: 'first' },
          { kind: 'property', name: 'list' },
          { kind: 'any' },
          { kind: 'property', name: 'b_refs' },
          { kind: 'index', index: '12' },
          { kind: 'property', name: "it's \\" },
        ],
      },
      negated: true,
      operator: 'IN',
      value: [
        { kind: 'string', value: "\\'" },
        { kind: 'integer', text: '-1' },
        { kind: 'float', text: '.5' },
        { kind: 'boolean', value: false },
        { kind: 'timestamp', text: '2020-01-01T00:00:00Z' },
        { kind: 'hex', text: '0aFF' },
        { kind: 'binary', text: 'AA==' },
      ],
    },
  })
})

test('parentheses nest to the bound and no deeper, inside brackets, outside and across', () => {
  const nested = (outside: number, inside: number) =>
    `${'('.repeat(outside)}[${'('.repeat(inside)}a:p=1${')'.repeat(inside)}]${')'.repeat(outside)}`
  const message = 'found a parenthesis, expected at most 100 inside each other'
  for (const [outside, inside] of [
    [deepestNesting, 0],
    [0, deepestNesting],
    [60, deepestNesting - 60],
  ] as const) {
    assert.deepEqual(parsePattern(nested(outside, inside)), observed('p'))
    const offset = outside + (inside > 0 ? 1 + inside : 0)
    const deeper = inside > 0 ? nested(outside, inside + 1) : nested(outside + 1, 0)
    assert.deepEqual(parsePattern(deeper), { kind: 'error', message, offset, line: 1, column: offset + 1 })
  }
  const heap = '('.repeat(1_000_000)
  assert.deepEqual(checkPattern(heap), { kind: 'error', message, offset: 100, line: 1, column: 101 })
})

test('chains of any length are one node', () => {
  const count = 200_000
  const comparisons = parsePattern(`[${'a:p=1 OR '.repeat(count - 1)}a:p=1]`)
  assert.ok(comparisons.kind === 'observation' && comparisons.comparison.kind === 'comparisons')
  assert.equal(comparisons.comparison.operands.length, count)
  const observations = parsePattern(`${'[a:p=1] FOLLOWEDBY '.repeat(count - 1)}[a:p=1]`)
  assert.ok(observations.kind === 'observations')
  assert.equal(observations.operands.length, count)
  const qualified = parsePattern(`([a:p=1])${' REPEATS 1 TIMES'.repeat(count)}`)
  assert.ok(qualified.kind === 'qualified')
  assert.equal(qualified.qualifiers.length, count)
})

test('hashes of many forms fit by the rules of their algorithms', () => {
  for (const [algorithm, value, fits] of [
    ['SSDEEP', '96:s4Ud1Lj96tHHlZDrwciQmA+4uy1I0G4HYuL8N3TzS8QsO/wqWXLcMSx:sF1LjEtHHlZDrJzrhuyZvHYm8tKp/RWO', true],
    ['ssdeep', 'x'.repeat(148), true],
    ['ssdeep', 'x'.repeat(149), false],
    ['ssdeep', '', false],
    ['MD6', 'a'.repeat(56), true],
    ['MD6', 'a'.repeat(57), false],
    ['TLSH', `T1${'A'.repeat(70)}`, true],
    ['TLSH', `t1${'a'.repeat(70)}`, true],
    ['tlsh', `T1${'aB'.repeat(35)}`, true],
    ['TLSH', `T2${'A'.repeat(70)}`, false],
    ['TLSH', `1${'A'.repeat(70)}`, false],
    ['TLSH', `T1${'A'.repeat(69)}`, false],
    ['MD5', '', false],
    ['', '', true],
  ] as const) {
    assert.equal(hashFits(algorithm, value), fits, `${algorithm} ${value}`)
  }
})

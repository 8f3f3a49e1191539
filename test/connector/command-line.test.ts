// Commands are split before anything is filled in: CONNECTOR "Context transformation and sinks".
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { fill, parseCommand, UnfillableError } from '../../src/connector/command-line.ts'
import { CommandError } from '../../src/connector/shell-words.ts'
import {
  checkVastCommand,
  defaultVastCommands,
  retroMatchArguments,
  vastPlaceholders,
} from '../../src/connector/vast-commands.ts'

describe('a command is split as by a shell that expands nothing', () => {
  for (const [text, ...expected] of [
    ['jq -c .', 'jq', '-c', '.'],
    [
      `  fever  alertify --alert-prefix 'My custom prefix'\n`,
      'fever',
      'alertify',
      '--alert-prefix',
      'My custom prefix',
    ],
    [`a'b c'"d e"\\ f`, 'ab cd e f'],
    [`x '' ""`, 'x', '', ''],
    [`x "\\"\\\\\\n" '\\' \\"`, 'x', '"\\\\n', '\\', '"'],
    [
      'x $(id) `id` $HOME * ~ # | ; > y && z',
      'x',
      '$(id)',
      '`id`',
      '$HOME',
      '*',
      '~',
      '#',
      '|',
      ';',
      '>',
      'y',
      '&&',
      'z',
    ],
    ['date +%s %Y', 'date', '+%s', '%Y'],
  ] as const) {
    test(text, () => assert.deepEqual(parseCommand(text), expected))
  }

  test('any words, quoted, come back as they were', () => {
    const quoted = (word: string) => `'${word.replaceAll("'", `'\\''`)}'`
    const doubly = (word: string) => `"${word.replace(/[\\"]/g, '\\$&')}"`
    const words = fc.array(fc.tuple(fc.string({ unit: 'binary' }), fc.boolean()), { maxLength: 5 })
    fc.assert(
      fc.property(words, drawn => {
        const given = drawn.filter(([word]) => !/\0|%ioc|%matchtype/.test(word))
        const text = ['run', ...given.map(([word, single]) => (single ? quoted(word) : doubly(word)))].join(' ')
        assert.deepEqual(parseCommand(text), ['run', ...given.map(([word]) => word)])
      }),
    )
  })
})

describe('a command that is none is refused in words', () => {
  for (const [text, complaint] of [
    ['', /^is empty/],
    ['  \n', /^is empty/],
    ["'' x", /^is empty/],
    ["run 'x", /^has a ' in column 5 that is not closed/],
    ['run "x\\"', /^has a " in column 5 that is not closed/],
    ['run x\\', /^ends with a backslash/],
    ['run a\0b', /NUL/],
    ['%ioc x', /program from a placeholder/],
    ['run --%ioc', /name of an option, --%ioc: write --option=%ioc/],
    ['run -%ioc=x', /name of an option/],
    ['run -x%matchtype', /name of an option/],
  ] as const) {
    test(JSON.stringify(text), () => {
      assert.throws(() => parseCommand(text), { name: 'CommandError', message: complaint })
    })
  }
})

test('a value is one argument, whatever is in it', () => {
  const ioc = `a b "c" 'd' $(id)\n%matchtype`
  const template = parseCommand('run %ioc --ioc=%ioc -- [%ioc]-%matchtype %iocs %other')
  const filled = ['run', ioc, `--ioc=${ioc}`, '--', `[${ioc}]-LIVE`, `${ioc}s`, '%other']
  assert.deepEqual(fill(template, { ioc, matchtype: 'LIVE' }), filled)
})

test('a value that begins with a dash is filled in only where it cannot become an option', () => {
  const values = { ioc: '--help', matchtype: 'LIVE' }
  assert.deepEqual(fill(parseCommand('run --ioc=%ioc'), values), ['run', '--ioc=--help'])
  assert.deepEqual(fill(parseCommand('run x%ioc'), values), ['run', 'x--help'])
  assert.deepEqual(fill(parseCommand('run -- %ioc'), values), ['run', '--', '--help'])
  for (const command of ['run %ioc', 'run %ioc --', 'run -x %ioc', 'run "%ioc.txt"']) {
    assert.throws(() => fill(parseCommand(command), values), UnfillableError)
  }
  assert.throws(() => fill(parseCommand('run --ioc=%ioc'), { ioc: 'a\0' }), UnfillableError)
  assert.throws(() => fill(['run', '-%ioc'], { ioc: 'x' }), UnfillableError)
})

describe("VAST's calls", () => {
  test('of the defaults are those of the command line of VAST', () => {
    const query = { endpoint: 'localhost:42000', query: '1.2.3.4' }
    const node = ['-e', 'localhost:42000']
    const slow = '--caf.scheduler.max-threads=1'
    assert.deepEqual(retroMatchArguments(defaultVastCommands, { ...query, maxEvents: 0, lowPriority: false }), [
      ...node,
      ...['export', slow, 'json', '1.2.3.4'],
    ])
    assert.deepEqual(retroMatchArguments(defaultVastCommands, { ...query, maxEvents: 7, lowPriority: true }), [
      ...node,
      ...['export', slow, '--low-priority', '--max-events=7', 'json', '1.2.3.4'],
    ])
    for (const call of Object.keys(vastPlaceholders) as (keyof typeof vastPlaceholders)[]) {
      checkVastCommand(call, defaultVastCommands[call])
    }
  })

  test('can be others, whose slips of the pen are found', () => {
    const other = { ...defaultVastCommands, retro_match: ['query', '--limit', '%max_events', '--', '%query'] }
    checkVastCommand('retro_match', other.retro_match)
    const query = { endpoint: 'h:1', query: '-1', maxEvents: 3, lowPriority: true }
    assert.deepEqual(retroMatchArguments(other, query), ['query', '--limit', '3', '--', '-1'])
    for (const [call, argument, complaint] of [
      ['status', '%query', /^has no placeholder %query: there is %endpoint$/],
      ['add_ioc', 'x%valu', /^has no placeholder %valu/],
      ['add_ioc', '--%value', /name of an option/],
      ['add_ioc', 'a\0', /NUL/],
    ] as const) {
      assert.throws(() => checkVastCommand(call, [argument]), { name: CommandError.name, message: complaint })
    }
  })
})

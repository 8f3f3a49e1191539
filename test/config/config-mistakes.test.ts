// The test writes a configuration file with mistakes; the loader tells them all.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { loadConfig } from '../../src/config/load.ts'
import { ConfigError } from '../../src/config/problems.ts'
import { configSchema } from '../../src/config/schema.ts'
import { problems, rooms } from './config-loading.ts'

/** A file → all that is said about it. */
const complaints: Readonly<Record<string, { text: string; said: readonly string[] }>> = {
  'all mistakes are told at once, in the order in which they stand': {
    text: [
      'logging: {console: 1}',
      'plugins:',
      '  apps:',
      '    zmq:',
      '      manage: abc',
      '      hots: 127.0.0.1',
      '  zmq: {}',
      'evict_after: 1e99',
      'max_topics: 2.5',
      'validation:',
      'queue: []',
    ].join('\n'),
    said: [
      'config.yaml:1:20 logging.console: expected true or false, got 1',
      'config.yaml:5:15 plugins.apps.zmq.manage: expected a port (0–65535), got "abc"',
      'config.yaml:6:7 plugins.apps.zmq.hots: unknown key; did you mean plugins.apps.zmq.host?',
      'config.yaml:7:3 plugins.zmq: unknown key; did you mean plugins.apps.zmq?',
      'config.yaml:8:14 evict_after: expected a number of seconds (0.01–2147483), got 1e+99',
      'config.yaml:9:13 max_topics: expected a whole number (1–10000), got 2.5',
      'config.yaml:10:1 validation: expected one of lenient, strict, off, got nothing',
      'config.yaml:11:8 queue: expected a section (keys with values), got a list',
    ],
  },
  'two endpoints on one port are told by both names': {
    text: 'plugins:\n  apps:\n    zmq: {manage: 5000, pub: 5000, host: " ", sub: x}',
    said: [
      'config.yaml:3:30 plugins.apps.zmq.pub: pub and manage are the same port, 5000; each endpoint needs its own',
      'config.yaml:3:42 plugins.apps.zmq.host: expected a host name, a network interface, an IP address, or "*" (every address of this machine), got " "',
      'config.yaml:3:52 plugins.apps.zmq.sub: expected a port (0–65535), got "x"',
    ],
  },
  'a port that collides with a default is told where it was written': {
    text: 'plugins:\n  apps:\n    zmq:\n      manage: 13372',
    said: [
      'config.yaml:4:15 plugins.apps.zmq.sub: sub and manage are the same port, 13372; each endpoint needs its own',
    ],
  },
  "a port of the bus that is the inspector's too is told where the inspector's is written, else where that is": {
    text: 'inspector: {port: 5000}\nplugins:\n  apps:\n    zmq: {sub: 5000, manage: 5000}',
    said: [
      'config.yaml:1:19 inspector.port: inspector.port and plugins.apps.zmq.manage are the same port, 5000; each needs its own',
      'config.yaml:1:19 inspector.port: inspector.port and plugins.apps.zmq.sub are the same port, 5000; each needs its own',
      'config.yaml:4:16 plugins.apps.zmq.sub: sub and manage are the same port, 5000; each endpoint needs its own',
    ],
  },
  "a port of the bus that is the inspector's default is told where it was written": {
    text: 'plugins:\n  apps:\n    zmq: {pub: 13373, host: "*"}',
    said: [
      'config.yaml:3:16 inspector.port: inspector.port and plugins.apps.zmq.pub are the same port, 13373; each needs its own',
    ],
  },
  'what came by a merge key is told where it is written': {
    text: 'plugins:\n  apps:\n    old: &old\n      manage: abc\n      hots: x\n    zmq:\n      <<: *old\n      pub: 99999',
    said: [
      'config.yaml:4:15 plugins.apps.zmq.manage: expected a port (0–65535), got "abc"',
      'config.yaml:5:7 plugins.apps.zmq.hots: unknown key; did you mean plugins.apps.zmq.host?',
      'config.yaml:8:12 plugins.apps.zmq.pub: expected a port (0–65535), got 99999',
    ],
  },
  'a merge key takes sections, and stands once': {
    text: 'queue:\n  <<: 5\n  <<: {max_messages: 3}\nsnapshot: {<<: [{}, x]}\nheartbeat:\n  <<: *none',
    said: [
      'config.yaml:2:7 queue: a merge key (<<) takes a section or a list of sections, such as *name of one above it',
      'config.yaml:3:3 queue."<<": this key stands here twice; it is in line 2 too',
      'config.yaml:4:21 snapshot: a merge key (<<) takes a section or a list of sections, such as *name of one above it',
      'config.yaml:6:7 heartbeat: the alias *none names no anchor above it; text that begins with * stands in quotes',
    ],
  },
  'a key that is only written like a merge key is a key': {
    text: 'queue: {"<<": {max_messages: 3}}',
    said: ['config.yaml:1:9 queue."<<": unknown key; known here: max_messages, max_bytes, when_full'],
  },
  'a host with a port is not a host': {
    text: 'plugins: {apps: {zmq: {advertise: "10.0.0.1:13370"}}}',
    said: ['config.yaml:1:35 plugins.apps.zmq.advertise: expected a host name or an IP address, got "10.0.0.1:13370"'],
  },
  'a key that is like no other is answered with those there are': {
    text: 'heartbeat:\n  x: 5',
    said: ['config.yaml:2:3 heartbeat.x: unknown key; known here: timeout'],
  },
  'a key in a section without keys is unknown': {
    text: 'plugins: {backbones: {inmem: {x: 5}}}',
    said: ['config.yaml:1:31 plugins.backbones.inmem.x: unknown key; this section has no keys'],
  },
  'a key that belongs elsewhere is answered with its place': {
    text: 'manage: 5',
    said: ['config.yaml:1:1 manage: unknown key; did you mean plugins.apps.zmq.manage?'],
  },
  'a key named __proto__ is a key like any other': {
    text: '__proto__: {max_topics: 5}',
    said: [
      'config.yaml:1:1 __proto__: unknown key; known here: logging, plugins, validation, stix20, max_subscribers, max_subscribers_per_address, subscribe_rate, max_topics, join_timeout, heartbeat, evict_after, max_publish, max_message_values, max_unchecked_bytes, history, queue, snapshot, inspector, shutdown_timeout',
    ],
  },
  'an inspector that others reach needs a token': {
    text: 'inspector: {host: 0.0.0.0}',
    said: [
      'config.yaml:1:19 inspector.token: needed, because others can reach 0.0.0.0: a secret of 16 characters or more',
    ],
  },
  'a token is a secret, also one that is wrong': {
    text: 'inspector: {token: "too short"}',
    said: [
      'config.yaml:1:20 inspector.token: expected a token (16–512 letters, digits and -._~+/=, in quotes), got something else (a secret is not shown)',
    ],
  },
  'a configuration is a section': {
    text: '\n- a',
    said: ['config.yaml:2:1: expected a section (keys with values), got a list'],
  },
  'a key that stands twice is a mistake': {
    text: 'max_topics: 5\nqueue: {}\nmax_topics: 6',
    said: ['config.yaml:3:1 max_topics: this key stands here twice; it is in line 1 too'],
  },
  'an alias needs its anchor': {
    text: 'validation: *x',
    said: [
      'config.yaml:1:13 validation: the alias *x names no anchor above it; text that begins with * stands in quotes',
    ],
  },
  'an alias can not stand in its own anchor': {
    text: 'queue: &q [*q]',
    said: ['config.yaml:1:12 queue.0: the alias *q names no anchor above it; text that begins with * stands in quotes'],
  },
  'a list is no key': { text: '? [a]\n: 1', said: ['config.yaml:1:3: a key must be a word'] },
  'a file holds one document': {
    text: 'max_topics: 5\n---\nmax_topics: 6',
    said: ['config.yaml:2:1: a second document begins here; a configuration is one document'],
  },
  'what is no YAML is told with its place, all of it': {
    text: 'a: b: c\n"x',
    said: [
      'config.yaml:1:4: Nested mappings are not allowed in compact mappings',
      'config.yaml:2:1: Implicit map keys need to be followed by map values',
      'config.yaml:2:3: Missing closing "quote',
    ],
  },
  'what a message quotes is short and on one line': {
    text: `validation: "a\\nconfig.yaml:1:1 forged\\e[2J\\u202e${'x'.repeat(100)}"`,
    said: [
      `config.yaml:1:13 validation: expected one of lenient, strict, off, got "a\\nconfig.yaml:1:1 forged\\x1b[2J\\u202e${'x'.repeat(22)}…"`,
    ],
  },
  'a key that is no plain word is quoted': {
    text: '"a\\nb.c": 5',
    said: [
      'config.yaml:1:1 "a\\\\nb.c": unknown key; known here: logging, plugins, validation, stix20, max_subscribers, max_subscribers_per_address, subscribe_rate, max_topics, join_timeout, heartbeat, evict_after, max_publish, max_message_values, max_unchecked_bytes, history, queue, snapshot, inspector, shutdown_timeout',
    ],
  },
}
for (const [what, { text, said }] of Object.entries(complaints)) {
  test(what, () => assert.deepEqual(problems({ 'config.yaml': text }), said))
}

/** A file → the one thing that is said about it. */
const unreadable: Readonly<
  Record<string, { file: string; files?: Record<string, string | Uint8Array>; said: string }>
> = {
  'a file that was asked for must be there': { file: 'mine.yaml', said: 'mine.yaml: there is no such file' },
  'a directory is no configuration file': {
    file: 'directory',
    said: 'directory: is a directory, not a configuration file',
  },
  'a path through a file leads nowhere': {
    file: 'a/b',
    files: { a: '' },
    said: 'a/b: there is no such file',
  },
  'a name that no file can have is told without control characters': {
    file: 'a\0\n',
    said: `a\\x00\\n: can't be read: The argument 'path' must be a string, Uint8Array, or URL without null bytes. Received`,
  },
  'a file of over a MiB is not read': {
    file: 'large',
    files: { large: '#'.repeat(1_048_577) },
    said: 'large: is larger than 1048576 bytes',
  },
  'a file that is no UTF-8 is refused': {
    file: 'latin',
    files: { latin: Uint8Array.of(0x23, 0xe4) },
    said: 'latin: is not UTF-8 text',
  },
}
for (const [what, { file, files = {}, said }] of Object.entries(unreadable)) {
  test(what, () => {
    const told = problems(files, {}, file)
    assert.equal(told.length, 1)
    assert(told[0]?.startsWith(said), told[0])
  })
}

test('a default file that can not be read is not passed over', () => {
  const cwd = mkdtempSync(join(rooms, 'cwd-'))
  mkdirSync(join(cwd, 'config.yaml'))
  writeFileSync(join(cwd, 'config.yml'), '')
  assert.throws(
    () =>
      loadConfig(configSchema, { cwd, env: {}, envPrefix: 'THREATBUS_', defaultFiles: ['config.yaml', 'config.yml'] }),
    new ConfigError([
      { place: { source: 'config.yaml' }, path: [], sentence: 'is a directory, not a configuration file' },
    ]),
  )
})

/** Files that some YAML readers choke on, each with how the complaint begins. */
const deep = 'nested too deep: a configuration has at most 64 levels'
const bombs: Readonly<Record<string, readonly [string, string]>> = {
  'a hundred thousand open lists': ['['.repeat(100_000), `config.yaml:1:65: ${deep}`],
  'a hundred thousand nested sequences': ['- '.repeat(100_000), `config.yaml:1:128: ${deep}`],
  'a thousand nested sections': [
    Array.from({ length: 1000 }, (_, depth) => `${' '.repeat(depth)}a:`).join('\n'),
    `config.yaml:64:65: ${deep}`,
  ],
  'a billion laughs': [
    `a0: &a0 [x]\n${Array.from({ length: 45 }, (_, at) => `a${at + 1}: &a${at + 1} [*a${at}, *a${at}]`).join('\n')}`,
    'config.yaml:1:1 a0: unknown key; ',
  ],
  'more than a hundred aliases': [
    `a: &a 1\n${Array.from({ length: 101 }, (_, at) => `k${at}: *a`).join('\n')}`,
    'config.yaml:102:7 k100: more than 100 aliases',
  ],
  'a thousand keys merged a hundred times': [
    `a: &a {${Array.from({ length: 1000 }, (_, at) => `k${at}: 1`).join()}}\n${Array.from({ length: 100 }, (_, at) => `m${at}: {<<: *a}`).join('\n')}`,
    'config.yaml:12:7 m10: more than 10000 keys are merged',
  ],
  'a hundred thousand unknown keys': [
    Array.from({ length: 100_000 }, (_, at) => `k${at}: 1`).join('\n'),
    'config.yaml:1:1 k0: unknown key; ',
  ],
  'a hundred thousand of one key': ['a: 1\n'.repeat(100_000), 'config.yaml:2:1 a: this key stands here twice; '],
  'a key of a megabyte': [`${'a'.repeat(1_000_000)}: 1`, 'config.yaml:1:1: The : indicator must be at most 1024 chars'],
}
for (const [what, [text, complaint]] of Object.entries(bombs)) {
  test(`${what}: refused, in few and short messages`, () => {
    const told = problems({ 'config.yaml': text })
    assert(told[0]?.startsWith(complaint), told[0])
    assert(told.length <= 101, `${told.length} messages`)
    assert(told.every(line => line.length < 400))
  })
}

test('of more than a hundred problems a hundred are told, and how many there are besides', () => {
  const told = problems({ 'config.yaml': Array.from({ length: 150 }, (_, at) => `k${at}: 1`).join('\n') })
  assert.equal(told.length, 101)
  assert.equal(told.at(-1), '… and 50 more problems')
})

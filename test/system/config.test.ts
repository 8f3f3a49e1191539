// The test writes a configuration file and sets an environment; the loader reads both and answers with a configuration
// or with all that is wrong.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parseDocument } from 'yaml'
import { type LoadedConfig, loadConfig } from '../../src/config/load.ts'
import { pathsOf } from '../../src/config/outline.ts'
import { ConfigError } from '../../src/config/problems.ts'
import { type Config, configSchema } from '../../src/config/schema.ts'
import { flag, seconds, section } from '../../src/config/values.ts'
import { configSchemaText, schemaFile } from '../generate/config-schema.ts'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const rooms = mkdtempSync(join(tmpdir(), 'threatbus-config-'))
after(() => rmSync(rooms, { recursive: true }))
const defaults = configSchema.parse({})

/** Loads with `files` in a fresh working directory. */
function load(
  files: Readonly<Record<string, string | Uint8Array>>,
  env: Readonly<Record<string, string>> = {},
  file?: string,
): LoadedConfig<Config> {
  const cwd = mkdtempSync(join(rooms, 'cwd-'))
  mkdirSync(join(cwd, 'directory'))
  for (const [name, content] of Object.entries(files)) writeFileSync(join(cwd, name), content)
  return loadConfig(configSchema, {
    cwd,
    env,
    file,
    envPrefix: 'THREATBUS_',
    defaultFiles: ['config.yaml', 'config.yml'],
  })
}

/** What the loader complains of. */
function problems(...given: Parameters<typeof load>): readonly string[] {
  try {
    load(...given)
  } catch (error) {
    assert(error instanceof ConfigError, `not a ConfigError: ${error}`)
    assert.equal(error.message, error.problems.join('\n'))
    return error.problems
  }
  assert.fail('no complaint')
}

test('without a file the built-in defaults are the configuration', () => {
  assert.deepEqual(load({}), { config: defaults, source: 'built-in defaults', warnings: [] })
})

test('config.yaml in the working directory is read, else config.yml', () => {
  const both = load({ 'config.yaml': 'max_topics: 1', 'config.yml': 'max_topics: 2' })
  assert.equal(both.config.max_topics, 1)
  assert.match(both.source, /\/config\.yaml$/)
  assert.deepEqual(both.warnings, ['config.yml: ignored, because config.yaml is there'])
  assert.equal(load({ 'config.yml': 'max_topics: 2' }).config.max_topics, 2)
})

test('the file that is asked for is read instead of the default ones', () => {
  const { config, source } = load({ 'config.yaml': 'max_topics: 1', mine: 'max_topics: 3' }, {}, 'mine')
  assert.equal(config.max_topics, 3)
  assert.match(source, /\/mine$/)
})

const emptySections =
  'logging:\nplugins:\n  backbones:\n    inmem:\n  apps:\n    zmq:\n      tcp_keepalive:\nqueue: ~\n'
for (const [what, text] of Object.entries({
  'an empty file': '',
  'a file of comments': '# nothing\n\n# here\n',
  'a file with a document mark only': '---\n',
  'a file of empty sections': emptySections,
  'a file with a byte order mark': '\ufeffmax_topics: 64\n',
  'a file with Windows line ends': 'max_topics: 64\r\nqueue:\r\n  max_messages: 100000\r\n',
})) {
  test(`${what} gives the defaults`, () => {
    assert.deepEqual(load({ 'config.yaml': text }).config, defaults)
  })
}

test('the example shows every key with its default', () => {
  const text = readFileSync(join(root, 'config/threatbus.yaml'), 'utf8')
  assert.match(text, /^# yaml-language-server: \$schema=\.\/threatbus\.schema\.json\n/)
  const { config, warnings } = load({ 'config.yaml': text })
  assert.deepEqual(config, defaults)
  assert.deepEqual(warnings, [])
  const written = parseDocument(text)
  const unset = pathsOf(configSchema).filter(path => !written.hasIn(path))
  assert.deepEqual(
    unset,
    [['plugins', 'apps', 'zmq', 'advertise']],
    'the one key without a default stands in a comment',
  )
  assert.match(text, /^ {6}# advertise: [\w.]+$/m)
})

test('the JSON Schema for editors is up to date (npm run build && npm run schema)', () => {
  assert.equal(readFileSync(schemaFile, 'utf8'), configSchemaText())
})

test('every key is described in the JSON Schema, and every value has its default there', () => {
  const bare: string[] = []
  const look = (
    schema: { properties?: Record<string, never>; description?: string; default?: unknown },
    path: string,
  ) => {
    if (path !== '' && !schema.description) bare.push(`${path} has no description`)
    if (schema.default === undefined && path !== '.plugins.apps.zmq.advertise') bare.push(`${path} has no default`)
    for (const [key, below] of Object.entries(schema.properties ?? {})) look(below, `${path}.${key}`)
  }
  look(JSON.parse(configSchemaText()), '')
  assert.deepEqual(bare, [])
})

test("the original's configuration is taken as it is, with a warning for each plugin that this broker lacks", () => {
  const { config, warnings } = load({
    'config.yaml': readFileSync(join(root, 'test/fixtures/original-config.yaml'), 'utf8'),
  })
  assert.deepEqual(config, defaults)
  const lacks = 'this broker has no such plugin; the section is ignored'
  assert.deepEqual(warnings, [
    `config.yaml:11:5 plugins.backbones.rabbitmq: ${lacks}`,
    `config.yaml:27:5 plugins.apps.zeek: ${lacks}`,
    `config.yaml:31:5 plugins.apps.misp: ${lacks}`,
    `config.yaml:61:5 plugins.apps.cif3: ${lacks}`,
  ])
})

test("the plugin's early name zmq-app is ignored too, but the warning says what it is called now", () => {
  assert.deepEqual(load({ 'config.yaml': 'plugins:\n  apps:\n    zmq-app: {manage: 1}' }).warnings, [
    'config.yaml:3:5 plugins.apps.zmq-app: this broker has no such plugin; the section is ignored; did you mean plugins.apps.zmq?',
  ])
})

test('log levels may be written in lower case', () => {
  assert.equal(load({ 'config.yaml': 'logging: {console_verbosity: debug}' }).config.logging.console_verbosity, 'DEBUG')
})

test('ports that the system picks may all be 0', () => {
  const { config } = load({ 'config.yaml': 'plugins: {apps: {zmq: {manage: 0, pub: 0, sub: 0}}}' })
  assert.equal(config.plugins.apps.zmq.sub, 0)
})

for (const host of ['127.0.0.1', '0.0.0.0', '"*"', 'broker.example', 'eth0', '"::1"', '"fe80::1%eth0"']) {
  test(`the broker can listen on ${host}`, () => {
    assert.equal(
      load({ 'config.yaml': `plugins: {apps: {zmq: {host: ${host}}}}` }).config.plugins.apps.zmq.host,
      host.replaceAll('"', ''),
    )
  })
}

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
    text: 'plugins:\n  apps:\n    zmq: {manage: 5000, pub: 5000, host: " "}',
    said: [
      'config.yaml:3:30 plugins.apps.zmq.pub: pub and manage are the same port, 5000; each endpoint needs its own',
      'config.yaml:3:42 plugins.apps.zmq.host: expected a host name, a network interface, an IP address, or "*" (every address of this machine), got " "',
    ],
  },
  'a port that collides with a default is told where it was written': {
    text: 'plugins:\n  apps:\n    zmq:\n      manage: 13372',
    said: [
      'config.yaml:4:15 plugins.apps.zmq.sub: sub and manage are the same port, 13372; each endpoint needs its own',
    ],
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
      'config.yaml:1:1 __proto__: unknown key; known here: logging, plugins, validation, max_subscribers, max_topics, join_timeout, heartbeat, evict_after, queue, snapshot, shutdown_timeout',
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
      'config.yaml:1:1 "a\\\\nb.c": unknown key; known here: logging, plugins, validation, max_subscribers, max_topics, join_timeout, heartbeat, evict_after, queue, snapshot, shutdown_timeout',
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

/** Files that some YAML readers choke on. */
const bombs: Readonly<Record<string, string>> = {
  'a hundred thousand open lists': '['.repeat(100_000),
  'a hundred thousand nested sequences': '- '.repeat(100_000),
  'a thousand nested sections': Array.from({ length: 1000 }, (_, depth) => `${' '.repeat(depth)}a:`).join('\n'),
  'a billion laughs': `${Array.from({ length: 60 }, (_, at) => `a${at}: &a${at} [*a${at - 1}, *a${at - 1}]`).join('\n')}\n`,
  'a hundred thousand unknown keys': Array.from({ length: 100_000 }, (_, at) => `k${at}: 1`).join('\n'),
  'a hundred thousand of one key': 'a: 1\n'.repeat(100_000),
  'a key of a megabyte': `${'a'.repeat(1_000_000)}: 1`,
}
for (const [what, text] of Object.entries(bombs)) {
  test(`${what} are refused in short messages`, () => {
    const told = problems({ 'config.yaml': text })
    assert(told.length <= 101, `${told.length} messages`)
    assert(told.every(line => line.length < 400))
  })
}

test('of more than a hundred problems a hundred are told, and how many there are besides', () => {
  const told = problems({ 'config.yaml': Array.from({ length: 150 }, (_, at) => `k${at}: 1`).join('\n') })
  assert.equal(told.length, 101)
  assert.equal(told.at(-1), '… and 50 more problems')
})

test('repeating a section by an alias is fine', () => {
  const { config } = load({ 'config.yaml': 'max_topics: &n 7\nmax_subscribers: *n\nqueue: {max_messages: *n}' })
  assert.deepEqual([config.max_topics, config.max_subscribers, config.queue.max_messages], [7, 7, 7])
})

test('a variable over a section that an alias repeats changes it in one place only', () => {
  const text = 'plugins: {apps: {zeek: &s {manage: 5, host: lo}, zmq: *s}}'
  const { config, warnings } = load({ 'config.yaml': text }, { THREATBUS_PLUGINS__APPS__ZMQ__MANAGE: '6' })
  assert.equal(config.plugins.apps.zmq.manage, 6)
  assert.equal(config.plugins.apps.zmq.host, 'lo')
  assert.equal(warnings.length, 1)
})

test('an environment variable wins over the file, and leaves the rest of its section alone', () => {
  const { config } = load(
    { 'config.yaml': 'queue:\n  max_messages: 5\n  max_bytes: 2048' },
    { THREATBUS_QUEUE__MAX_MESSAGES: '6' },
  )
  assert.deepEqual(config.queue, { max_messages: 6, max_bytes: 2048, when_full: 'drop_oldest' })
})

test('a section in a variable wins key by key, and a variable for a key wins over it', () => {
  const { config } = load(
    { 'config.yaml': 'queue: {max_messages: 5, max_bytes: 2048}\nsnapshot: {max_open: 3}' },
    { THREATBUS_QUEUE: '{max_messages: 6, max_bytes: 4096}', THREATBUS_QUEUE__MAX_BYTES: '8192' },
  )
  assert.deepEqual(config.queue, { max_messages: 6, max_bytes: 8192, when_full: 'drop_oldest' })
  assert.equal(config.snapshot.max_open, 3)
})

test('names of variables may be written in either case', () => {
  assert.equal(load({}, { threatbus_Queue__max_MESSAGES: '6' }).config.queue.max_messages, 6)
})

test('other variables, and those that Kubernetes sets for a service named threatbus, mean nothing', () => {
  const env = {
    PATH: '/bin',
    VAST_THREATBUS_X: '1',
    THREATBUS: 'x',
    THREATBUS_PORT: 'tcp://10.0.0.1:13370',
    THREATBUS_PORT_13370_TCP: 'tcp://10.0.0.1:13370',
    THREATBUS_PORT_13370_TCP_PROTO: 'tcp',
    THREATBUS_PORT_13370_TCP_PORT: '13370',
    THREATBUS_PORT_13370_TCP_ADDR: '10.0.0.1',
    THREATBUS_SERVICE_HOST: '10.0.0.1',
    THREATBUS_SERVICE_PORT: '13370',
    THREATBUS_SERVICE_PORT_MANAGE: '13370',
    THREATBUS_METRICS_SERVICE_HOST: '10.0.0.2',
  }
  assert.deepEqual(load({}, env), { config: defaults, source: 'built-in defaults', warnings: [] })
})

/** An environment → all that is said about it. */
const misnamed: Readonly<Record<string, { env: Readonly<Record<string, string>>; said: readonly string[] }>> = {
  'a bad value in the environment is told by the name of its variable': {
    env: { THREATBUS_PLUGINS__APPS__ZMQ__MANAGE: 'abc' },
    said: [
      'environment THREATBUS_PLUGINS__APPS__ZMQ__MANAGE plugins.apps.zmq.manage: expected a port (0–65535), got "abc"',
    ],
  },
  'a variable that names no key is an error': {
    env: { THREATBUS_QEUE__MAX_BYTES: '1' },
    said: ['environment THREATBUS_QEUE__MAX_BYTES qeue: unknown key; did you mean queue?'],
  },
  'a variable that goes on below a value is an error': {
    env: { THREATBUS_VALIDATION__MODE: 'strict' },
    said: ['environment THREATBUS_VALIDATION__MODE validation: expected one of lenient, strict, off, got a section'],
  },
  'a variable without a key is an error': {
    env: { THREATBUS_: '1', THREATBUS_QUEUE__: '1' },
    said: [
      'environment THREATBUS_: names no key; a name is THREATBUS_ and keys, joined by __',
      'environment THREATBUS_QUEUE__: names no key; a name is THREATBUS_ and keys, joined by __',
    ],
  },
  'two variables for one key are an error': {
    env: { THREATBUS_MAX_TOPICS: '1', threatbus_max_topics: '2' },
    said: ['environment threatbus_max_topics max_topics: THREATBUS_MAX_TOPICS sets the same key'],
  },
  'an empty variable is no value': {
    env: { THREATBUS_LOGGING__FILE: '' },
    said: ['environment THREATBUS_LOGGING__FILE logging.file: expected true or false, got nothing'],
  },
  'a variable that is no YAML is told with what helps': {
    env: { THREATBUS_PLUGINS__APPS__ZMQ__HOST: '*' },
    said: [
      'environment THREATBUS_PLUGINS__APPS__ZMQ__HOST plugins.apps.zmq.host: not YAML (text with special characters stands in quotes): Alias cannot be an empty string',
    ],
  },
}
for (const [what, { env, said }] of Object.entries(misnamed)) {
  test(what, () => assert.deepEqual(problems({}, env), said))
}

test('mistakes of a file and of the environment are told together, even if the file is no YAML', () => {
  const env = { THREATBUS_MAX_TOPICS: 'x' }
  const told = 'environment THREATBUS_MAX_TOPICS max_topics: expected a whole number (1–10000), got "x"'
  assert.deepEqual(problems({ 'config.yaml': 'evict_after: 0' }, env), [
    'config.yaml:1:14 evict_after: expected a number of seconds (0.01–2147483), got 0',
    told,
  ])
  assert.deepEqual(problems({ 'config.yaml': '{' }, env).slice(-1), [told])
})

test('a variable for a plugin that this broker lacks is warned of', () => {
  assert.deepEqual(load({}, { THREATBUS_PLUGINS__APPS__MISP__API__KEY: 'secret' }).warnings, [
    'environment THREATBUS_PLUGINS__APPS__MISP__API__KEY plugins.apps.misp: this broker has no such plugin; the section is ignored',
  ])
})

test('another program loads a schema of its own, with its own prefix and names', () => {
  const schema = section({ live_match: flag().default(false), every: seconds().optional(), must: seconds() })
  const sources = {
    cwd: rooms,
    envPrefix: 'VAST_THREATBUS_',
    defaultFiles: [],
    reservedVariables: ['VAST_THREATBUS_HOME'],
  }
  const env = {
    VAST_THREATBUS_HOME: '/',
    VAST_THREATBUS_LIVE_MATCH: 'true',
    VAST_THREATBUS_MUST: '0.5',
    THREATBUS_X: '1',
  }
  assert.deepEqual(loadConfig(schema, { ...sources, env }).config, { live_match: true, must: 0.5 })
  assert.throws(
    () => loadConfig(schema, { ...sources, env: {} }),
    new ConfigError([
      {
        place: { source: 'built-in defaults' },
        path: ['must'],
        sentence: 'expected a number of seconds (0.01–2147483), which is missing',
      },
    ]),
  )
})

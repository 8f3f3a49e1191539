// The test writes a configuration file and sets an environment; the loader reads both and answers with a configuration
// or with all that is wrong.
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parseDocument } from 'yaml'
import { configSchemaText, programSchemas } from '../../.tools/config-schema.ts'
import { loadConfig } from '../../src/config/load.ts'
import { pathsOf } from '../../src/config/outline.ts'
import { ConfigError } from '../../src/config/problems.ts'
import { configSchema } from '../../src/config/schema.ts'
import { flag, seconds, section } from '../../src/config/values.ts'
import { defaults, load, rooms } from './config-loading.ts'

const root = fileURLToPath(new URL('../../../', import.meta.url))

test('without a file the built-in defaults are the configuration', () => {
  const { directory, config, source, warnings } = load({})
  assert.ok(directory.includes('cwd'))
  assert.deepEqual({ config, source, warnings }, { config: defaults, source: 'built-in defaults', warnings: [] })
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

const emptySections = 'logging:\nplugins:\n  backbones:\n    inmem:\n  apps:\n    zmq:\nqueue: ~\n'
for (const [what, text] of Object.entries({
  'an empty file': '',
  'a file of comments': '# nothing\n\n# here\n',
  'a file with a document mark only': '---\n',
  'a file of empty sections': emptySections,
  'a file with a byte order mark': '\ufeffmax_topics: 100\n',
  'a file with Windows line ends': 'max_topics: 100\r\nqueue:\r\n  max_messages: 100000\r\n',
})) {
  test(`${what} gives the defaults`, () => {
    assert.deepEqual(load({ 'config.yaml': text }).config, defaults)
  })
}

/** Keys that mean something by not being there. */
const withoutDefault = ['plugins.apps.zmq.advertise', 'max_subscribers_per_address', 'inspector.token']

test('the example shows every key with its default', () => {
  const text = readFileSync(join(root, 'config/threatbus.yaml'), 'utf8')
  assert.match(text, /^# yaml-language-server: \$schema=\.\/threatbus\.schema\.json\n/)
  const { config, warnings } = load({ 'config.yaml': text })
  assert.deepEqual(config, defaults)
  assert.deepEqual(warnings, [])
  const written = parseDocument(text)
  const unset = pathsOf(configSchema).filter(path => !written.hasIn(path))
  assert.deepEqual(
    unset.map(path => path.join('.')),
    withoutDefault,
  )
  for (const path of withoutDefault) assert.match(text, new RegExp(`^ *# ${path.split('.').at(-1)}: .+$`, 'm'))
})

test('the JSON Schema for editors is up to date (npm run build && npm run schema)', () => {
  assert.equal(readFileSync(programSchemas.threatbus.file, 'utf8'), configSchemaText(programSchemas.threatbus))
})

test('every key is described in the JSON Schema, and every value has its default there', () => {
  const bare: string[] = []
  const look = (
    schema: { properties?: Record<string, never>; description?: string; default?: unknown },
    path: string,
  ) => {
    if (path !== '' && !schema.description) bare.push(`${path} has no description`)
    if (schema.default === undefined && !withoutDefault.includes(path.slice(1))) bare.push(`${path} has no default`)
    for (const [key, below] of Object.entries(schema.properties ?? {})) look(below, `${path}.${key}`)
  }
  look(JSON.parse(configSchemaText(programSchemas.threatbus)), '')
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

for (const [bus, inspector, clash] of [
  ['127.0.0.1', '127.0.0.1', true],
  ['Bus.example', 'bus.Example', true],
  ['"*"', '127.0.0.1', true],
  ['127.0.0.2', '0.0.0.0', true],
  ['"::1"', '"::"', true],
  ['"*"', '"::"', true],
  ['127.0.0.1', '127.0.0.2', false],
  ['"::1"', '0.0.0.0', false],
  ['"*"', '"::1"', false],
  ['eth0', '127.0.0.1', false],
] as const) {
  test(`the bus on ${bus} and the inspector on ${inspector} ${clash ? "can't" : 'can'} have the same port`, () => {
    const token = 'token: 0123456789abcdef'
    const both = `inspector: {host: ${inspector}, port: 5000, ${token}}\nplugins: {apps: {zmq: {host: ${bus}, pub: 5000}}}`
    if (clash)
      assert.throws(() => load({ 'config.yaml': both }), /inspector.port and plugins.apps.zmq.pub are the same/)
    else assert.equal(load({ 'config.yaml': both }).config.inspector.port, 5000)
    // It does not listen, or the system picks its port.
    const off = both.replace('port: 5000', 'port: 5000, enabled: false')
    assert.equal(load({ 'config.yaml': off }).config.inspector.enabled, false)
    assert.equal(load({ 'config.yaml': both.replaceAll('5000', '0') }).config.inspector.port, 0)
  })
}

for (const host of ['127.0.0.1', '0.0.0.0', '"*"', 'broker.example', 'eth0', '"::1"', '"fe80::1%eth0"']) {
  test(`the broker can listen on ${host}`, () => {
    assert.equal(
      load({ 'config.yaml': `plugins: {apps: {zmq: {host: ${host}}}}` }).config.plugins.apps.zmq.host,
      host.replaceAll('"', ''),
    )
  })
}

test('repeating a section by an alias is fine', () => {
  const { config } = load({ 'config.yaml': 'max_topics: &n 7\nmax_subscribers: *n\nqueue: {max_messages: *n}' })
  assert.deepEqual([config.max_topics, config.max_subscribers, config.queue.max_messages], [7, 7, 7])
})

test('a section takes keys of others by a merge key: its own win, then those of the first that has them', () => {
  const text = [
    'plugins:',
    '  apps:',
    '    old: &ports {manage: 5001, pub: 5002, sub: 5003}',
    '    older: &host',
    '      host: 0.0.0.0',
    '      manage: 6001',
    '    zmq:',
    '      pub: 7002',
    '      <<: [*ports, *host, {bind_retry: 5}]',
    'queue: {<<: {max_messages: 9}, max_bytes: 5000}',
    'snapshot: &snapshot',
    '  <<: {max_open: 3}',
  ].join('\n')
  const { config } = load({ 'config.yaml': text })
  const { manage, pub, sub, host, bindRetryMs } = config.plugins.apps.zmq
  assert.deepEqual([manage, pub, sub, host, bindRetryMs], [5001, 7002, 5003, '0.0.0.0', 5000])
  assert.deepEqual([config.queue.max_messages, config.queue.max_bytes, config.snapshot.max_open], [9, 5000, 3])
})

test('a variable over a section that an alias repeats changes it in one place only', () => {
  const waits = () => section({ first: seconds(), last: seconds() })
  writeFileSync(join(rooms, 'aliased.yaml'), 'one: &waits {first: 1, last: 2}\ntwo: *waits')
  const sources = { cwd: rooms, envPrefix: 'X_', env: { X_TWO__LAST: '3' }, defaultFiles: ['aliased.yaml'] }
  assert.deepEqual(loadConfig(section({ one: waits(), two: waits() }), sources).config, {
    one: { firstMs: 1000, lastMs: 2000 },
    two: { firstMs: 1000, lastMs: 3000 },
  })
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
  assert.deepEqual(loadConfig(schema, { ...sources, env }).config, { live_match: true, mustMs: 500 })
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

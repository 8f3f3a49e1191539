// Properties of reading a configuration, whatever it is made of.
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { type LoadedConfig, loadConfig } from '../../src/config/load.ts'
import { expectedBy, keysOf, pathsOf, schemaAt } from '../../src/config/outline.ts'
import { ConfigError } from '../../src/config/problems.ts'
import { type Config, configSchema, type WrittenConfig } from '../../src/config/schema.ts'

const cwd = mkdtempSync(join(tmpdir(), 'threatbus-config-'))
after(() => rmSync(cwd, { recursive: true }))

function load(text: string, env: Readonly<Record<string, string>> = {}): LoadedConfig<WrittenConfig> {
  writeFileSync(join(cwd, 'config.yaml'), text)
  return loadConfig(configSchema, { cwd, env, envPrefix: 'THREATBUS_', defaultFiles: ['config.yaml'] })
}

/** For each kind of key: values that it takes, as YAML, none of them a default. */
const taken: Readonly<Record<string, readonly string[]>> = {
  'logging.console': ['false'],
  'logging.console_verbosity': ['DEBUG', 'warning', '"Critical"'],
  'logging.file': ['true'],
  'logging.file_verbosity': ['ERROR', 'debug'],
  'logging.filename': ['/var/log/bus.log', '"5"', "'a b'"],
  'plugins.apps.zmq.host': ['0.0.0.0', '"*"', 'eth0'],
  'plugins.apps.zmq.manage': ['1', '65535'],
  'plugins.apps.zmq.pub': ['2', '0', '0x10'],
  'plugins.apps.zmq.sub': ['3', '0'],
  'plugins.apps.zmq.reply_ports': ['number'],
  'plugins.apps.zmq.advertise': ['broker.example', '10.0.0.1', '"2001:db8::1"'],
  'plugins.apps.zmq.max_message_size': ['1024', '268435456'],
  'plugins.apps.zmq.bind_retry': ['0.5', '30'],
  'plugins.apps.zmq.max_connections': ['1', '1e6'],
  'plugins.apps.zmq.max_connections_per_subscriber': ['1', '1000'],
  'plugins.apps.zmq.handshake_timeout': ['0.01', '30'],
  'plugins.apps.zmq.message_timeout': ['0.01', '30'],
  'plugins.apps.zmq.max_peer_bytes': ['4096', '1073741824'],
  'plugins.apps.zmq.send_buffer_size': ['4096', '16777216'],
  'plugins.apps.zmq.acknowledgement_window': ['131072', '1073741824'],
  'plugins.apps.zmq.network_buffer_size': ['0', '1073741824'],
  'plugins.apps.zmq.tcp_keepalive': ['1', '32767'],
  validation: ['strict', 'off'],
  stix20: ['upgrade'],
  max_subscribers: ['1', '1000000'],
  max_subscribers_per_address: ['1', '1000000'],
  subscribe_rate: ['1', '1000000'],
  max_topics: ['1', '10000'],
  join_timeout: ['0.01', '2147483'],
  'heartbeat.timeout': ['0.01', '2147483'],
  evict_after: ['0.5', '2147483'],
  max_publish: ['1', '1000000'],
  max_message_values: ['65536', '1e6'],
  max_unchecked_bytes: ['65536', '1e9'],
  'history.enabled': ['false'],
  'history.path': ['/var/lib/threatbus', '"5"'],
  'history.durability': ['committed'],
  'history.retention_days': ['1', '36500'],
  'history.max_bytes': ['16777216', '1e12'],
  'history.recent_bytes': ['65536', '68719476736'],
  'history.max_unwritten_bytes': ['1048576'],
  'history.max_pages': ['1', '10000'],
  'history.page_cache_bytes': ['0'],
  'queue.max_messages': ['1', '10000000'],
  'queue.max_bytes': ['1024', '68719476736'],
  'queue.when_full': ['"drop_oldest"'],
  'snapshot.answer_timeout': ['0.01', '1'],
  'snapshot.quiet_timeout': ['0.01', '1'],
  'snapshot.max_open': ['1', '1000000'],
  'snapshot.max_merged': ['1', '100000000'],
  'snapshot.max_requests_per_second': ['1', '10000000'],
  'snapshot.max_selections': ['1', '10000'],
  'snapshot.max_per_address': ['1', '100000'],
  'snapshot.page_pause': ['0', '10'],
  'inspector.enabled': ['false'],
  'inspector.host': ['localhost', '"::1"', '127.0.0.2'],
  'inspector.port': ['0', '65534'],
  'inspector.token': ['0123456789abcdef', '"ABC.def_~+/-1234=="'],
  'inspector.max_connections': ['1', '10000'],
  shutdown_timeout: ['0', '1.5'],
}

/** Values that no key takes, as YAML. */
const refusedByAll = ['[true]', '{a: 1}', '[]', '.nan', '-1', '1e300', '""', '"\\0"', '[{a: [b]}]']

/** The paths of the values, as opposed to sections. */
const valuePaths = pathsOf(configSchema)
  .filter(path => {
    const schema = schemaAt(configSchema, path)
    return schema !== undefined && keysOf(schema) === undefined
  })
  .map(path => path.join('.'))

/** A path with a value for it. */
const setting = fc
  .constantFrom(...valuePaths)
  .chain(path => fc.constantFrom(...(taken[path] ?? [])).map(value => ({ path, value })))

/** Settings of several keys, each once. */
const settings = fc.uniqueArray(setting, { selector: ({ path }) => path, minLength: 1, maxLength: 8 })

/** A tree of YAML texts. */
interface Tree {
  [key: string]: string | Tree
}

function treeOf(chosen: readonly { path: string; value: string }[]): Tree {
  const tree: Tree = {}
  for (const { path, value } of chosen) {
    const keys = path.split('.')
    let at = tree
    for (const key of keys.slice(0, -1)) {
      const below = at[key] ?? {}
      assert(typeof below === 'object')
      at[key] = below
      at = below
    }
    at[keys.at(-1) ?? ''] = value
  }
  return tree
}

/** How a file is laid out: spaces of indentation, a comment between keys, sections in braces from some depth on. */
interface Layout {
  indent: number
  comment: boolean
  braces: number
  quotedKeys: boolean
}
const layout: fc.Arbitrary<Layout> = fc.record({
  indent: fc.integer({ min: 1, max: 7 }),
  comment: fc.boolean(),
  braces: fc.integer({ min: 0, max: 4 }),
  quotedKeys: fc.boolean(),
})

function written(tree: Tree, how: Layout, depth = 0): string {
  const key = (name: string) => (how.quotedKeys ? `"${name}"` : name)
  const members = Object.entries(tree)
  if (depth >= how.braces) {
    return `{${members.map(([name, v]) => `${key(name)}: ${typeof v === 'string' ? v : written(v, how, depth + 1)}`).join(', ')}}`
  }
  return members
    .map(([name, v]) => {
      const before = how.comment ? `\n${' '.repeat(depth)}# ${name}: 5\n` : '\n'
      const start = `${before}${' '.repeat(how.indent * depth)}${key(name)}:`
      return start + (typeof v === 'string' ? `   ${v}` : ` ${written(v, how, depth + 1)}`)
    })
    .join('')
}

/** Line and column of an offset, both from 1. */
function placeOf(text: string, offset: number): string {
  const lines = text.slice(0, offset).split('\n')
  return `${lines.length}:${(lines.at(-1)?.length ?? 0) + 1}`
}

test('the table of values knows every key of the schema', () => {
  assert.deepEqual(Object.keys(taken).toSorted(), valuePaths.toSorted())
})

test('every key can be set by its environment variable, with the effect that it has in the file', () => {
  for (const [path, values] of Object.entries(taken)) {
    for (const value of values) {
      const variable = `THREATBUS_${path.toUpperCase().replaceAll('.', '__')}`
      const { config } = load('', { [variable]: value })
      assert.deepEqual(
        config,
        load(written(treeOf([{ path, value }]), { indent: 2, comment: false, braces: 9, quotedKeys: false })).config,
      )
      const isDefault = path === 'queue.when_full'
      assert.equal(isDefault, JSON.stringify(config) === JSON.stringify(load('').config), `${path} did not change`)
    }
  }
})

test('what is written in seconds is handed out in milliseconds, under a name that says so, and all else as it is written', () => {
  const leaves = (value: unknown, path: string): (readonly [string, unknown])[] =>
    typeof value === 'object' && value !== null
      ? Object.entries(value).flatMap(([key, below]) => leaves(below, `${path}.${key}`))
      : [[path, value]]
  fc.assert(
    fc.property(settings, layout, (chosen, how) => {
      const loaded = load(written(treeOf(chosen), how))
      const expected = leaves(loaded.written, '').map(([path, value]) => {
        const schema = schemaAt(configSchema, path.split('.').slice(1))
        if (!(schema && expectedBy(schema)?.includes('seconds'))) return [path, value]
        const named = path.replace(/_([a-z])(?=[a-z_]*$)/g, (_, letter) => letter.toUpperCase())
        return [`${named}Ms`, Number(value) * 1000]
      })
      assert.deepEqual(
        new Map(leaves(loaded.config, '') as [string, unknown][]),
        new Map(expected as [string, unknown][]),
      )
    }),
  )
})

test('however a file is laid out, it says the same', () => {
  fc.assert(
    fc.property(settings, layout, layout, (chosen, one, other) => {
      const { config } = load(written(treeOf(chosen), one))
      assert.deepEqual(config, load(written(treeOf(chosen.toReversed()), other)).config)
    }),
  )
})

test('it makes no difference which settings stand in the file and which in the environment', () => {
  fc.assert(
    fc.property(settings, fc.integer({ min: 0, max: 8 }), layout, (chosen, split, how) => {
      const env = chosen.slice(split).map(({ path, value }) => {
        return [`THREATBUS_${path.toUpperCase().replaceAll('.', '__')}`, value] as const
      })
      const { config } = load(written(treeOf(chosen.slice(0, split)), how), Object.fromEntries(env))
      assert.deepEqual(config, load(written(treeOf(chosen), how)).config)
    }),
  )
})

test('it makes no difference which keys stand in a section and which come by its merge key', () => {
  const zmq = 'plugins.apps.zmq.'
  const key = fc.constantFrom(...valuePaths.filter(path => path.startsWith(zmq)))
  const chosen = fc.uniqueArray(
    key.chain(path =>
      fc.record({
        name: fc.constant(path.slice(zmq.length)),
        value: fc.constantFrom(...(taken[path] ?? [])),
        // the section itself, the first one that is merged, the second
        from: fc.constantFrom(0, 1, 2),
      }),
    ),
    { selector: ({ name }) => name },
  )
  fc.assert(
    fc.property(chosen, keys => {
      // What has a key first wins: the others have it as well.
      const keysOf = (at: number) => {
        const own = keys.filter(({ from }) => from <= at)
        return own.map(({ name, value, from }) => `${name}: ${from === at ? value : '[no value]'}`).join(', ')
      }
      const merged = `plugins: {apps: {a: &a {${keysOf(1)}}, b: &b {${keysOf(2)}}, zmq: {<<: [*a, *b], ${keysOf(0)}}}}`
      const plain = `plugins: {apps: {zmq: {${keys.map(({ name, value }) => `${name}: ${value}`).join(', ')}}}}`
      assert.deepEqual(outcome(merged), outcome(plain))
    }),
  )
  /** The configuration, or that it is none: two ports may be the same. */
  function outcome(text: string): Config | readonly string[] {
    try {
      return load(text).config
    } catch (error) {
      assert(error instanceof ConfigError)
      return error.problems.map(line => line.replace(/^config.yaml:\S+ /, '')).toSorted()
    }
  }
})

test('one bad value is told with the line and column where it stands', () => {
  const bad = fc.record({ path: fc.constantFrom(...valuePaths), value: fc.constantFrom(...refusedByAll) })
  fc.assert(
    fc.property(settings, bad, layout, (chosen, { path, value }, how) => {
      // A text that stands nowhere else marks the place, then gives way to the value.
      const mark = '@here@'
      const marked = written(treeOf([...chosen.filter(other => other.path !== path), { path, value: mark }]), how)
      const place = placeOf(marked, marked.indexOf(mark))
      try {
        load(marked.replace(mark, () => value))
      } catch (error) {
        assert(error instanceof ConfigError)
        assert.equal(error.problems.length, 1, error.message)
        assert(
          error.message.startsWith(`config.yaml:${place} ${path}: expected `),
          `${error.message} is not at ${place}`,
        )
        return
      }
      assert.fail(`${path} took ${value}`)
    }),
    { numRuns: 300 },
  )
})

test('one unknown key is told with the line and column where it stands', () => {
  const sections = pathsOf(configSchema)
    .map(path => path.join('.'))
    .filter(path => !valuePaths.includes(path) && path !== 'plugins.apps' && path !== 'plugins.backbones')
  fc.assert(
    fc.property(settings, fc.constantFrom('', ...sections), layout, (chosen, section, how) => {
      const path = section === '' ? 'unheard_of' : `${section}.unheard_of`
      const text = written(treeOf([...chosen, { path, value: '1' }]), how)
      const key = how.quotedKeys ? '"unheard_of"' : 'unheard_of'
      const place = placeOf(text, text.indexOf(`${key}:`, how.comment ? text.indexOf(`# unheard_of: 5`) + 16 : 0))
      assert.throws(
        () => load(text),
        (error: Error) => error.message.startsWith(`config.yaml:${place} ${path}: unknown key; `),
      )
    }),
  )
})

/** Reading may refuse, but never in another way. Resolves to what was said. */
function readOrRefuse(text: string, env: Readonly<Record<string, string>> = {}): readonly string[] {
  try {
    load(text, env)
    return []
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    assert(error.problems.length > 0)
    assert(!/[\p{Cc}\u2028\u2029\u202a-\u202e]/u.test(error.problems.join('')), 'a message holds control characters')
    return error.problems
  }
}

const example = readFileSync(fileURLToPath(new URL('../../../config/threatbus.yaml', import.meta.url)), 'utf8')
const scraps = [
  ...'[]{}:,-?&*!|>%@`"\'#~\t\n\r \0\u2028',
  '\n  ',
  '<<: ',
  '*a',
  '&a ',
  '!!binary ',
  '---\n',
  '...\n',
  '? ',
]

/** YAML-like text: scraps of syntax and of the example. */
const yamlLike = fc
  .array(
    fc.oneof(
      fc.constantFrom(...scraps),
      fc.constantFrom('logging', 'plugins', 'queue: ', 'max_topics: 5', '__proto__', '"a"', '1.5', 'null'),
      fc.string({ unit: 'binary', maxLength: 5 }),
    ),
    { maxLength: 40 },
  )
  .map(parts => parts.join(''))

/** The example with a few pieces cut out, doubled, or replaced. */
const mutated = fc
  .array(
    fc.tuple(
      fc.nat(example.length),
      fc.nat(200),
      fc.oneof(yamlLike, fc.constant(''), fc.constant(example.slice(0, 900))),
    ),
    {
      minLength: 1,
      maxLength: 4,
    },
  )
  .map(cuts => cuts.reduce((text, [at, length, scrap]) => text.slice(0, at) + scrap + text.slice(at + length), example))

test('whatever a file holds, it is read or refused with a ConfigError', () => {
  fc.assert(
    fc.property(fc.oneof(yamlLike, mutated), text => {
      readOrRefuse(text)
    }),
    { numRuns: 600 },
  )
})

test('whatever the environment holds, it is read or refused with a ConfigError that names the variable', () => {
  const name = fc.oneof(
    fc.constantFrom(...valuePaths, 'plugins', 'queue').map(path => path.replaceAll('.', '__')),
    fc.string(),
  )
  fc.assert(
    fc.property(name, fc.oneof(yamlLike, fc.string()), (name, value) => {
      const told = readOrRefuse('', { [`THREATBUS_${name}`]: value })
      assert(
        told.every(line => line.startsWith('environment THREATBUS_')),
        told.join('\n'),
      )
    }),
    { numRuns: 300 },
  )
})

// The connector's configuration: what may be written, what is in effect then, and what is said of mistakes.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { parseDocument } from 'yaml'
import { configSchemaText, programSchemas } from '../../.tools/config-schema.ts'
import { inMs } from '../../src/config/durations.ts'
import { loadConfig } from '../../src/config/load.ts'
import { pathsOf } from '../../src/config/outline.ts'
import { ConfigError } from '../../src/config/problems.ts'
import { connectorSchema } from '../../src/connector/config.ts'
import { defaultVastCommands } from '../../src/connector/vast-commands.ts'
import { temporaryFile } from '../system/command-process.ts'
import { connectorCommand } from './connector-process.ts'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const defaults = inMs(connectorSchema, connectorSchema.parse({}))

function load(file: string, env: Readonly<Record<string, string>> = {}) {
  return loadConfig(connectorSchema, { file, env, cwd: root, defaultFiles: [], envPrefix: 'VAST_THREATBUS_' })
}

test('the example shows every key with its default; those without one stand in comments', () => {
  const text = readFileSync(join(root, 'config/vast-threatbus.yaml'), 'utf8')
  assert.match(text, /^# yaml-language-server: \$schema=\.\/vast-threatbus\.schema\.json\n/)
  const { config, warnings } = load('config/vast-threatbus.yaml')
  assert.deepEqual(config, defaults)
  assert.deepEqual(warnings, [])
  const written = parseDocument(text)
  const unset = pathsOf(connectorSchema).filter(path => !written.hasIn(path))
  assert.deepEqual(unset, [['inspector', 'token'], ['matcher_name'], ['transform_context'], ['sink'], ['state']])
  for (const path of unset) assert.match(text, new RegExp(`^ *# ${path.at(-1)}: \\S`, 'm'))
})

test('the JSON Schema for editors is up to date (npm run build && npm run schema), and describes every key', () => {
  const program = programSchemas['vast-threatbus']
  assert.equal(readFileSync(program.file, 'utf8'), configSchemaText(program))
  const bare: string[] = []
  const look = (schema: { properties?: Record<string, never>; description?: string }, path: string) => {
    if (path !== '' && !schema.description) bare.push(path)
    for (const [key, below] of Object.entries(schema.properties ?? {})) look(below, `${path}.${key}`)
  }
  look(JSON.parse(configSchemaText(program)), '')
  assert.deepEqual(bare, [])
})

test("the original's configuration is taken as it is; an empty key is one that was left out", () => {
  const { config, warnings } = load('test/fixtures/original-vast-config.yaml')
  const { matcher_name, transform_context, sink, logging, live_match, ...others } = config
  assert.equal(matcher_name, 'threatbus-matcher')
  assert.match(transform_context ?? '', /^fever alertify/)
  assert.deepEqual([live_match, logging.file_verbosity, sink], [true, 'DEBUG', undefined])
  assert.deepEqual({ ...defaults, ...others, live_match: false, logging: defaults.logging }, defaults)
  assert.deepEqual(warnings, [])
})

test('the calls of VAST have the defaults that its command line has', () => {
  assert.deepEqual(defaults.commands, defaultVastCommands)
})

test('the environment wins, and reaches every depth', () => {
  const { config } = load('config/vast-threatbus.yaml', {
    VAST_THREATBUS_VAST: '"[::1]:1"',
    VAST_THREATBUS_METRICS__INTERVAL: '0',
    VAST_THREATBUS_SINK: 'STDOUT',
    VAST_THREATBUS_COMMANDS__STATUS: '[ping, "%endpoint"]',
    // Set by Kubernetes for a service of this name.
    VAST_THREATBUS_SERVICE_HOST: '10.0.0.1',
    VAST_THREATBUS_PORT_42000_TCP_ADDR: '10.0.0.1',
  })
  assert.deepEqual([config.vast, config.metrics.intervalMs, config.sink], ['[::1]:1', 0, 'STDOUT'])
  assert.deepEqual(config.commands.status, ['ping', '%endpoint'])
})

test('every mistake is told at once, with its place and what to do', t => {
  const file = temporaryFile(
    t,
    'config.yaml',
    `live_match: true
vast: localhost
sink: "it's"
transform_context: "%ioc --help"
max_background_task: 8
commands:
  add_ioc: [add, "%valeu"]
  remove_ioc: ["--%value"]
retry_pause: {shortest: 5, longest: 1}
retro_match_timeout: -1
`,
  )
  assert.throws(
    () => load(file),
    (error: unknown) => {
      assert.ok(error instanceof ConfigError)
      const told = error.problems.map(line => line.replace(`${file}:`, ''))
      const expected = [
        /^1:13 matcher_name: live_match needs the name of a matcher, and there is none$/,
        /^2:7 vast: expected host:port or \[IPv6 address\]:port, got "localhost"$/,
        /^3:7 sink: has a ' in column 3 that is not closed/,
        /^4:20 transform_context: takes its program from a placeholder/,
        /^5:1 max_background_task: unknown key; did you mean max_background_tasks\?$/,
        /^7:12 commands\.add_ioc: has no placeholder %valeu: there is %endpoint, %matcher, %value, %reference$/,
        /^8:15 commands\.remove_ioc: has a placeholder in the name of an option/,
        /^9:37 retry_pause\.longest: the longest pause, 1, is shorter than the shortest, 5$/,
        /^10:22 retro_match_timeout: expected a number of seconds \(0–2147483\), got -1$/,
      ]
      assert.equal(told.length, expected.length, told.join('\n'))
      for (const [at, line] of told.entries()) assert.match(line, expected[at] ?? /^$/)
      return true
    },
  )
})

test('an address that others reach needs a token, which check does not print', async t => {
  const open = temporaryFile(t, 'config.yaml', 'inspector: {host: 0.0.0.0}')
  assert.throws(() => load(open), /inspector\.token: needed, because others can reach 0\.0\.0\.0/)
  const token = 'a-token-of-many-characters'
  const closed = temporaryFile(t, 'config.yaml', `inspector: {host: 0.0.0.0, token: ${token}}`)
  const { stdout } = await promisify(execFile)(process.execPath, [connectorCommand, '-c', closed, 'check'])
  assert.match(stdout, /token: \(not shown\)/)
  assert.ok(!stdout.includes(token))
})

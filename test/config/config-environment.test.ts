// The test sets an environment beside a configuration file; the loader lays the one over the other.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaults, load, problems } from './config-loading.ts'

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
    { THREATBUS_QUEUE__MAX_BYTES: '8192', threatbus_queue: '{max_messages: 6, max_bytes: 4096}' },
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
  const { directory, config, source, warnings } = load({}, env)
  assert.ok(directory.includes('cwd'))
  assert.deepEqual({ config, source, warnings }, { config: defaults, source: 'built-in defaults', warnings: [] })
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

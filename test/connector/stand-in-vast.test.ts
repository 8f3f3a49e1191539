// The stand-in VAST that the connector's tests run against: it answers what CONNECTOR "Command line of VAST" says.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { convertIndicator } from '../../src/connector/ioc.ts'
import {
  addIocArguments,
  defaultVastCommands,
  exportHelpArguments,
  liveMatchArguments,
  removeIocArguments,
  retroMatchArguments,
  statusArguments,
} from '../../src/connector/vast-commands.ts'
import { type StandInVast, standInVast } from '../fixtures/stand-in-vast.ts'
import { startNode } from '../system/command-process.ts'

const endpoint = 'localhost:42000'
const commands = defaultVastCommands
const events = [
  {
    timestamp: '2017-03-24T14:01:29.933314-0600',
    event_type: 'http',
    src_ip: '10.10.8.168',
    http: { hostname: 'a.test' },
  },
  {
    timestamp: '2017-03-25T16:49:58.856335-0600',
    event_type: 'alert',
    src_ip: '84.92.227.177',
    dest_ip: '10.192.19.6',
  },
  {
    timestamp: '2017-03-25T16:50:00.000000-0600',
    event_type: 'fileinfo',
    fileinfo: { md5: 'd41d8cd98f00b204e9800998ecf8427e' },
  },
]

async function call(t: TestContext, vast: StandInVast, args: readonly string[]) {
  const command = startNode(t, vast.binary, ...args)
  command.stdin.end()
  const { code, lines, stderr } = await command.ended
  return { code, stderr, found: lines.map(line => JSON.parse(line)) }
}

function queryOf(pattern: string): string {
  const converted = convertIndicator({ pattern })
  return converted.ok ? (converted.conversion.query ?? '') : assert.fail(converted.detail)
}

const retro = (query: string, maxEvents = 0) =>
  retroMatchArguments(commands, { endpoint, query, maxEvents, lowPriority: true })

test('a query finds the stored events that it is for', async t => {
  const vast = standInVast(t, { events })
  for (const [pattern, ...expected] of [
    ["[ipv4-addr:value = '10.192.19.6']", 1],
    ["[ipv4-addr:value ISSUBSET '10.0.0.0/8']", 0, 1],
    ["[domain-name:value = 'a.test']", 0],
    ["[file:hashes.MD5 = 'D41D8CD98F00B204E9800998ECF8427E']", 2],
    ["[domain-name:value = 'b.test']"],
  ] as const) {
    const { code, found } = await call(t, vast, retro(queryOf(pattern)))
    assert.equal(code, 0)
    assert.deepEqual(
      found,
      expected.map(index => events[index]),
    )
  }
  const limited = await call(t, vast, retro('10.0.0.0/8', 1))
  assert.deepEqual(limited.found, [events[0]])
  assert.equal(vast.callsOf('export').length, 6)
  assert.equal(vast.greatest('export'), 1)
})

test('a query that is more than the connector makes is refused, and so is an unknown option', async t => {
  const vast = standInVast(t, { events, lowPriority: false })
  for (const query of [
    '"a" == net.uri || #type == "x"',
    '"a"',
    ':addr in 10.0.0.0/8',
    '1.2.3.4 || ',
    '"a\\x" == net.uri',
  ]) {
    const { code, stderr } = await call(t, vast, ['-e', endpoint, 'export', 'json', query])
    assert.equal(code, 1)
    assert.match(stderr, /syntax error/)
  }
  for (const args of [
    retro('1.2.3.4'),
    addIocArguments(commands, { endpoint, matcher: 'm', value: 'x', reference: 'r' }).with(-2, '-x'),
  ]) {
    const { code, stderr } = await call(t, vast, args)
    assert.equal(code, 1)
    assert.match(stderr, /unknown option/)
  }
  assert.equal(vast.callsOf('unknown').length, 7)
})

test('the status is good, and the help tells of low priority where it is known', async t => {
  for (const lowPriority of [true, false]) {
    const vast = standInVast(t, { lowPriority })
    assert.equal((await call(t, vast, statusArguments(commands, { endpoint }))).code, 0)
    const help = startNode(t, vast.binary, ...exportHelpArguments(commands, { endpoint }))
    const { lines } = await help.ended
    assert.equal(lines.join().includes('--low-priority'), lowPriority)
  }
})

test('a matcher reports what it holds in live events, until VAST goes away and forgets', async t => {
  const vast = standInVast(t)
  const at = { endpoint, matcher: 'm' }
  const add = (value: string) => call(t, vast, addIocArguments(commands, { ...at, value, reference: 'threatbus__x' }))
  await Promise.all(['10.192.19.6', 'a.test', 'b.test'].map(add))
  await call(t, vast, removeIocArguments(commands, { ...at, value: 'b.test' }))
  assert.deepEqual([...vast.contentOf('m').keys()].sort(), ['10.192.19.6', 'a.test'])

  const attached = startNode(t, vast.binary, ...liveMatchArguments(commands, at))
  await vast.until(({ calls }) => calls.some(({ what }) => what === 'attached'))
  vast.feed(...events)
  const matches = (await attached.printed(2)).map(line => JSON.parse(line))
  assert.deepEqual(matches, [
    { indicator: { value: 'a.test', context: '"threatbus__x"' }, type: 'suricata.http', event: events[0] },
    { indicator: { value: '10.192.19.6', context: '"threatbus__x"' }, type: 'suricata.alert', event: events[1] },
  ])

  vast.goAway()
  assert.equal((await attached.ended).code, 1)
  assert.equal((await call(t, vast, statusArguments(commands, { endpoint }))).code, 1)
  vast.comeBack()
  assert.equal((await call(t, vast, statusArguments(commands, { endpoint }))).code, 0)
  assert.equal(vast.contentOf('m').size, 0)
})

test('a call can be ordered to hang, to crash and to print garbage', async t => {
  const vast = standInVast(t, { events })
  vast.order('hang', 'export')
  const hanging = [1, 2, 3].map(() => startNode(t, vast.binary, ...retro('84.92.227.177')))
  await vast.until(() => vast.callsOf('export').length === 3)
  assert.equal(vast.greatest('export'), 3)
  assert.equal((await call(t, vast, statusArguments(commands, { endpoint }))).code, 0)
  vast.order('serve')
  for (const { ended } of hanging) assert.deepEqual((await ended).lines, [JSON.stringify(events[1])])

  vast.order('crash')
  const { code, lines } = await startNode(t, vast.binary, ...retro('84.92.227.177')).ended
  assert.equal(code, null)
  assert.equal(lines.length, 1)
  vast.order('garbage')
  const garbage = await startNode(t, vast.binary, ...retro('84.92.227.177')).ended
  assert.equal(garbage.code, 0)
  assert.ok(garbage.lines.length >= 3)

  vast.order('stubborn')
  const stubborn = startNode(t, vast.binary, ...retro('84.92.227.177'))
  await vast.until(() => vast.callsOf('export').length === 6)
  stubborn.kill('SIGTERM')
  vast.order('hang')
  stubborn.kill('SIGTERM')
  assert.equal((await stubborn.ended).code, 143)
})

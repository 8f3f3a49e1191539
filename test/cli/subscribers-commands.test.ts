/** `threatbus subscribers list` and `drop`, each a process → the broker, a process, by the socket beside its history. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { createConnection } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { Request } from 'zeromq'
import { startBrokerHere } from '../system/broker-here.ts'
import { type RunningBroker, startBroker } from '../system/broker-process.ts'
import { runCommand } from '../system/command-process.ts'
import { configOf, historyOf, publish } from '../system/history-process.ts'
import { indicator, receive, request, sighting } from '../system/wire.ts'

const list = async (t: TestContext, ...args: readonly string[]) => {
  const { code, lines, stderr } = await runCommand(t, ['subscribers', 'list', ...args])
  assert.deepEqual([code, stderr], [0, ''])
  return lines.map(line => JSON.parse(line))
}

const drop = (t: TestContext, ...args: readonly string[]) => runCommand(t, ['subscribers', 'drop', ...args])

/** Subscribes so many times from an address of this machine. */
async function subscribe(
  t: TestContext,
  { manage }: RunningBroker,
  count: number,
  address = '127.0.0.1',
  to = 'stix2/indicator',
) {
  const socket = new Request({ linger: 0 })
  t.after(() => socket.close())
  socket.connect(`tcp://${address}:0;127.0.0.1:${manage}`)
  const topics: string[] = []
  while (topics.length < count) {
    await socket.send(JSON.stringify({ action: 'subscribe', topic: to }))
    const { topic, reason } = JSON.parse(String(await socket.receive()))
    assert.equal(reason, undefined)
    topics.push(topic)
  }
  return topics
}

async function joined(t: TestContext, broker: RunningBroker) {
  const [topic = ''] = await subscribe(t, broker, 1)
  const receiver = receive(t, broker.pub, topic)
  // On a busy machine it may have been stale before.
  await broker.logged(({ msg, subscriber }) => /^(joined|back)/.test(msg) && subscriber === shown(topic))
  return { topic, receiver }
}

const shown = (topic: string) => `${topic.slice(0, 6)}…`

const knows = async ({ manage }: RunningBroker, topic: string) =>
  (await request(manage, { action: 'heartbeat', topic })).status === 'success'

describe('threatbus subscribers', { concurrency: true }, () => {
  test('lists what there is, shortened, with what the filters let through', async t => {
    const broker = await startBrokerHere(t, { settings: { join_timeout: 0.05 } })
    const { topic: live } = await joined(t, broker)
    const [stranger = ''] = await subscribe(t, broker, 1, '127.0.0.2')
    await broker.logged(({ msg, subscriber }) => msg.startsWith('stale') && subscriber === shown(stranger))
    const [other = ''] = await subscribe(t, broker, 1, '127.0.0.3', 'stix2/sighting')
    await publish(broker.manage, [indicator(), sighting(), indicator()])
    const [, , ofSightings] = await list(t, ...configOf(broker))
    // What it is not subscribed to does not wait for it.
    assert.deepEqual([ofSightings.subscriber, ofSightings.waiting_messages], [shown(other), 1])
    await request(broker.manage, { action: 'unsubscribe', topic: other })
    const lines = await list(t, ...configOf(broker))
    const times = lines.map(({ subscribed, stale_since: staleSince }) => [subscribed, staleSince])
    for (const time of times.flat().filter(each => each !== null)) assert.ok(!Number.isNaN(Date.parse(time)), time)
    assert.equal(lines[0].stale_since, null)
    const common = { topics: ['stix2/indicator'] }
    assert.deepEqual(
      lines.map(({ subscribed: _, stale_since: __, ...rest }) => rest),
      [
        {
          ...common,
          subscriber: shown(live),
          state: 'live',
          never_joined: false,
          address: '127.0.0.1',
          waiting_messages: 0,
        },
        {
          ...common,
          ...{ subscriber: shown(stranger), state: 'never_joined', never_joined: true, address: '127.0.0.2' },
          waiting_messages: 2,
        },
      ],
    )
    for (const filter of [
      ['--never-joined'],
      ['--stale'],
      ['--address', '127.0.0.2'],
      ['--address', '::ffff:127.0.0.2', '--stale'],
    ])
      assert.deepEqual(await list(t, '--path', historyOf(broker), ...filter), [lines[1]])
    assert.deepEqual(await list(t, ...configOf(broker), '--address', '127.0.0.3'), [])
    assert.deepEqual(await list(t, ...configOf(broker), '--address', '127.0.0.1', '--never-joined'), [])
  })

  test('drops the one that is named, and many when it is told yes, and says how many', async t => {
    const broker = await startBroker(t)
    const one = await joined(t, broker)
    const other = await joined(t, broker)
    const strangers = await subscribe(t, broker, 3000, '127.0.0.2')
    const named = await drop(t, ...configOf(broker), one.topic.slice(0, 6))
    assert.deepEqual([named.code, named.lines], [0, ['dropped 1 subscription']])
    assert.equal(await knows(broker, one.topic), false)
    const gone = await drop(t, ...configOf(broker), shown(one.topic))
    assert.deepEqual([gone.code, gone.lines], [1, ['dropped 0 subscriptions']])

    const unsure = await drop(t, ...configOf(broker), '--never-joined')
    assert.equal(unsure.code, 64)
    assert.match(
      unsure.stderr,
      /^threatbus: 3000 subscriptions are meant, and none was dropped: say --yes to drop that many\n$/,
    )
    assert.ok(await knows(broker, strangers[0] ?? ''))
    const sure = await drop(t, ...configOf(broker), '--never-joined', '--address', '127.0.0.2', '--yes')
    assert.deepEqual([sure.code, sure.lines], [0, ['dropped 3000 subscriptions']])
    assert.equal((await broker.logged(({ dropped }) => dropped === 3000)).level, 'WARNING')
    assert.deepEqual(
      (await list(t, ...configOf(broker))).map(({ subscriber }) => subscriber),
      [shown(other.topic)],
    )
    await publish(broker.manage, [indicator()])
    await other.receiver.received(1)
    assert.deepEqual(one.receiver.frames, [])

    // It is a change like any other: also after a restart.
    await broker.stop('SIGKILL')
    const next = await startBroker(t, {}, broker)
    assert.equal((await list(t, ...configOf(next))).length, 1)
  })

  test('makes room when nobody can subscribe any more', async t => {
    const broker = await startBrokerHere(t, { settings: { max_subscribers: 2 } })
    const [one] = [await joined(t, broker), await joined(t, broker)]
    const ask = () => request(broker.manage, { action: 'subscribe', topic: 'stix2' })
    assert.equal((await ask()).status, 'error')
    assert.equal((await drop(t, ...configOf(broker), shown(one.topic))).code, 0)
    assert.equal((await ask()).status, 'success')
  })

  test('says that there is no broker, no history, or nothing to drop, each by its exit code', async t => {
    const directory = mkdtempSync(join(tmpdir(), 'threatbus-'))
    t.after(() => rmSync(directory, { recursive: true }))
    for (const path of [directory, join(directory, 'nowhere')]) {
      const { code, stderr } = await runCommand(t, ['subscribers', 'list', '--path', path])
      assert.equal(code, 69)
      assert.ok(stderr.startsWith(`threatbus: no broker uses the history directory ${path}`), stderr)
    }
    const broker = await startBrokerHere(t)
    for (const args of [[], ['abc'], ['*'], ['abcdefg']])
      assert.equal((await drop(t, ...configOf(broker), ...args)).code, 64)
    await broker.stop()
    assert.equal((await drop(t, ...configOf(broker), '--stale', '--yes')).code, 69)
    const without = await startBroker(t, { history: { enabled: false } })
    assert.equal((await drop(t, ...configOf(without), '--stale', '--yes')).code, 78)
  })

  test('is for the owner of the directory alone, and whatever else is said there gets an answer and an end', async t => {
    const broker = await startBrokerHere(t)
    const path = join(historyOf(broker), 'broker.sock')
    assert.equal(statSync(path).mode & 0o777, 0o600)
    assert.equal(statSync(historyOf(broker)).mode & 0o777, 0o700)
    await subscribe(t, broker, 1)
    const say = async (text: string | Buffer) => {
      const socket = createConnection({ path }).setEncoding('utf8')
      socket.on('error', () => {})
      socket.write(text)
      let heard = ''
      for await (const part of socket.iterator({ destroyOnReturn: false })) heard += part
      return heard
        .split('\n')
        .slice(1, -1)
        .map(line => JSON.parse(line))
    }
    const unknown = [{ error: 'this broker does not know such a request: it may be of another version' }]
    for (const text of ['\n', 'nonsense\n', '{"command":"subscribers.drop"}\n', '{"command":"stop","filter":{}}\n'])
      assert.deepEqual(await say(text), unknown)
    assert.deepEqual(await say('{"command":"subscribers.drop","filter":{},"atMost":0}\n'), [
      { matching: 1 },
      { end: true },
    ])
    assert.deepEqual(await say('no end of line'), [])
    assert.deepEqual(await say(Buffer.alloc(1_000_000, 'x')).catch(() => []), [])
    assert.equal((await list(t, ...configOf(broker))).length, 1)
  })
})

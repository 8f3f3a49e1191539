/** Applications on the client library ↔ the broker, a process: numbers, and subscriptions that begin where one was. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  watch,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { askBroker } from '../../src/history/lock/ask-broker.ts'
import {
  type Bus,
  type BusEvent,
  type BusMessage,
  BusUnavailableError,
  type ConnectOptions,
  connect,
  InvalidArgumentError,
  SubscriptionRefusedError,
} from '../../src/index.ts'
import { startBrokerHere } from '../system/broker-here.ts'
import { type RunningBroker, startBroker } from '../system/broker-process.ts'
import { startNode } from '../system/command-process.ts'
import { historyOf } from '../system/history-process.ts'
import { read } from '../system/reading.ts'
import { StandInBus } from '../system/stand-in-bus.ts'
import { indicator } from '../system/wire.ts'

/** An application of a broker, which closes before that ends. */
function application(t: TestContext, { manage }: Pick<RunningBroker, 'manage'>, options: ConnectOptions = {}): Bus {
  const quick = { requestTimeoutMs: 60_000, shortestRetryPauseMs: 50, longestRetryPauseMs: 100, closeTimeoutMs: 1000 }
  const bus = connect({ endpoint: `127.0.0.1:${manage}`, ...quick, ...options })
  t.after(() => bus.close())
  return bus
}

const sequences = (messages: readonly BusMessage[]) => messages.map(({ sequence }) => sequence)
const texts = (messages: readonly BusMessage[]) => messages.map(({ text }) => text)
const indicators = (count: number) => Array.from({ length: count }, (_, n) => indicator({ n }))
const upTo = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, at) => from + at)

function temporary(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'threatbus-places-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

async function publish(bus: Bus, bodies: readonly string[]): Promise<void> {
  await Promise.all(bodies.map(body => bus.publish(body)))
}

describe('messages', { concurrency: true }, () => {
  test('say their number and when they were accepted, unless the application does without', async t => {
    const broker = await startBrokerHere(t)
    const bus = application(t, broker)
    const subscription = await bus.subscribe('stix2')
    const plain = await bus.subscribe('stix2', { numbered: false })
    const receipt = await bus.publish(indicator())
    const [message] = await read(subscription, 1)
    assert.equal(message?.sequence, receipt?.sequence)
    assert.ok(Math.abs(Date.now() - Number(message?.acceptedAt)) < 60_000)
    const [unnumbered] = await read(plain, 1)
    assert.deepEqual([unnumbered?.sequence, unnumbered?.acceptedAt], [undefined, undefined])
  })

  test('have no number from a broker without a history, nor from a bus that knows none', async t => {
    const broker = await startBroker(t, { history: { enabled: false } })
    const bus = application(t, broker, { receipts: false, stateDirectory: temporary(t) })
    const subscription = await bus.subscribe('stix2')
    await bus.publish(indicator())
    assert.deepEqual(sequences(await read(subscription, 1)), [undefined])
    const original = await StandInBus.start()
    const other = application(t, original.ports, { stateDirectory: temporary(t) })
    t.after(() => original.stop())
    for (const each of [bus, other]) {
      for (const options of [{ since: 1 }, { since: new Date() }, { durable: 'feed' }]) {
        await assert.rejects(each.subscribe('stix2', options), SubscriptionRefusedError)
      }
    }
    assert.equal(original.known.size, 0, 'what it granted nevertheless is given back')
  })
})

describe('a subscription', { concurrency: true }, () => {
  test('begins in the history, behind a number or at a time', async t => {
    const broker = await startBrokerHere(t)
    const bus = application(t, broker)
    await publish(bus, indicators(30))
    const behind = await read(await bus.subscribe('stix2', { since: 10 }), 20)
    assert.deepEqual(sequences(behind), upTo(11, 30))
    const since = behind[5]?.acceptedAt ?? assert.fail()
    const [first] = await read(await bus.subscribe('stix2', { since }), 1)
    assert.ok(Number(first?.acceptedAt) >= Number(since))
    for (const wrong of [-1, 1.5, new Date('?')]) {
      await assert.rejects(bus.subscribe('stix2', { since: wrong }), InvalidArgumentError)
    }
    await assert.rejects(bus.subscribe('stix2', { since: 1, snapshotDays: 1 }), InvalidArgumentError)
  })

  test('that the bus forgot misses nothing that the history has, and gets nothing twice', async t => {
    const broker = await startBrokerHere(t)
    const events: BusEvent['event'][] = []
    let noted = (_: unknown) => {}
    const resubscribed = new Promise(resolve => {
      noted = resolve
    })
    const onEvent = ({ event }: BusEvent) => {
      events.push(event)
      if (event === 'resubscribed') noted(event)
    }
    const reader = application(t, broker, { heartbeatIntervalMs: 100, onEvent })
    const publisher = application(t, broker)
    const subscription = await reader.subscribe('stix2')
    await publish(publisher, indicators(20))
    const before = await read(subscription, 5)
    await askBroker(historyOf(broker), { command: 'subscribers.drop', filter: {} }, 10_000)
    await publish(publisher, indicators(10))
    await resubscribed
    await publish(publisher, indicators(10))
    assert.deepEqual(sequences([...before, ...(await read(subscription, 35))]), upTo(1, 40))
    assert.ok(!events.includes('missed'))
  })
})

describe('a durable subscription', { concurrency: true }, () => {
  test('goes on where it was after a restart of its application, and keeps that where others do not see it', async t => {
    const broker = await startBrokerHere(t)
    const stateDirectory = join(temporary(t), 'state')
    const publisher = application(t, broker)
    const bodies = indicators(20)
    const first = application(t, broker, { stateDirectory })
    const subscription = await first.subscribe('stix2', { durable: 'feed.1' })
    await publish(publisher, bodies.slice(0, 10))
    await read(subscription, 4)
    await first.close()
    await publish(publisher, bodies.slice(10))
    assert.deepEqual(readdirSync(stateDirectory), ['feed.1.json'])
    const modes = [stateDirectory, join(stateDirectory, 'feed.1.json')].map(path => statSync(path).mode & 0o777)
    assert.deepEqual(modes, [0o700, 0o600])
    const second = application(t, broker, { stateDirectory })
    // It was at the fourth, and never said that it is done with that.
    const messages = await read(await second.subscribe('stix2', { durable: 'feed.1' }), 17)
    assert.deepEqual(texts(messages), bodies.slice(3))
    assert.equal((await askBroker(historyOf(broker), { command: 'subscribers.list', filter: {} }, 10_000)).length, 1)
  })

  test('goes on where it was when its application was killed, before it had anything, too, and leaves nothing behind', async t => {
    const broker = await startBrokerHere(t)
    const stateDirectory = temporary(t)
    const library = JSON.stringify(new URL('../../src/index.js', import.meta.url).href)
    const options = JSON.stringify({ endpoint: `127.0.0.1:${broker.manage}`, stateDirectory })
    const text = `
      import { connect } from ${library}
      const subscription = await connect(${options}).subscribe('stix2', { durable: 'feed' })
      console.log('subscribed')
      for await (const { sequence } of subscription) console.log(sequence)`
    const publisher = application(t, broker)
    const start = () => startNode(t, '--input-type=module', '--eval', text)
    const file = join(stateDirectory, 'feed.json')
    const changes = watch(stateDirectory)
    t.after(() => changes.close())
    const isKept = (sequence: number) => existsSync(file) && JSON.parse(readFileSync(file, 'utf8')).sequence >= sequence
    let printed: string[] = []
    for (const [count, published] of [
      [0, 50],
      [50, 50],
      [100, 0],
    ] as const) {
      const running = start()
      await running.printed(1)
      while (count > 0 && !running.lines.includes(`${count}`)) await running.printed(running.lines.length + 1)
      while (!isKept(Math.max(0, count - 1))) await once(changes, 'change')
      running.kill('SIGKILL')
      await running.ended
      printed = [...printed, ...running.lines.slice(1)]
      await publish(publisher, indicators(published))
    }
    const seen = new Set(printed.map(Number))
    assert.deepEqual([...seen], upTo(1, 100))
    assert.ok(printed.length < 110, `${printed.length}: what was kept does not come again`)
    const left = await askBroker(historyOf(broker), { command: 'subscribers.list', filter: {} }, 10_000)
    assert.ok(left.length <= 1, 'each start ended the subscription of the one before')
  })

  test('needs a name that can be one of a file, and a file that is its own', async t => {
    const broker = await startBrokerHere(t)
    const stateDirectory = temporary(t)
    const bus = application(t, broker, { stateDirectory })
    for (const durable of ['', '..', '../feed', 'a/b', '.feed', 'x'.repeat(101)]) {
      await assert.rejects(bus.subscribe('stix2', { durable }), InvalidArgumentError, durable)
    }
    for (const text of ['', 'hello', '[]', '{"version":2}', '{"version":1,"sequence":"7"}']) {
      writeFileSync(join(stateDirectory, 'feed.json'), text)
      await assert.rejects(bus.subscribe('stix2', { durable: 'feed' }), InvalidArgumentError, text)
    }
  })

  test('has its name alone, until it is closed or refused', async t => {
    const broker = await startBrokerHere(t)
    const stateDirectory = temporary(t)
    const bus = application(t, broker, { stateDirectory })
    const subscription = await bus.subscribe('stix2', { durable: 'feed' })
    await assert.rejects(bus.subscribe('stix2', { durable: 'feed' }), InvalidArgumentError)
    await subscription.close()
    await bus.subscribe('stix2', { durable: 'feed' })
    const nowhere = connect({ endpoint: '127.0.0.1:9', stateDirectory, connectTimeoutMs: 50 })
    for (const _ of [1, 2]) {
      await assert.rejects(nowhere.subscribe('stix2', { durable: 'other' }), BusUnavailableError)
    }
    await nowhere.close()
    assert.ok(!readdirSync(stateDirectory).some(name => name.startsWith('other')), 'nothing was written')
  })

  test('says once that its place cannot be kept, and goes on', async t => {
    const broker = await startBrokerHere(t)
    const stateDirectory = temporary(t)
    // Where it would write is something else.
    mkdirSync(join(stateDirectory, 'feed.json.new'))
    const events: BusEvent['event'][] = []
    const bus = application(t, broker, { stateDirectory, onEvent: ({ event }) => events.push(event) })
    const subscription = await bus.subscribe('stix2', { durable: 'feed' })
    await publish(bus, indicators(5))
    assert.equal((await read(subscription, 5)).length, 5)
    await bus.close()
    assert.equal(events.filter(event => event === 'place_not_kept').length, 1)
  })
})

/**
 * Applications on the client library → a stand-in for the bus, which does what a real one can't be told to: it forgets,
 * keeps silent, moves. Conversations with the real broker are in client-broker.test.ts.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { Router } from 'zeromq'
import {
  type Bus,
  BusClosedError,
  type BusEvent,
  BusUnavailableError,
  type ConnectOptions,
  connect,
  InvalidArgumentError,
  InvalidMessageError,
  type Subscription,
  SubscriptionRefusedError,
  UnintelligibleReplyError,
} from '../../src/index.ts'
import { StandInBus, type StandInOptions } from '../system/stand-in-bus.ts'
import { indicator, sighting } from '../system/wire.ts'

/** What an application was told of by events, and a way to wait for it. */
class Diary {
  readonly events: BusEvent[] = []
  readonly #watchers = new Set<() => void>()

  note(event: BusEvent): void {
    this.events.push(event)
    for (const watch of [...this.#watchers]) watch()
  }

  /** Fulfilled with the first event, past or to come, of this name. */
  async told(name: BusEvent['event']): Promise<BusEvent> {
    for (;;) {
      const event = this.events.find(each => each.event === name)
      if (event !== undefined) return event
      await new Promise<void>(resolve => {
        const watch = () => {
          this.#watchers.delete(watch)
          resolve()
        }
        this.#watchers.add(watch)
      })
    }
  }
}

const applicationsIn = new WeakMap<TestContext, Bus[]>()

/** The applications of a test. They are closed when it ends, before whatever is registered after the first call. */
function applicationsOf(t: TestContext): Bus[] {
  const known = applicationsIn.get(t)
  if (known !== undefined) return known
  const applications: Bus[] = []
  applicationsIn.set(t, applications)
  t.after(() => Promise.all(applications.map(bus => bus.close())))
  return applications
}

async function startBus(t: TestContext, options?: StandInOptions): Promise<StandInBus> {
  applicationsOf(t)
  const bus = await StandInBus.start(options)
  t.after(() => bus.stop())
  return bus
}

/** Connects an application that does not wait long for anything. */
function join(t: TestContext, endpoint: string, options: ConnectOptions = {}): Bus & { diary: Diary } {
  const diary = new Diary()
  const bus = connect({
    endpoint,
    heartbeatIntervalMs: 50,
    shortestRetryPauseMs: 20,
    longestRetryPauseMs: 50,
    closeTimeoutMs: 500,
    onEvent: event => diary.note(event),
    ...options,
  })
  applicationsOf(t).push(bus)
  return Object.assign(bus, { diary })
}

/** Reads so many messages, and answers their texts. The subscription stays open. */
async function read(subscription: Subscription, count: number): Promise<string[]> {
  const messages = subscription[Symbol.asyncIterator]()
  const texts: string[] = []
  while (texts.length < count) {
    const { done, value } = await messages.next()
    if (done) break
    texts.push(value.text)
  }
  return texts
}

/** The p2p topic that the bus has granted last. */
function lastTopic(bus: StandInBus): string {
  return bus.topics.at(-1) ?? assert.fail('nothing was granted')
}

describe('a subscription', () => {
  test('delivers messages with their type, their object, and their text byte for byte', async t => {
    const bus = await startBus(t)
    const subscription = await join(t, bus.endpoint).subscribe(['stix2/indicator', 'stix2/sighting'])
    assert.deepEqual(bus.heard[0], {
      action: 'subscribe',
      topic: ['stix2/indicator', 'stix2/sighting'],
      snapshot: 0,
      received: 0,
      numbered: true,
    })
    const text = ` { "type":"indicator",\n "name" : "ä\\u0041 💥", "x_threatbus_update":"REMOVE" }`
    await bus.deliver(lastTopic(bus), 'indicator', text)
    await bus.deliver(lastTopic(bus), 'sighting', sighting({ count: 7 }))
    const messages = subscription[Symbol.asyncIterator]()
    const first = (await messages.next()).value ?? assert.fail()
    assert.equal(first.text, text)
    assert.ok(first.type === 'indicator')
    assert.deepEqual([first.object.name, first.object.x_threatbus_update], ['äA 💥', 'REMOVE'])
    assert.equal(first.object, first.object)
    const second = (await messages.next()).value ?? assert.fail()
    assert.ok(second.type === 'sighting')
    assert.equal(second.object.count, 7)
  })

  test('passes over frames that are none, and says so', async t => {
    const bus = await startBus(t)
    const application = join(t, bus.endpoint)
    const subscription = await application.subscribe('stix2/indicator')
    await bus.deliver(lastTopic(bus), 'nonsense', '{}')
    await bus.deliver(lastTopic(bus), 'snapshotrequest', '{}')
    await bus.deliver(lastTopic(bus), 'sighting', '{}')
    await bus.deliver(lastTopic(bus), 'indicator', 'not json')
    const { value } = await subscription[Symbol.asyncIterator]().next()
    assert.throws(() => value?.object, InvalidMessageError)
    const ignored = application.diary.events.flatMap(each => (each.event === 'frame_ignored' ? [each.reason] : []))
    assert.deepEqual(ignored, ['unknown_type', 'malformed_snapshot_request', 'unwanted_type'])
  })

  test('is asked for with its snapshot, and kept alive by heartbeats', async t => {
    const bus = await startBus(t)
    await join(t, bus.endpoint).subscribe('stix2/ind', { snapshotDays: 30 })
    await bus.until(() => bus.heard.length > 2)
    const topic = lastTopic(bus)
    assert.deepEqual(bus.heard, [
      { action: 'subscribe', topic: 'stix2/ind', snapshot: 30, received: 0, numbered: true },
      { action: 'heartbeat', topic, received: 0 },
      { action: 'heartbeat', topic, received: 0 },
    ])
  })

  test('to what nothing matches is granted, and the application is told', async t => {
    const bus = await startBus(t)
    const application = join(t, bus.endpoint)
    await application.subscribe(['stix2/indicator', 'stix2/malware', 'stix2/indicators'])
    assert.deepEqual(bus.known.get(lastTopic(bus)), ['stix2/indicator', 'stix2/malware', 'stix2/indicators'])
    const told = await application.diary.told('topics_match_nothing')
    assert.deepEqual(told, { event: 'topics_match_nothing', topics: ['stix2/malware', 'stix2/indicators'] })
    await application.answerSnapshots(() => [])
    assert.equal(application.diary.events.filter(({ event }) => event === 'topics_match_nothing').length, 1)
  })

  test('is granted by a bus that names its ports as numbers', async t => {
    const bus = await startBus(t, { portsAsNumbers: true })
    const subscription = await join(t, bus.endpoint).subscribe('stix2')
    await bus.deliver(lastTopic(bus), 'indicator', '{}')
    assert.deepEqual(await read(subscription, 1), ['{}'])
  })

  test('goes where the reply says if it names endpoints', async t => {
    const elsewhere = await startBus(t)
    const bus = await startBus(t, {
      extraReply: {
        pub_endpoint: `localhost:${elsewhere.ports.pub}`,
        sub_endpoint: `127.0.0.1:${elsewhere.ports.sub}`,
      },
    })
    const application = join(t, bus.endpoint)
    const subscription = await application.subscribe('stix2')
    await elsewhere.deliver(lastTopic(bus), 'indicator', '{}')
    assert.deepEqual(await read(subscription, 1), ['{}'])
    await application.publish('{"type":"sighting"}')
    await elsewhere.until(() => elsewhere.received.length === 1)
  })

  test('works over IPv6', async t => {
    const bus = await startBus(t, { host: '[::1]' })
    const application = join(t, bus.endpoint)
    const subscription = await application.subscribe('stix2')
    await bus.deliver(lastTopic(bus), 'indicator', '{}')
    assert.deepEqual(await read(subscription, 1), ['{}'])
    await application.publish('{"type":"sighting"}')
    await bus.until(() => bus.received.length === 1)
  })

  test('that the bus forgot is made anew, and its iteration just goes on', async t => {
    const bus = await startBus(t)
    const application = join(t, bus.endpoint)
    const subscription = await application.subscribe('stix2', { snapshotDays: 2 })
    const former = lastTopic(bus)
    await bus.deliver(former, 'indicator', '{"before":1}')
    const reading = read(subscription, 2)
    bus.known.clear()
    await bus.until(() => bus.topics.length === 1)
    await bus.deliver(lastTopic(bus), 'indicator', '{"after":1}')
    assert.deepEqual(await reading, ['{"before":1}', '{"after":1}'])
    await bus.until(() => bus.heard.some(({ action, topic }) => action === 'unsubscribe' && topic === former))
    const asked = bus.heard.filter(({ action }) => action === 'subscribe')
    assert.deepEqual(
      asked,
      Array(2).fill({ action: 'subscribe', topic: 'stix2', snapshot: 2, received: 0, numbered: true }),
    )
    assert.deepEqual(
      application.diary.events.map(({ event }) => event),
      ['subscribed', 'forgotten', 'resubscribed'],
    )
    // The old topic is left when nothing is to be read under it any more.
    await bus.until(() => !bus.joined.has(former))
  })

  test('that the bus forgot still delivers all that was received under the old topic, and then what is new', async t => {
    const bus = await startBus(t)
    const application = join(t, bus.endpoint, { highWaterMark: 10 })
    const subscription = await application.subscribe('stix2')
    const bodies = Array.from({ length: 3000 }, (_, index) => `{"n":${index},"filler":"${'x'.repeat(500)}"}`)
    const former = lastTopic(bus)
    for (const body of bodies.slice(0, 2000)) await deliverInTime(bus, former, body)
    bus.known.clear()
    await application.diary.told('resubscribed')
    for (const body of bodies.slice(2000, 2100)) await bus.deliver(lastTopic(bus), 'indicator', body)
    assert.deepEqual(await read(subscription, 2100), bodies.slice(0, 2100))
  })

  test('lives on while the bus is silent: it is asked about, not replaced', async t => {
    const bus = await startBus(t)
    const application = join(t, bus.endpoint, { requestTimeoutMs: 200 })
    const subscription = await application.subscribe('stix2')
    bus.silent = true
    await application.diary.told('away')
    const asked = bus.heard.length
    await bus.until(() => bus.heard.length >= asked + 2)
    bus.silent = false
    await application.diary.told('back')
    await bus.deliver(lastTopic(bus), 'indicator', '{}')
    assert.deepEqual(await read(subscription, 1), ['{}'])
    assert.equal(bus.heard.filter(({ action }) => action === 'subscribe').length, 1)
  })

  test('tells that the bus is away as soon as the connection is lost, and that it is back as soon as that is', async t => {
    const first = await startBus(t)
    // No heartbeat would tell it within the life of this test.
    const application = join(t, first.endpoint, { heartbeatIntervalMs: 3_600_000 })
    const subscription = await application.subscribe('stix2')
    const topic = lastTopic(first)
    await first.deliver(topic, 'indicator', '{"before":1}')
    assert.deepEqual(await read(subscription, 1), ['{"before":1}'])
    first.stop()
    await application.diary.told('away')
    const second = await startBus(t, { ports: first.ports })
    second.known.set(topic, ['stix2'])
    await application.diary.told('back')
    await second.deliver(topic, 'indicator', '{"after":1}')
    assert.deepEqual(await read(subscription, 1), ['{"after":1}'])
    assert.deepEqual(
      application.diary.events.map(({ event }) => event),
      ['subscribed', 'away', 'back'],
    )
  })

  test('is made anew by another bus that takes the place of one that died, and tried until that grants it', async t => {
    const first = await startBus(t)
    const application = join(t, first.endpoint, { requestTimeoutMs: 200 })
    const subscription = await application.subscribe('stix2')
    const reading = read(subscription, 1)
    first.stop()
    await application.diary.told('away')
    const second = await startBus(t, { ports: first.ports })
    second.refusal = 'starting'
    const refused = await application.diary.told('refused')
    assert.ok('error' in refused && refused.error instanceof SubscriptionRefusedError)
    second.refusal = undefined
    await application.diary.told('resubscribed')
    await second.deliver(lastTopic(second), 'indicator', '{}')
    assert.deepEqual(await reading, ['{}'])
  })

  test('follows a bus that comes back with other ports', async t => {
    const first = await startBus(t)
    const application = join(t, first.endpoint, { requestTimeoutMs: 200 })
    const subscription = await application.subscribe('stix2')
    await application.publish('{"type":"sighting"}')
    await first.until(() => first.received.length === 1)
    first.stop()
    const second = await startBus(t, { ports: { manage: first.ports.manage, pub: 0, sub: 0 } })
    await application.diary.told('resubscribed')
    await second.deliver(lastTopic(second), 'indicator', '{}')
    assert.deepEqual(await read(subscription, 1), ['{}'])
    await application.publish('{"type":"sighting"}')
    await second.until(() => second.received.length === 1)
  })

  test('makes the bus wait for a slow reader, and then delivers everything in order', async t => {
    const bus = await startBus(t)
    const subscription = await join(t, bus.endpoint, { highWaterMark: 10 }).subscribe('stix2')
    const topic = lastTopic(bus)
    const filler = 'x'.repeat(10_000)
    let sent = 0
    // What the connection holds is bounded, so the bus is refused sooner or later.
    for (let refusals = 0; refusals < 3; ) {
      try {
        await bus.deliver(topic, 'indicator', `{"n":${sent},"filler":"${filler}"}`)
        sent++
      } catch {
        refusals++
        await setImmediate()
      }
    }
    assert.ok(sent > 10, `${sent} were taken`)
    const numbers = (await read(subscription, sent)).map(text => JSON.parse(text).n)
    assert.deepEqual(numbers, [...Array(sent).keys()])
  })

  test('sends its heartbeats however long its reader takes for each message', async t => {
    const bus = await startBus(t)
    const subscription = await join(t, bus.endpoint).subscribe('stix2')
    for (let sent = 0; sent < 40; sent++) await bus.deliver(lastTopic(bus), 'indicator', '{}')
    const heartbeats = () => bus.heard.filter(({ action }) => action === 'heartbeat').length
    const before = heartbeats()
    let messages = 0
    for await (const _ of subscription) {
      const untilMs = performance.now() + 20
      while (performance.now() < untilMs);
      if (++messages === 40) break
    }
    assert.ok(heartbeats() - before >= 5, `${heartbeats() - before} heartbeats`)
  })

  test('ends when its loop is left, and the bus is told', async t => {
    const bus = await startBus(t)
    const subscription = await join(t, bus.endpoint).subscribe('stix2')
    const topic = lastTopic(bus)
    await bus.deliver(topic, 'indicator', '{}')
    for await (const _ of subscription) break
    assert.ok(bus.heard.some(each => each.action === 'unsubscribe' && each.topic === topic))
    assert.deepEqual(await read(subscription, 1), [])
    await subscription.close()
  })

  test('ends when it is closed while it waits for a message', async t => {
    const bus = await startBus(t)
    const subscription = await join(t, bus.endpoint).subscribe('stix2')
    const reading = read(subscription, 1)
    await Promise.all([subscription.close(), subscription.close()])
    assert.deepEqual(await reading, [])
    assert.equal(bus.topics.length, 0)
  })

  test('ends when its signal is aborted, also while the bus is asked for it', async t => {
    const bus = await startBus(t)
    const application = join(t, bus.endpoint)
    const stop = new AbortController()
    const reading = read(await application.subscribe('stix2', { signal: stop.signal }), 1)
    stop.abort()
    assert.deepEqual(await reading, [])
    await bus.until(() => bus.topics.length === 0)

    bus.silent = true
    const stopAsking = new AbortController()
    const asking = application.subscribe('stix2', { signal: stopAsking.signal })
    await bus.until(() => bus.heard.filter(({ action }) => action === 'subscribe').length === 2)
    stopAsking.abort(new Error('changed my mind'))
    await assert.rejects(asking, /changed my mind/)
    await assert.rejects(application.subscribe('stix2', { signal: stopAsking.signal }), /changed my mind/)
  })

  test('closes in bounded time when the bus is away', async t => {
    const bus = await startBus(t)
    const application = join(t, bus.endpoint, { requestTimeoutMs: 60_000, closeTimeoutMs: 100 })
    const subscription = await application.subscribe('stix2')
    bus.silent = true
    await subscription.close()
    await application.diary.told('closed')
  })

  test('is refused with the reason of the bus', async t => {
    const bus = await startBus(t)
    bus.refusal = 'the bus is full'
    await assert.rejects(join(t, bus.endpoint).subscribe('stix2'), (error: SubscriptionRefusedError) => {
      assert.equal(error.code, 'subscription_refused')
      assert.match(error.message, /the bus is full/)
      return true
    })
  })

  test('waits for a bus that is about to start', async t => {
    const port = await freePort()
    const asking = join(t, `127.0.0.1:${port}`).subscribe('stix2')
    const bus = await startBus(t, { ports: { manage: port, pub: 0, sub: 0 } })
    await asking
    assert.equal(bus.topics.length, 1)
  })
})

/** Delivers a message when there is room for it. */
async function deliverInTime(bus: StandInBus, topic: string, body: string): Promise<void> {
  for (;;) {
    try {
      return await bus.deliver(topic, 'indicator', body)
    } catch {
      await setImmediate()
    }
  }
}

/** A port where nobody listens. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address !== null ? address.port : assert.fail()
}

/** All that asks something of a bus. */
function attempts(application: Bus): readonly (() => Promise<unknown>)[] {
  return [
    () => application.subscribe('stix2'),
    () => application.publish('{"type":"indicator"}'),
    () => application.answerSnapshots(() => []),
    () => application.ping(),
  ]
}

describe('nobody', () => {
  test('waits for ever for a bus that is not there', async t => {
    const application = join(t, `127.0.0.1:${await freePort()}`, { connectTimeoutMs: 300, requestTimeoutMs: 300 })
    for (const attempt of attempts(application)) {
      await assert.rejects(attempt, { code: 'bus_unavailable', message: /within 300 ms: the connection was refused/ })
    }
  })

  test('takes something else for a bus', async t => {
    const impostor = new Router({ linger: 0 })
    t.after(() => impostor.close())
    await impostor.bind('tcp://127.0.0.1:*')
    const replies = [
      'hello',
      '[]',
      '{"status":5}',
      '{"status":"success"}',
      '{"status":"success","topic":"a","pub_port":0}',
    ]
    const serve = async () => {
      for await (const [identity, delimiter] of impostor) {
        await impostor.send([identity ?? '', delimiter ?? '', replies.shift() ?? '"'])
      }
    }
    serve().catch(() => {})
    const port = /:(\d+)$/.exec(impostor.lastEndpoint ?? '')?.[1]
    const application = join(t, `127.0.0.1:${port}`, { connectTimeoutMs: Number.POSITIVE_INFINITY })
    while (replies.length > 0) await assert.rejects(application.subscribe('stix2'), UnintelligibleReplyError)
  })

  test('waits for something that is not a bus to become one', async t => {
    const server = createServer(socket => socket.on('error', () => {}).end('SSH-2.0-OpenSSH_9.6\r\n'))
    t.after(() => server.close())
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const port = (server.address() as AddressInfo).port
    for (const options of [{}, { receipts: false }]) {
      const application = join(t, `127.0.0.1:${port}`, {
        ...options,
        connectTimeoutMs: Number.POSITIVE_INFINITY,
        requestTimeoutMs: Number.POSITIVE_INFINITY,
      })
      const message = `what answers at 127.0.0.1 port ${port} is no bus: something that says "SSH-2.0-OpenSSH_9.6"`
      for (const attempt of attempts(application)) {
        await assert.rejects(attempt, { name: 'UnintelligibleReplyError', message })
      }
    }
  })

  test('waits for a bus if it does not want to, and is told why there is none', async t => {
    for (const options of [{}, { receipts: false }]) {
      const application = join(t, `127.0.0.1:${await freePort()}`, {
        ...options,
        waitForBus: false,
        connectTimeoutMs: Number.POSITIVE_INFINITY,
        requestTimeoutMs: Number.POSITIVE_INFINITY,
      })
      for (const attempt of attempts(application)) {
        await assert.rejects(attempt, { code: 'bus_unavailable', message: /port \d+: the connection was refused/ })
      }
    }
  })
})

test('what can not be meant is refused at once', async t => {
  for (const options of [
    { endpoint: '' },
    { endpoint: 'localhost' },
    { endpoint: 'localhost:0' },
    { endpoint: 'localhost:65536' },
    { endpoint: 'tcp://localhost:1' },
    { endpoint: '::1:13370' },
    { endpoint: 'a b:1' },
    { heartbeatIntervalMs: 0 },
    { requestTimeoutMs: Number.NaN },
    { closeTimeoutMs: -1 },
    { highWaterMark: 1.5 },
    { maxMessageBytes: 0 },
  ]) {
    assert.throws(() => connect(options), InvalidArgumentError, JSON.stringify(options))
  }
  connect({ endpoint: '[fe80::1%eth0]:13370', publishTimeoutMs: Number.POSITIVE_INFINITY })

  const application = join(t, '127.0.0.1:1')
  for (const topics of ['', [], ['stix2', '']]) {
    await assert.rejects(application.subscribe(topics), InvalidArgumentError, JSON.stringify(topics))
  }
  for (const snapshotDays of [-1, 0.5, Number.NaN, 36_501, Number.POSITIVE_INFINITY]) {
    await assert.rejects(application.subscribe('stix2', { snapshotDays }), InvalidArgumentError)
  }
  for (const message of ['', '{', '[]', '5', '{"type":"malware"}', '{"type":["indicator"]}']) {
    await assert.rejects(application.publish(message), InvalidMessageError, message)
  }
})

describe('a publisher', () => {
  test('loses nothing, whether its bus is there yet or not, and keeps the order', async t => {
    const port = await freePort()
    const application = join(t, `127.0.0.1:${port}`, { connectTimeoutMs: 10_000, requestTimeoutMs: 10_000 })
    const bodies = Array.from({ length: 2000 }, (_, n) => (n % 2 ? indicator({ n }) : sighting({ n })))
    const publishing = Promise.all(bodies.map(body => application.publish(body)))
    const bus = await startBus(t, { ports: { manage: port, pub: 0, sub: 0 } })
    await publishing
    await bus.until(() => bus.received.length === 2000)
    assert.deepEqual(
      bus.received,
      bodies.map((body, n) => `stix2/${n % 2 ? 'indicator' : 'sighting'} ${body}`),
    )
    assert.deepEqual(
      bus.heard.map(({ action }) => action),
      ['subscribe', 'unsubscribe'],
    )
  })

  test('sends text byte for byte, and objects as JSON', async t => {
    const bus = await startBus(t)
    const application = join(t, bus.endpoint)
    await application.publish(' {"type" : "indicator",\n"name":"\\u00e4ä"} ')
    await application.publish({ type: 'indicator', spec_version: '2.1', pattern: 'a', pattern_type: 'sigma' })
    await bus.until(() => bus.received.length === 2)
    assert.deepEqual(bus.received, [
      'stix2/indicator  {"type" : "indicator",\n"name":"\\u00e4ä"} ',
      'stix2/indicator {"type":"indicator","spec_version":"2.1","pattern":"a","pattern_type":"sigma"}',
    ])
  })

  test('goes no faster than the bus, and loses nothing when it is closed', async t => {
    const bus = await startBus(t, { receiveHighWaterMark: 5 })
    const application = join(t, bus.endpoint, { highWaterMark: 5, closeTimeoutMs: 10_000 })
    const filler = 'x'.repeat(5000)
    for (let n = 0; n < 1000; n++) await application.publish(`{"type":"indicator","n":${n},"filler":"${filler}"}`)
    await application.close()
    await bus.until(() => bus.received.length === 1000)
    assert.deepEqual(
      bus.received.map(frame => JSON.parse(frame.slice(frame.indexOf(' '))).n),
      [...Array(1000).keys()],
    )
  })

  test('is told when the bus does not take its messages, and may give up earlier itself', async t => {
    const bus = await startBus(t)
    const application = join(t, bus.endpoint, { highWaterMark: 2, publishTimeoutMs: 5000, closeTimeoutMs: 100 })
    await application.publish('{"type":"indicator"}')
    bus.stop()
    const taken: number[] = []
    const full = (async () => {
      for (let n = 0; ; n++) {
        await application.publish('{"type":"indicator"}')
        taken.push(n)
      }
    })()
    await assert.rejects(full, BusUnavailableError)
    assert.ok(taken.length < 10, `${taken.length} were taken by a connection that holds 2`)
    const stop = new AbortController()
    stop.abort(new Error('changed my mind'))
    await assert.rejects(application.publish('{"type":"indicator"}', { signal: stop.signal }), /changed my mind/)
    // What it did take can't be sent any more, and closing says so.
    await application.close()
    await application.diary.told('flush_abandoned')
  })

  test('does not send what the bus would break the connection for', async t => {
    const bus = await startBus(t)
    const application = join(t, bus.endpoint, { maxMessageBytes: 100 })
    await assert.rejects(application.publish(indicator()), InvalidMessageError)
  })
})

test('a bus that was closed is closed: everything asked of it is refused, and closing again is nothing new', async t => {
  const bus = await startBus(t)
  const application = join(t, bus.endpoint)
  const reading = read(await application.subscribe('stix2'), 1)
  const answering = await application.answerSnapshots(() => [])
  await Promise.all([application.close(), application.close()])
  assert.deepEqual(await reading, [])
  await answering.close()
  assert.equal(bus.topics.length, 0)
  for (const attempt of attempts(application)) await assert.rejects(attempt, BusClosedError)
})

test('what leaves its scope is closed: a subscription, an answering, a bus', async t => {
  const bus = await startBus(t)
  const application = join(t, bus.endpoint)
  {
    await using subscription = await application.subscribe('stix2')
    await using _answering = await application.answerSnapshots(() => [])
    assert.equal(bus.known.size, 2)
    assert.equal(subscription.status().state, 'subscribed')
  }
  assert.equal(bus.known.size, 0)
  {
    await using other = connect({ endpoint: bus.endpoint })
    await other.subscribe('stix2')
  }
  assert.equal(bus.known.size, 0)
})

test('a bus says how it and its subscriptions are', async t => {
  const bus = await startBus(t)
  bus.publishReply = messages => ({ status: 'success', sequence: messages.length })
  const application = join(t, bus.endpoint, { requestTimeoutMs: 200 })
  const nothing = { published: 0, publishing: 0, receipts: 'unknown', received: 0, subscriptions: [] } as const
  assert.deepEqual(application.status(), { endpoint: bus.endpoint, state: 'open', ...nothing })
  const subscription = await application.subscribe(['stix2/ind', 'stix2/sighting'])
  const publishing = application.publish(indicator())
  assert.equal(application.status().publishing, 1)
  await publishing
  await bus.deliver(lastTopic(bus), 'sighting', '{}')
  await read(subscription, 1)
  const topics = ['stix2/ind', 'stix2/sighting']
  const shown = { subscription: `${lastTopic(bus).slice(0, 6)}…`, topics, state: 'subscribed', received: 1 }
  const used = { ...nothing, published: 1, receipts: 'given', received: 1 } as const
  assert.deepEqual(application.status(), { endpoint: bus.endpoint, state: 'open', ...used, subscriptions: [shown] })
  bus.stop()
  await application.diary.told('away')
  assert.deepEqual(subscription.status(), { ...shown, state: 'away' })
  const closing = application.close()
  assert.equal(application.status().state, 'closing')
  await closing
  assert.deepEqual(application.status(), { endpoint: bus.endpoint, state: 'closed', ...used })
})

test('a bus is closed by its signal, which also ends the waiting for a subscription', async t => {
  const bus = await startBus(t)
  const stop = new AbortController()
  const application = join(t, bus.endpoint, { signal: stop.signal })
  bus.silent = true
  const asking = application.subscribe('stix2')
  await bus.until(() => bus.heard.length === 1)
  stop.abort()
  await assert.rejects(asking, BusClosedError)
})

describe('an application that answers snapshot requests', () => {
  const request = (type: number, id: string, seconds: unknown = 432_000) =>
    `{"type":"snapshotrequest","snapshot_type":${type},"snapshot_id":"${id}","snapshot":${JSON.stringify(seconds)}}`

  test('sends what it yields in envelopes, text byte for byte, in a subscription that hears nothing else', async t => {
    const bus = await startBus(t)
    const application = join(t, bus.endpoint)
    await application.answerSnapshots(async function* ({ snapshotId, type, spanMs, since }) {
      assert.deepEqual([snapshotId, type, spanMs], ['s-1', 'indicator', 432_000_000])
      assert.ok(Math.abs(Date.now() - 432_000_000 - since.getTime()) < 60_000)
      yield '{"type":"indicator", "n": 1.0}'
      yield { type: 'indicator', spec_version: '2.1', pattern: 'a', pattern_type: 'sigma' }
    })
    assert.deepEqual(bus.known.get(lastTopic(bus)), ['threatbus/nothing'])
    await bus.deliver(lastTopic(bus), 'snapshotrequest', request(1, 's-1'))
    await bus.until(() => bus.received.length === 2)
    const head = 'threatbus/snapshotenvelope {"type":"snapshotenvelope","snapshot_type":1,"snapshot_id":"s-1","body":'
    assert.deepEqual(bus.received, [
      `${head}{"type":"indicator", "n": 1.0}}`,
      `${head}{"type":"indicator","spec_version":"2.1","pattern":"a","pattern_type":"sigma"}}`,
    ])
    await application.diary.told('snapshot_answered')
  })

  test('does so beside its messages if it subscribes with an answer', async t => {
    const bus = await startBus(t)
    const application = join(t, bus.endpoint)
    const subscription = await application.subscribe('stix2', { answerSnapshots: ({ type }) => [`{"type":"${type}"}`] })
    await bus.deliver(lastTopic(bus), 'indicator', '{"n":1}')
    await bus.deliver(lastTopic(bus), 'snapshotrequest', request(2, 's-2'))
    await bus.deliver(lastTopic(bus), 'indicator', '{"n":2}')
    assert.deepEqual(await read(subscription, 2), ['{"n":1}', '{"n":2}'])
    await bus.until(() => bus.received.length === 1)
    assert.match(bus.received[0] ?? '', /"snapshot_type":2,"snapshot_id":"s-2","body":\{"type":"sighting"\}\}$/)
  })

  test('is told when its answer fails, and goes on with the next request', async t => {
    const bus = await startBus(t)
    const application = join(t, bus.endpoint)
    await application.answerSnapshots(function* ({ snapshotId }) {
      if (snapshotId === 's-1') throw new Error('no disk')
      yield snapshotId === 's-2' ? '{"type":"malware"}' : '{"type":"indicator"}'
    })
    for (const id of ['s-1', 's-2', 's-3']) await bus.deliver(lastTopic(bus), 'snapshotrequest', request(1, id))
    await bus.until(() => bus.received.length === 1)
    await application.diary.told('snapshot_answered')
    const failed = application.diary.events.flatMap(each => (each.event === 'snapshot_failed' ? [each] : []))
    assert.deepEqual(
      failed.map(({ snapshotId, error }) => `${snapshotId} ${error}`),
      ['s-1 Error: no disk', 's-2 InvalidMessageError: what is to be published is neither an indicator nor a sighting'],
    )
  })

  test('breaks off its answer when it is closed', async t => {
    const bus = await startBus(t)
    const application = join(t, bus.endpoint)
    let ended = false
    const answering = await application.answerSnapshots(async function* (_, signal) {
      try {
        for (let n = 0; !signal.aborted; n++) yield `{"type":"indicator","n":${n}}`
      } finally {
        ended = true
      }
    })
    await bus.deliver(lastTopic(bus), 'snapshotrequest', request(1, 's-1'))
    await bus.until(() => bus.received.length > 10)
    await answering.close()
    assert.ok(ended)
  })
})

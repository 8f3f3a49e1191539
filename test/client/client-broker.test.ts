/** Applications on the client library ↔ the broker, a process. */
import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { type Bus, type BusMessage, type ConnectOptions, connect } from '../../src/index.ts'
import { type BrokerProcess, startBroker } from '../system/broker-process.ts'
import { startNode } from '../system/command-process.ts'
import { read } from '../system/reading.ts'
import { indicator, sighting } from '../system/wire.ts'

/** What these tests tell messages apart by. */
interface Numbered {
  readonly n: number
}

/** Starts a broker, and gives applications that join it. They close before it ends: then that takes no time. */
async function startBus(t: TestContext) {
  const joined: Bus<Numbered>[] = []
  t.after(() => Promise.all(joined.map(bus => bus.close())))
  const broker = await startBroker(t)
  const join = (options: ConnectOptions = {}) => {
    const bus = connect<Numbered>({ endpoint: `127.0.0.1:${broker.manage}`, ...options })
    joined.push(bus)
    return bus
  }
  return { broker, join }
}

const texts = (messages: readonly BusMessage[]) => messages.map(({ text }) => text)

describe('applications on one broker', { concurrency: true }, () => {
  test('hear each other: everything, in order, whether they read at once, late or slowly', async t => {
    const { join } = await startBus(t)
    const publisher = join()
    const bodies = Array.from({ length: 5000 }, (_, n) => (n % 5 === 0 ? sighting({ n }) : indicator({ n })))
    const everything = await join().subscribe('stix2')
    const sightings = await join({ highWaterMark: 1 }).subscribe('stix2/sighting')
    const late = await publisher.subscribe(['stix2/indicator'])
    const reading = read(everything, 5000)
    await Promise.all(bodies.map(body => publisher.publish(body)))
    assert.deepEqual(texts(await reading), bodies)
    assert.deepEqual(
      texts(await read(late, 4000)),
      bodies.filter((_, n) => n % 5 !== 0),
    )
    const seen = await read(sightings, 1000)
    assert.deepEqual(
      seen.map(message => message.object.n),
      [...Array(1000).keys()].map(n => 5 * n),
    )
    assert.ok(seen.every(({ type }) => type === 'sighting'))
  })

  test('give a newcomer what they know: as a snapshot, to it alone', async t => {
    const { join } = await startBus(t)
    const [one, two, mine] = [indicator(), sighting(), indicator()]
    const asked: string[] = []
    await join().answerSnapshots(async function* ({ type, spanMs }) {
      asked.push(`${type} ${spanMs / 86_400_000}`)
      yield type === 'indicator' ? one : two
    })
    // It has something to tell as well, but is not asked for its own snapshot.
    const newcomer = join()
    const bystander = await join().subscribe('stix2')
    const subscription = await newcomer.subscribe('stix2', { snapshotDays: 5, answerSnapshots: () => [mine] })
    assert.deepEqual(texts(await read(subscription, 2)).sort(), [one, two].sort())
    assert.deepEqual(asked.sort(), ['indicator 5', 'sighting 5'])
    const live = indicator()
    await newcomer.publish(live)
    assert.deepEqual(texts(await read(bystander, 1)), [live])
    assert.deepEqual(texts(await read(subscription, 1)), [live])
  })

  test('ping it', async t => {
    const roundTripMs = await (await startBus(t)).join().ping()
    assert.ok(roundTripMs > 0 && roundTripMs < 5000)
  })

  test('leave no subscription behind when they close', async t => {
    const { broker, join } = await startBus(t)
    const bus = join()
    await Promise.all([bus.subscribe('stix2'), bus.subscribe('stix2'), bus.answerSnapshots(() => [])])
    await bus.publish(indicator())
    await bus.close()
    const told = (start: string) => broker.log.filter(({ msg }) => msg.startsWith(start)).length
    // The broker's last word on them comes before its reply, but its log may come later.
    await broker.logged(() => told('unsubscribed') === 3)
    assert.equal(told('subscribed'), 3)
  })
})

test('applications have everything once, in order, however often a broker with a history is killed', async t => {
  const { broker, join } = await startBus(t)
  const quick = { requestTimeoutMs: 500, shortestRetryPauseMs: 50, longestRetryPauseMs: 100 }
  const events: string[] = []
  // One reads all the time; the other holds what it is sent unread, in the library and in its connection.
  const reader = await join({ ...quick, onEvent: ({ event }) => events.push(event) }).subscribe('stix2')
  const sluggard = await join({ ...quick, highWaterMark: 10 }).subscribe('stix2')
  const bodies = Array.from({ length: 3000 }, (_, n) => indicator({ n }))
  const reading = read(reader, bodies.length)
  const lateness = read(sluggard, 5)
  let current = broker
  for (let round = 0; round < 3; round++) {
    // What a busy broker has not answered in time would be published twice.
    const publisher = connect({ endpoint: `127.0.0.1:${broker.manage}`, ...quick, requestTimeoutMs: 30_000 })
    const receipts = await Promise.all(
      bodies.slice(round * 1000, (round + 1) * 1000).map(each => publisher.publish(each)),
    )
    assert.equal(receipts.at(-1)?.sequence, (round + 1) * 1000)
    await publisher.close()
    await current.stop('SIGKILL')
    current = await startBroker(t, {}, current)
  }
  assert.deepEqual(texts(await reading), bodies)
  assert.deepEqual([...texts(await lateness), ...texts(await read(sluggard, bodies.length - 5))], bodies)
  assert.ok(!events.includes('resubscribed'), 'the subscription survived')
})

test('subscriptions and publishers go on when a broker was killed and another one started in its place', async t => {
  const { broker: first, join } = await startBus(t)
  const events: string[] = []
  const quick = { heartbeatIntervalMs: 100, requestTimeoutMs: 500, shortestRetryPauseMs: 50, longestRetryPauseMs: 100 }
  let resubscribed = () => {}
  const again = new Promise<void>(resolve => {
    resubscribed = resolve
  })
  const bus = join({
    ...quick,
    onEvent: ({ event }) => {
      events.push(event)
      if (event === 'resubscribed') resubscribed()
    },
  })
  const subscription = await bus.subscribe('stix2')
  const [before, after] = [indicator(), indicator()]
  await bus.publish(before)
  assert.deepEqual(texts(await read(subscription, 1)), [before])
  await first.stop('SIGKILL')
  await startBroker(t, { zmq: { manage: first.manage, pub: first.pub, sub: first.sub, bind_retry: 10 } })
  await again
  await bus.publish(after)
  assert.deepEqual(texts(await read(subscription, 1)), [after])
  assert.deepEqual(
    events.filter(event => event === 'subscribed' || event === 'resubscribed'),
    ['subscribed', 'resubscribed'],
  )
})

describe('a process', { concurrency: true }, () => {
  const library = JSON.stringify(new URL('../../src/index.js', import.meta.url).href)
  /** The text of a program that uses the library and never calls `process.exit`. */
  const program = ({ manage }: BrokerProcess, text: string) => [
    '--input-type=module',
    '--eval',
    `import { connect } from ${library}; const bus = connect({ endpoint: '127.0.0.1:${manage}' }); ${text}`,
  ]

  test('that publishes, closes and ends by itself loses nothing', async t => {
    const { broker, join } = await startBus(t)
    const subscription = await join().subscribe('stix2')
    const one = indicator()
    const bodies = Array.from({ length: 2000 }, (_, n) => `{"n":${n},${one.slice(1)}`)
    const text = `
      const one = ${JSON.stringify(one)}
      for (let n = 0; n < 2000; n++) bus.publish('{"n":' + n + ',' + one.slice(1))
      await bus.close()`
    const publisher = startNode(t, ...program(broker, text))
    assert.deepEqual(texts(await read(subscription, 2000)), bodies)
    assert.deepEqual(await publisher.ended, { code: 0, lines: [], stderr: '' })
  })

  test('that subscribes, reads and leaves its loop ends by itself', async t => {
    const { broker, join } = await startBus(t)
    const text = `for await (const { object } of await bus.subscribe('stix2')) { console.log(object.id); break }`
    const subscriber = startNode(t, ...program(broker, text))
    await broker.logged(({ msg }) => msg.startsWith('joined'))
    const body = indicator()
    await join().publish(body)
    assert.deepEqual(await subscriber.ended, { code: 0, lines: [JSON.parse(body).id], stderr: '' })
    await broker.logged(({ msg, reason }) => msg.startsWith('unsubscribed') && reason === 'requested')
  })
})

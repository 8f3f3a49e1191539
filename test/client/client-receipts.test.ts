/** Publishing with receipts, on a bus that answers as a test says. */
import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import {
  type BusEvent,
  BusUnavailableError,
  type ConnectOptions,
  connect,
  InvalidMessageError,
} from '../../src/index.ts'
import { startBroker } from '../system/broker-process.ts'
import { StandInBus } from '../system/stand-in-bus.ts'
import { indicator } from '../system/wire.ts'

/** A bus with a log, and an application on it. */
async function start(t: TestContext, options: ConnectOptions = {}) {
  const bus = await StandInBus.start()
  const quick = { requestTimeoutMs: 200, shortestRetryPauseMs: 10, longestRetryPauseMs: 20, closeTimeoutMs: 500 }
  const application = connect({ endpoint: bus.endpoint, ...quick, ...options })
  t.after(async () => {
    await application.close()
    bus.stop()
  })
  const log: string[] = []
  const store = (messages: readonly object[]) => {
    log.push(...messages.map(message => JSON.stringify(message)))
    return { status: 'success', sequence: log.length }
  }
  bus.publishReply = store
  return { bus, application, log, store }
}

/** What is not answered is asked again: on a busy machine an answer takes its time. */
const patient = { requestTimeoutMs: 30_000 }

const bodies = (count: number) => Array.from({ length: count }, () => indicator())

describe('what is published with a receipt', { concurrency: true }, () => {
  test('is acknowledged with its own number, many at once and in order', async t => {
    const { bus, application, log } = await start(t, patient)
    const published = bodies(1200)
    const receipts = await Promise.all(published.map(body => application.publish(body)))
    assert.deepEqual(log, published)
    assert.deepEqual(
      receipts.map(receipt => receipt?.sequence),
      published.map((_, index) => index + 1),
    )
    assert.ok(bus.publications <= 4, `${bus.publications} requests`)
    // One that is published the moment another one is acknowledged does not wait for ever.
    for (const body of bodies(20)) await application.publish(body)
  })

  test('is refused alone if it is the one at fault; the others are stored', async t => {
    const { bus, application, log, store } = await start(t)
    const [good, bad, other] = bodies(3) as [string, string, string]
    bus.publishReply = messages => {
      const index = messages.findIndex(message => JSON.stringify(message) === bad)
      return index < 0 ? store(messages) : { status: 'error', reason: 'not good enough', index }
    }
    const outcomes = await Promise.allSettled([good, bad, other].map(body => application.publish(body)))
    assert.deepEqual(log, [good, other])
    const [, refused] = outcomes
    assert.ok(refused?.status === 'rejected' && refused.reason instanceof InvalidMessageError)
    assert.match(refused.reason.message, /not good enough/)
  })

  test('goes in parts if the bus does not take so much at once', async t => {
    const { bus, application, log, store } = await start(t)
    bus.publishReply = messages =>
      messages.length > 7 ? { status: 'error', reason: 'at most 7 messages' } : store(messages)
    const published = bodies(100)
    const receipts = await Promise.all(published.map(body => application.publish(body)))
    assert.deepEqual(log, published)
    assert.equal(receipts.at(-1)?.sequence, 100)
  })

  test('is asked for again until the bus answers and is able to', async t => {
    const { bus, application, log, store } = await start(t)
    let troubles = 0
    bus.silent = true
    const publishing = application.publish(indicator())
    bus.publishReply = messages =>
      ++troubles < 3 ? { status: 'error', reason: 'the history cannot be written at present' } : store(messages)
    await bus.until(() => bus.publications > 1)
    bus.silent = false
    assert.deepEqual(await publishing, { sequence: 1 })
    assert.equal(log.length, 1)
  })

  test('is given up after its time, with the reason', async t => {
    const { bus, application } = await start(t, { publishTimeoutMs: 100 })
    bus.publishReply = () => ({ status: 'error', reason: 'the disk is full' })
    await assert.rejects(
      application.publish(indicator()),
      error =>
        error instanceof BusUnavailableError && /not known what the bus has: the disk is full/.test(error.message),
    )
  })

  for (const [reason, reply] of [
    ['unknown_request', { status: 'unknown request' }],
    ['no_history', { status: 'error', history: false }],
  ] as const) {
    test(`goes without one if the bus says ${JSON.stringify(reply)}, and the application hears that once`, async t => {
      const events: BusEvent[] = []
      const { bus, application } = await start(t, { onEvent: event => events.push(event) })
      bus.publishReply = () => reply
      const published = bodies(10)
      const receipts = await Promise.all(published.map(body => application.publish(body)))
      assert.deepEqual(receipts, Array(10).fill(undefined))
      await bus.until(() => bus.received.length === 10)
      assert.deepEqual(
        bus.received,
        published.map(body => `stix2/indicator ${body}`),
      )
      assert.deepEqual(events, [{ event: 'without_receipts', reason }])
    })
  }

  test('asks a bus that gave none again, with one message, though no connection broke', async t => {
    const events: BusEvent[] = []
    const onEvent = (event: BusEvent) => events.push(event)
    const { bus, application, log, store } = await start(t, { ...patient, onEvent, heartbeatIntervalMs: 20 })
    const asked: number[] = []
    bus.publishReply = messages => {
      asked.push(messages.length)
      return { status: 'unknown request' }
    }
    while (asked.length < 3) await Promise.all(bodies(10).map(body => application.publish(body)))
    bus.publishReply = store
    while ((await application.publish(indicator())) === undefined);
    assert.equal(log.length, 1)
    assert.deepEqual(asked, [10, ...Array(asked.length - 1).fill(1)])
    bus.publishReply = () => ({ status: 'unknown request' })
    assert.equal(await application.publish(indicator()), undefined)
    assert.deepEqual(
      events.map(({ event }) => event),
      ['without_receipts', 'with_receipts', 'without_receipts'],
    )
  })
})

test('closing gives up what a bus without receipts does not take any more, and says so', async t => {
  const events: BusEvent[] = []
  const { bus, application } = await start(t, { onEvent: event => events.push(event), highWaterMark: 10 })
  bus.publishReply = () => ({ status: 'unknown request' })
  assert.equal(await application.publish(indicator()), undefined)
  bus.stop()
  const outcomes = Promise.allSettled(bodies(100).map(body => application.publish(body)))
  await application.close()
  const failed = (await outcomes).filter(({ status }) => status === 'rejected')
  assert.ok(failed.length > 0)
  await setImmediate()
  assert.deepEqual(events.at(-1), { event: 'flush_abandoned' })
})

describe('a bus that is replaced by another on its ports', { concurrency: true }, () => {
  for (const alsoSubscribes of [false, true]) {
    test(`gives receipts when it can, to one that publishes${alsoSubscribes ? ' and subscribes' : ''}`, async t => {
      // application → our broker, a process → one like the original → our broker, again
      const broker = await startBroker(t)
      const events: BusEvent[] = []
      const application = connect({
        endpoint: `127.0.0.1:${broker.manage}`,
        onEvent: event => events.push(event),
        // So long that only the connection can tell that the bus is another one.
        heartbeatIntervalMs: Number.POSITIVE_INFINITY,
        shortestRetryPauseMs: 10,
        longestRetryPauseMs: 20,
        closeTimeoutMs: 500,
      })
      t.after(() => application.close())
      if (alsoSubscribes) await application.subscribe('stix2/sighting')
      assert.equal((await application.publish(indicator()))?.sequence, 1)
      await broker.stop()

      const original = await StandInBus.start({ ports: broker })
      const unconfirmed = indicator()
      assert.equal(await application.publish(unconfirmed), undefined)
      await original.until(() => original.received.length > 0)
      assert.deepEqual(original.received, [`stix2/indicator ${unconfirmed}`])
      original.stop()

      await startBroker(t, {}, broker)
      // What goes before the library has noticed goes without.
      while ((await application.publish(indicator())) === undefined);
      assert.deepEqual(
        events.map(({ event }) => event).filter(event => event.endsWith('receipts')),
        ['without_receipts', 'with_receipts'],
      )
    })
  }
})

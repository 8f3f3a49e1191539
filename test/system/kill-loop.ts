/**
 * A broker that is killed again and again under load, and applications that go on all the same. Used by the tests with a
 * few rounds, and by `npm run endurance` with many.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Publisher, Request, Subscriber } from 'zeromq'
import { SegmentedStore } from '../../src/history/segmented-store.ts'
import { type BrokerProcess, startBroker } from './broker-process.ts'
import { indicator, type Reply } from './wire.ts'

/** What came of it. */
export interface KillLoopOutcome {
  readonly acknowledged: number
  /** Messages in the log at the end. */
  readonly logged: number
  /** Frames that came again to a subscriber that does not confirm: in all, and at most at once. */
  readonly duplicates: number
  readonly longestRepetition: number
}

/** Asks until there is an answer: the broker may be away. */
async function insist(port: number, message: string, attempts = 400): Promise<Reply> {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const reply = await ask(port, message)
    if (reply) return reply
    await sleep(20)
  }
  throw new Error(`no answer to ${message.slice(0, 100)}`)
}

/** Asks once; undefined if there is no answer. */
async function ask(port: number, message: string): Promise<Reply | undefined> {
  const socket = new Request({ linger: 0, receiveTimeout: 1000, sendTimeout: 1000 })
  socket.connect(`tcp://127.0.0.1:${port}`)
  try {
    await socket.send(message)
    const [reply] = await socket.receive()
    return JSON.parse(String(reply))
  } catch {
    return undefined
  } finally {
    socket.close()
  }
}

/** A subscriber whose socket outlives the broker. */
class Application {
  readonly received: string[] = []
  readonly #manage: number
  readonly #pub: number
  readonly topic: string
  #socket: Subscriber | undefined
  #reading: Promise<void> = Promise.resolve()

  constructor(manage: number, pub: number, topic: string) {
    this.#manage = manage
    this.#pub = pub
    this.topic = topic
  }

  static async subscribe(broker: BrokerProcess, over: object = {}): Promise<Application> {
    const reply = await insist(broker.manage, JSON.stringify({ action: 'subscribe', topic: 'stix2', ...over }))
    assert.equal(reply.status, 'success')
    return new Application(broker.manage, broker.pub, reply.topic)
  }

  /** Connects, and reads until it is closed, with a pause after each message. */
  connect(pauseMs = 0): void {
    const socket = new Subscriber({ linger: 0, receiveHighWaterMark: 100, reconnectInterval: 20 })
    this.#socket = socket
    socket.connect(`tcp://127.0.0.1:${this.#pub}`)
    socket.subscribe(this.topic)
    this.#reading = (async () => {
      for await (const [frame] of socket) {
        this.received.push(String(frame).slice(this.topic.length))
        if (pauseMs > 0) await sleep(pauseMs)
      }
    })()
  }

  /** Closes the connection; what it held is lost. */
  async disconnect(): Promise<void> {
    this.#socket?.close()
    await this.#reading.catch(() => {})
  }

  /** Says how much it has received, once it has read what its connection still held: the broker waits for that. */
  async confirm(): Promise<void> {
    const { topic, received } = this
    for (let read = -1; read !== received.length; await sleep(50)) read = received.length
    await insist(this.#manage, JSON.stringify({ action: 'heartbeat', topic, received: received.length }))
  }

  /** Fulfilled when it has received this frame; rejects if it has received nothing for half a minute. */
  async until(frame: string): Promise<void> {
    let looked = 0
    for (let idleSinceMs = performance.now(); !this.received.includes(frame, looked); await sleep(10)) {
      if (this.received.length > looked) idleSinceMs = performance.now()
      looked = this.received.length
      if (performance.now() - idleSinceMs > 30_000) throw new Error(`nothing comes after ${looked} messages`)
    }
  }
}

/**
 * Publishes with receipts until it is told to stop, in order. If a batch is not acknowledged another one takes its place: the
 * same one again might be in the log twice, or once and delivered twice, and nobody could tell which is right.
 */
async function publishWithReceipts(port: number, isOver: () => boolean): Promise<readonly string[]> {
  const acknowledged: string[] = []
  while (!isOver()) {
    const bodies = Array.from({ length: 1 + Math.floor(Math.random() * 40) }, () => indicator())
    const message = `{"action":"publish","topic":"stix2/indicator","message":[${bodies.join()}]}`
    const reply = await ask(port, message)
    if (reply?.status === 'success') acknowledged.push(...bodies)
    else await sleep(20)
  }
  return acknowledged
}

/** Publishes on `sub`, which may lose messages, until it is told to stop. */
async function publishOnSub(port: number, isOver: () => boolean): Promise<void> {
  const socket = new Publisher({ linger: 0, reconnectInterval: 20 })
  socket.connect(`tcp://127.0.0.1:${port}`)
  while (!isOver()) {
    for (let burst = 0; burst < 20; burst++) await socket.send(`stix2/indicator ${indicator()}`)
    await sleep(5)
  }
  socket.close()
}

/** Kills the broker so many times, at moments that `random` chooses, and checks that everybody has what they should. */
export async function killLoop(
  t: Pick<TestContext, 'after'>,
  rounds: number,
  random = Math.random,
  settings: Record<string, unknown> = {},
): Promise<KillLoopOutcome> {
  let broker = await startBroker(t, settings)
  const slow = await Application.subscribe(broker)
  slow.connect(1)
  const coming = await Application.subscribe(broker)
  coming.connect()
  await coming.confirm()
  let isOver = false
  const publishing = publishWithReceipts(broker.manage, () => isOver)
  const alsoPublishing = publishOnSub(broker.sub, () => isOver)
  const snapshots: Application[] = []

  for (let round = 0; round < rounds; round++) {
    const isAway = random() < 0.5
    if (isAway) await coming.disconnect()
    await sleep(random() * 300)
    if (round % 5 === 0) {
      const snapshot = await Application.subscribe(broker, { snapshot: 1 })
      snapshot.connect()
      snapshots.push(snapshot)
      if (random() < 0.5) await sleep(random() * 50)
    }
    await broker.stop('SIGKILL')
    broker = await startBroker(t, settings, broker)
    if (isAway) coming.connect()
    await coming.confirm()
  }
  isOver = true
  const acknowledged = await publishing
  await alsoPublishing

  // The last message of all is known to everybody.
  const last = indicator()
  const receipt = await insist(broker.manage, `{"action":"publish","topic":"stix2/indicator","message":${last}}`)
  assert.equal(receipt.status, 'success')
  const everybody = [slow, coming, ...snapshots]
  await Promise.all(everybody.map(each => each.until(`indicator ${last}`)))
  await Promise.all(everybody.map(each => each.disconnect()))
  await broker.stop()

  // What came in on `sub` behind the last message has not reached everybody when the broker ends.
  const all = await messagesIn(join(broker.directory, 'threatbus-history'))
  const logged = all.slice(0, all.indexOf(`indicator ${last}`) + 1)
  assertInOrder(acknowledged, logged, 'acknowledged')
  const inLog = new Set(logged)
  assertSame(
    coming.received.filter(frame => inLog.has(frame)),
    logged,
  )
  const repetitions = repetitionsIn(
    slow.received.filter(frame => inLog.has(frame)),
    logged,
  )
  for (const { received } of snapshots) {
    const known = new Set(received)
    // Its own snapshot requests are not for it.
    const isMissing = (frame: string) => frame.startsWith('indicator ') && !known.has(frame)
    const missing = logged.flatMap((frame, index) => (isMissing(frame) ? [index] : []))
    assert.deepEqual(missing, [], `of ${logged.length} these are neither in a snapshot nor live`)
  }
  return {
    acknowledged: acknowledged.length,
    logged: logged.length,
    duplicates: repetitions.reduce((sum, each) => sum + each, 0),
    longestRepetition: Math.max(0, ...repetitions),
  }
}

/** Every message of a log on disk, in order. */
async function messagesIn(directory: string): Promise<readonly string[]> {
  const settings = { retentionDays: 30, maxBytes: 1e12, maxUnwrittenBytes: 1e9 }
  const store = await SegmentedStore.open(directory, settings, {
    written() {},
    failing: error => assert.fail(error as Error),
    recovered() {},
    damaged: path => assert.fail(`${path} is damaged`),
    ageingHeld() {},
    setAside: path => assert.fail(`${path} is damaged`),
  })
  const messages: string[] = []
  for (let sequence = store.oldest; sequence < store.next; ) {
    const batches = await store.read(sequence)
    for (const batch of batches) {
      messages.push(...batch.messages.slice(Math.max(0, sequence - batch.first)).map(({ frame }) => String(frame)))
      sequence = batch.first + batch.messages.length
    }
    assert.ok(batches.length > 0)
  }
  await store.close()
  return messages
}

/** Did who confirms get everything once? */
function assertSame(received: readonly string[], logged: readonly string[]): void {
  const different = logged.findIndex((frame, index) => received[index] !== frame)
  const unique = new Set(received)
  const missing = logged.filter(frame => !unique.has(frame)).length
  assert.equal(different, -1, `of ${logged.length} ${missing} are missing, ${received.length - unique.size} came twice`)
  assert.equal(received.length, logged.length)
}

function assertInOrder(bodies: readonly string[], logged: readonly string[], what: string): void {
  const places = new Map(logged.map((frame, index) => [frame, index]))
  let before = -1
  for (const body of bodies) {
    const place = places.get(`indicator ${body}`)
    assert.ok(place !== undefined, `${what} and not in the log: ${body}`)
    assert.ok(place > before, `${what} and out of order: ${body}`)
    before = place
  }
}

/** How many messages came again each time, of one who got everything in order otherwise. */
function repetitionsIn(received: readonly string[], logged: readonly string[]): readonly number[] {
  const repetitions: number[] = []
  let expected = 0
  let most = 0
  for (const frame of received) {
    most = Math.max(most, expected)
    if (frame === logged[expected]) {
      expected++
      continue
    }
    const place = logged.lastIndexOf(frame, expected)
    assert.ok(place >= 0 && place < expected, `message ${expected} was left out`)
    repetitions.push(expected - place)
    expected = place + 1
  }
  assert.equal(Math.max(most, expected), logged.length)
  return repetitions
}

/**
 * Ten applications that do nothing to anybody, in a process of their own: each subscribes, as the original's do, while one
 * of them publishes a thousand messages a second. They measure how long the bus takes. One clock for all of it.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { Request, Subscriber, XPublisher } from 'zeromq'
import { messageText, nameIn } from '../../delivery/numbered-messages.ts'
import type { Target } from './attack.ts'

/** What they noticed since they were last asked. Times are in milliseconds. */
export interface Experience {
  /** Messages that they published. */
  readonly published: number
  /** Messages that each of them received, all together. */
  readonly deliveries: number
  /** From the publication of a message until a subscriber has it. */
  readonly deliveryMs: { readonly p50: number; readonly p99: number; readonly most: number }
  /** From a heartbeat until its reply. */
  readonly manageMs: { readonly p50: number; readonly p99: number; readonly most: number }
  /** Heartbeats that had no reply in time, or were told that the subscription is not there. */
  readonly failedRequests: number
}

/** What the process is told: to say what it noticed; or to publish no more, and to say so once everything has arrived. */
export type Question = 'noticed' | 'end'

const ownAddress = '127.0.0.3'
const subscribers = 10
/** A thousand messages a second. */
const burst = 10
const burstEveryMs = 10
const messageBytes = 500
const heartbeatEveryMs = 100
/** The clients of the original give up after a second to five. */
const patienceMs = 5000
/** What has not arrived this long after the last publication is lost. */
const longestWaitMs = 60_000
const publisher = 0xb05
/** In the names of what they publish. */
const ownInfix = '--00000b05-'

/**
 * Its messages are sightings, and it wants no others: who wants indicators gets all that anybody publishes, which is no attack.
 * Of numbered messages each fifth is one.
 */
const sightingOf = (publication: number) => 5 * publication + 3
const publicationOf = (sighting: number) => (sighting - 3) / 5

class Durations {
  #values: number[] = []

  add(value: number): void {
    this.#values.push(value)
  }

  take() {
    const sorted = Float64Array.from(this.#values).sort()
    this.#values = []
    const at = (share: number) => Math.round((sorted[Math.floor(share * (sorted.length - 1))] ?? Number.NaN) * 10) / 10
    return { p50: at(0.5), p99: at(0.99), most: at(1) }
  }
}

const [target] = (await once(process, 'message')) as [Target]
process.on('disconnect', () => process.exit())

const publishedMs: number[] = []
const next = new Array<number>(subscribers).fill(0)
const delivery = new Durations()
const manage = new Durations()
let deliveries = 0
let failedRequests = 0
let publishedBefore = 0
let isOver = false

const topics = await Promise.all(next.map((_, subscriber) => join(subscriber)))
for (const topic of topics) beat(topic)
const published = publish()
process.on('message', async (question: Question) => {
  if (question === 'end') await end()
  process.send?.(experience())
})
process.send?.('ready')

/** As libzmq connects from an address of one's own: strangers have others. */
function addressOf(port: number): string {
  return `tcp://${ownAddress}:0;${target.host}:${port}`
}

async function join(subscriber: number): Promise<string> {
  const { topic } = await ask({ action: 'subscribe', topic: 'stix2/sighting' })
  assert.ok(typeof topic === 'string', 'the bus refused an honest subscriber')
  const socket = new Subscriber({ linger: 0, receiveHighWaterMark: 0 })
  socket.connect(addressOf(target.pub))
  socket.subscribe(topic)
  receive(subscriber, socket)
  return topic
}

async function receive(subscriber: number, socket: Subscriber): Promise<void> {
  for await (const [frame] of socket) {
    // An honest application passes over what others publish, and over what the bus asks it.
    const name = nameIn(String(frame))
    if (!name.includes(ownInfix)) continue
    const number = publicationOf(Number.parseInt(name.slice(-12), 16))
    assert.equal(number, next[subscriber], `subscriber ${subscriber} missed a message, or got it twice`)
    next[subscriber] = number + 1
    deliveries++
    delivery.add(performance.now() - (publishedMs[number] as number))
  }
}

async function publish(): Promise<void> {
  const socket = new XPublisher({ linger: 5000, sendHighWaterMark: 0 })
  socket.connect(addressOf(target.sub))
  // What is sent before the broker's subscriptions have come is dropped.
  for (const expected = new Set(['\x01stix2/', '\x01threatbus/snapshotenvelope']); expected.size > 0; ) {
    expected.delete(String((await socket.receive())[0]))
  }
  for (let dueMs = performance.now(); !isOver; dueMs += burstEveryMs) {
    for (let count = 0; count < burst; count++) {
      const number = publishedMs.length
      publishedMs.push(performance.now())
      await socket.send(`stix2/sighting ${messageText(publisher, sightingOf(number), messageBytes)}`)
    }
    await sleep(Math.max(0, dueMs + burstEveryMs - performance.now()))
  }
}

async function end(): Promise<void> {
  isOver = true
  await published
  const givenUpMs = performance.now() + longestWaitMs
  while (next.some(each => each < publishedMs.length)) {
    assert.ok(performance.now() < givenUpMs, `of ${publishedMs.length} messages, subscribers have ${next}`)
    await sleep(50)
  }
}

function experience(): Experience {
  const noticed = {
    published: publishedMs.length - publishedBefore,
    deliveries,
    deliveryMs: delivery.take(),
    manageMs: manage.take(),
    failedRequests,
  }
  publishedBefore = publishedMs.length
  deliveries = 0
  failedRequests = 0
  return noticed
}

async function beat(topic: string): Promise<void> {
  for (;;) {
    await sleep(heartbeatEveryMs * subscribers)
    const beganMs = performance.now()
    const { status } = await ask({ action: 'heartbeat', topic }).catch(() => ({ status: 'no reply' }))
    manage.add(performance.now() - beganMs)
    if (status !== 'success') failedRequests++
  }
}

async function ask(request: object): Promise<Record<string, unknown>> {
  const socket = new Request({ linger: 0, receiveTimeout: patienceMs, sendTimeout: patienceMs })
  socket.connect(addressOf(target.manage))
  try {
    await socket.send(JSON.stringify(request))
    return JSON.parse(String((await socket.receive())[0]))
  } finally {
    socket.close()
  }
}

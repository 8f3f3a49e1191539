/**
 * A process of applications that subscribe: as the original's do, with bare sockets of libzmq that know nothing of
 * confirming, or on the client library. It tells its parent what each of them received.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { setImmediate, setTimeout as sleep } from 'node:timers/promises'
import { Request, Subscriber } from 'zeromq'
import { connect } from '../../src/index.ts'
import type { Arrival } from './checker.ts'
import { nameIn } from './numbered-messages.ts'

/** An application. */
export interface ApplicationOptions {
  /** `plain`: a SUB socket joined by its p2p topic; `typed`: by topic and types; `confirming`: the client library. */
  readonly kind: 'plain' | 'typed' | 'confirming'
  /** Where it thinks that the broker is. */
  readonly host: string
  readonly manage: number
  readonly topics?: readonly string[]
  /** It wants what was published in so many days before. */
  readonly snapshotDays?: number
  /** What a `typed` one joins. */
  readonly types?: readonly ('indicator' | 'sighting')[]
  /** It waits so long after each message. */
  readonly pauseMs?: number
  /** Messages that its library holds for it. */
  readonly highWaterMark?: number
  /** Between its heartbeats; a `plain` or `typed` one sends none without. */
  readonly heartbeatMs?: number
  /** Options of the SUB socket of a `plain` or `typed` one. */
  readonly socket?: ConstructorParameters<typeof Subscriber>[0]
}

/** What the process tells. */
export type Told =
  | { readonly application: number; readonly arrivals: readonly Arrival[] }
  /** It is subscribed, and connects. */
  | { readonly application: number; readonly subscribed: true }

/** What the process is told: that an application reads no more, or reads on. */
export interface ReadingOrder {
  readonly application: number
  readonly reads: boolean
}

/** Arrivals told at once. */
const toldAtOnce = 1000

class Application {
  readonly #number: number
  readonly #options: ApplicationOptions
  #arrivals: Arrival[] = []
  #reads: Promise<void> = Promise.resolve()
  #readOn = () => {}

  constructor(number: number, options: ApplicationOptions) {
    this.#number = number
    this.#options = options
  }

  set reads(reads: boolean) {
    this.#readOn()
    if (reads) return
    this.#reads = new Promise(resolve => {
      this.#readOn = resolve
    })
  }

  async run(): Promise<void> {
    const frames = this.#options.kind === 'confirming' ? this.#confirming() : this.#plain()
    for await (const frame of frames) {
      this.#tell(frame)
      await this.#reads
      if (this.#options.pauseMs !== undefined) await sleep(this.#options.pauseMs)
    }
  }

  async *#plain(): AsyncGenerator<Buffer | string> {
    const { host, topics = ['stix2'], types = [], highWaterMark, heartbeatMs, snapshotDays = 0 } = this.#options
    const { topic, pub_port } = await this.#insist({ action: 'subscribe', topic: topics, snapshot: snapshotDays })
    process.send?.({ application: this.#number, subscribed: true } satisfies Told)
    if (heartbeatMs !== undefined) this.#beat(String(topic), heartbeatMs)
    const limit = highWaterMark === undefined ? {} : { receiveHighWaterMark: highWaterMark }
    const socket = new Subscriber({ linger: 0, ...limit, ...this.#options.socket })
    socket.connect(`tcp://${host}:${pub_port}`)
    socket.subscribe(...(types.length === 0 ? [String(topic)] : types.map(type => `${topic}${type}`)))
    for await (const [frame] of socket) if (frame !== undefined) yield frame
  }

  async *#confirming(): AsyncGenerator<string> {
    const {
      host,
      manage,
      topics = ['stix2'],
      snapshotDays = 0,
      heartbeatMs = 1000,
      highWaterMark = 1000,
    } = this.#options
    const bus = connect({
      endpoint: `${host}:${manage}`,
      heartbeatIntervalMs: heartbeatMs,
      highWaterMark,
      connectTimeoutMs: 60_000,
      shortestRetryPauseMs: 20,
      longestRetryPauseMs: 200,
    })
    const subscription = await bus.subscribe(topics, { snapshotDays })
    process.send?.({ application: this.#number, subscribed: true } satisfies Told)
    for await (const { text } of subscription) yield text
  }

  async #beat(topic: string, heartbeatMs: number): Promise<void> {
    for (;;) {
      await sleep(heartbeatMs)
      const { status } = await this.#insist({ action: 'heartbeat', topic })
      assert.equal(status, 'success', 'its subscription was forgotten')
    }
  }

  /** Asks until there is an answer, as the original's applications do. */
  async #insist(request: object): Promise<Record<string, unknown>> {
    const { host, manage } = this.#options
    for (;;) {
      const socket = new Request({ linger: 0, receiveTimeout: 2000, sendTimeout: 2000 })
      socket.connect(`tcp://${host}:${manage}`)
      try {
        await socket.send(JSON.stringify(request))
        return JSON.parse(String((await socket.receive())[0]))
      } catch {
        await sleep(50)
      } finally {
        socket.close()
      }
    }
  }

  #tell(frame: Buffer | string): void {
    if (this.#arrivals.length === 0) this.#tellSoon()
    const bytes = typeof frame === 'string' ? Buffer.byteLength(frame) : frame.length
    this.#arrivals.push({ message: nameIn(String(frame)), bytes, atMs: Date.now() })
    if (this.#arrivals.length >= toldAtOnce) this.#tellNow()
  }

  async #tellSoon(): Promise<void> {
    await setImmediate()
    this.#tellNow()
  }

  #tellNow(): void {
    const arrivals = this.#arrivals.splice(0)
    if (arrivals.length > 0) process.send?.({ application: this.#number, arrivals } satisfies Told)
  }
}

const [options] = (await once(process, 'message')) as [readonly ApplicationOptions[]]
const applications = options.map((each, number) => new Application(number, each))
process.on('message', ({ application, reads }: ReadingOrder) => {
  const told = applications[application]
  if (told !== undefined) told.reads = reads
})
process.on('disconnect', () => process.exit())
await Promise.all(applications.map(each => each.run()))

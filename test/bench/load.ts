import { setTimeout as delay } from 'node:timers/promises'
import { cpuSeconds } from './cpu.ts'
import { IndicatorMint, indicatorTopic } from './indicators.ts'
import { ManageClient } from './manage-client.ts'
import { flatOut, onSchedule, type Pace, Publisher } from './publisher.ts'
import { type Account, ReceiverThreads } from './receiver-threads.ts'
import { now, type SharedState } from './shared-state.ts'
import { percentile } from './statistics.ts'

/** Where a broker is. */
export interface Address {
  readonly host: string
  /** The port of `manage`; it names the others. */
  readonly manage: number
  /** Its process, to read its processor time. */
  readonly pid?: number | undefined
}

/** What to put on it. */
export interface LoadOptions {
  readonly subscribers: number
  /** Length of each indicator's JSON. */
  readonly bytes: number
  /** Messages per second, by the clock; without it, as many as the broker can take. */
  readonly rate?: number | undefined
}

/** What came of some time of load. */
export interface Measurement {
  /** Messages that reached everyone. */
  readonly messagesPerSecond: number
  readonly deliveriesPerSecond: number
  /** Processor time of the whole broker for each delivery, in microseconds; where the system tells. */
  readonly cpuPerDelivery: number | undefined
  /** From the time at which a message was due to its receipt, in milliseconds. Only with a rate. */
  readonly latencyP50: number | undefined
  readonly latencyP99: number | undefined
  /** How many processors the load generator kept busy. */
  readonly ownProcessors: number
}

/** How many messages may be on their way to the slowest subscriber, if there is no rate. */
const window = 500
/** How long subscribers may take to join, in milliseconds. */
const joinTimeout = 15_000
/** From one message that looks whether all have joined to the next, in milliseconds. */
const probeInterval = 10
/** How long the load may take to flow evenly before each measurement, if there is no rate, in seconds. */
const rampSeconds = 0.1
/** Without a receipt for so long, what is missing counts as lost, in milliseconds. */
const idleTimeout = 4_000
/** How long to look for surplus messages at the end, in milliseconds. */
const lateness = 100

/** Subscribers and a publisher at a broker. They are idle except while something is measured. */
export class Load {
  readonly #address: Address
  readonly #rate: number | undefined
  readonly #p2pTopics: readonly string[]
  readonly #threads: ReceiverThreads
  readonly #publisher: Publisher
  readonly #shared: SharedState

  private constructor(
    address: Address,
    rate: number | undefined,
    p2pTopics: readonly string[],
    threads: ReceiverThreads,
    publisher: Publisher,
  ) {
    this.#address = address
    this.#rate = rate
    this.#p2pTopics = p2pTopics
    this.#threads = threads
    this.#publisher = publisher
    this.#shared = threads.shared
  }

  /** Subscribes, and waits until every subscriber receives what is published. */
  static async start(address: Address, { subscribers, bytes, rate }: LoadOptions): Promise<Load> {
    const { host } = address
    const manage = new ManageClient(host, address.manage)
    const { p2pTopics, pubPort, subPort } = await manage.subscribe(indicatorTopic, subscribers)
    manage.close()
    const mint = new IndicatorMint(bytes)
    const task = { host, port: pubPort, marker: mint.marker, paced: rate !== undefined }
    const threads = await ReceiverThreads.start(p2pTopics, task)
    const publisher = await Publisher.connect(mint, host, subPort)
    const load = new Load(address, rate, p2pTopics, threads, publisher)
    await load.#probe()
    return load
  }

  /** Publishes for a while. When it resolves, all of that has arrived or is lost. */
  async measure(seconds: number): Promise<Measurement> {
    if (this.#rate === undefined) await this.#publishFor(rampSeconds)
    const before = this.#sample()
    await this.#publishFor(seconds)
    const after = this.#sample()
    await this.#drain()
    const latencies = await this.#threads.takeLatencies()
    const measuredSeconds = (after.milliseconds - before.milliseconds) / 1_000
    const deliveries = after.received - before.received
    const cpu =
      before.cpu === undefined || after.cpu === undefined ? undefined : ((after.cpu - before.cpu) / deliveries) * 1e6
    return {
      messagesPerSecond: deliveries / this.#p2pTopics.length / measuredSeconds,
      deliveriesPerSecond: deliveries / measuredSeconds,
      cpuPerDelivery: cpu,
      latencyP50: latencies.length === 0 ? undefined : percentile(latencies, 0.5),
      latencyP99: latencies.length === 0 ? undefined : percentile(latencies, 0.99),
      ownProcessors: (after.ownCpu - before.ownCpu) / measuredSeconds,
    }
  }

  /** Publishes a number of messages, and waits until they have arrived or are lost. */
  async publish(messages: number): Promise<void> {
    const end = this.#publisher.published + messages
    const pace = flatOut(this.#shared, window)
    const upToEnd: Pace = { ...pace, due: () => Math.min(end, pace.due()) }
    await this.#publisher.keepPace(upToEnd, () => this.#publisher.published === end)
    await this.#drain()
  }

  /** What became of the messages so far. */
  account(): Promise<Account> {
    return this.#threads.account(this.#publisher.published)
  }

  /** Unsubscribes, and tells what became of the messages. */
  async end(): Promise<Account> {
    await delay(lateness)
    const account = await this.account()
    this.#publisher.close()
    await this.#threads.terminate()
    const manage = new ManageClient(this.#address.host, this.#address.manage)
    await manage.unsubscribe(this.#p2pTopics)
    manage.close()
    return account
  }

  /** Publishes until everyone has received something: only then is it sure that the broker has admitted all. */
  async #probe(): Promise<void> {
    const giveUp = now() + joinTimeout
    while (this.#shared.slowest() === -1) {
      if (now() > giveUp) throw new Error(`a subscriber has received nothing for ${joinTimeout / 1_000} s`)
      this.#publisher.publishUpTo(this.#publisher.published + 1)
      await delay(probeInterval)
    }
    await this.#drain()
  }

  async #publishFor(seconds: number): Promise<void> {
    const end = now() + seconds * 1_000
    await this.#publisher.keepPace(this.#pace(), () => now() >= end)
  }

  #pace(): Pace {
    if (this.#rate === undefined) return flatOut(this.#shared, window)
    const schedule = { first: this.#publisher.published, start: now(), interval: 1_000 / this.#rate }
    this.#shared.schedule = schedule
    return onSchedule(this.#shared, schedule)
  }

  async #drain(): Promise<void> {
    let received = -1
    let giveUp = 0
    while (this.#shared.slowest() < this.#publisher.published) {
      if (this.#shared.received() > received) {
        received = this.#shared.received()
        giveUp = now() + idleTimeout
      }
      if (now() > giveUp) return
      await delay(2)
    }
  }

  /** The counters at this moment. */
  #sample() {
    const { user, system } = process.cpuUsage()
    return {
      milliseconds: now(),
      received: this.#shared.received(),
      cpu: this.#address.pid === undefined ? undefined : cpuSeconds(this.#address.pid),
      ownCpu: (user + system) / 1e6,
    }
  }
}

import { setTimeout as delay } from 'node:timers/promises'
import type { Contestant, Membership } from './contestants.ts'
import { cpuSeconds } from './cpu.ts'
import { IndicatorMint } from './indicators.ts'
import { flatOut, onSchedule, type Pace, Publisher } from './publisher.ts'
import { type Account, ReceiverThreads } from './receiver-threads.ts'
import { now, type SharedState } from './shared-state.ts'
import { percentile } from './statistics.ts'
import { wires } from './wires/wires.ts'

/** What to put on it. */
export interface LoadOptions {
  readonly subscribers: number
  /** Length of each indicator's JSON. */
  readonly bytes: number
  /** Messages per second, by the clock; without it, as many as the broker can take. */
  readonly rate?: number | undefined
  /** How many messages may be on their way to the slowest subscriber, if there is no rate. */
  readonly window?: number
}

/** How fast messages went. */
export interface Flow {
  /** Messages that reached everyone. */
  readonly messagesPerSecond: number
  readonly deliveriesPerSecond: number
  /** Processor time of the whole broker for each delivery, in microseconds; where the system tells. */
  readonly cpuPerDelivery: number | undefined
  /** How many processors the load generator kept busy. */
  readonly ownProcessors: number
}

/** What came of some time of load. */
export interface Measurement extends Flow {
  /** From the time at which a message was due to its receipt, in milliseconds. Only with a rate. */
  readonly latencyP50: number | undefined
  readonly latencyP99: number | undefined
}

/** So many brokers keep for a subscriber, whatever their own bounds. */
const defaultWindow = 500
/** How long subscribers may take to join, in milliseconds. */
const joinTimeout = 30_000
/** From one message that looks whether all have joined to the next, in milliseconds: for up to 200, and for each more. */
const probeInterval = { least: 10, each: 0.05 }
/** How long the load may take to flow evenly before each measurement, if there is no rate, in seconds. */
const rampSeconds = 0.1
/** Without a receipt for so long, what is missing counts as lost, in milliseconds. */
const idleTimeout = 4_000
/** How long to look for surplus messages at the end, in milliseconds. */
const lateness = 100

/** Subscribers and a publisher at a broker. They are idle except while something is measured. */
export class Load {
  readonly #contestant: Contestant
  readonly #options: LoadOptions
  readonly #membership: Membership
  readonly #threads: ReceiverThreads
  readonly #publisher: Publisher
  readonly #shared: SharedState

  private constructor(
    contestant: Contestant,
    options: LoadOptions,
    membership: Membership,
    threads: ReceiverThreads,
    publisher: Publisher,
  ) {
    this.#contestant = contestant
    this.#options = options
    this.#membership = membership
    this.#threads = threads
    this.#publisher = publisher
    this.#shared = threads.shared
  }

  /** Subscribes, and waits until every subscriber receives what is published. */
  static async start(contestant: Contestant, options: LoadOptions): Promise<Load> {
    return Load.join(contestant, await contestant.join(options.subscribers), options)
  }

  /** The same for subscribers that the broker knows already. */
  static async join(contestant: Contestant, membership: Membership, options: LoadOptions): Promise<Load> {
    const { wire } = contestant
    const mint = new IndicatorMint(options.bytes, wires[wire])
    const task = { wire, endpoint: membership.pub, marker: mint.marker, paced: options.rate !== undefined }
    const threads = await ReceiverThreads.start(membership.topics, task)
    const publisher = await Publisher.connect(mint, wires[wire], membership.sub)
    const load = new Load(contestant, options, membership, threads, publisher)
    await load.#probe()
    return load
  }

  /** Publishes for a while. When it resolves, all of that has arrived or is lost. */
  async measure(seconds: number): Promise<Measurement> {
    if (this.#options.rate === undefined) await this.#publishFor(rampSeconds)
    const before = this.#sample()
    await this.#publishFor(seconds)
    const after = this.#sample()
    await this.#drain()
    const latencies = await this.#threads.takeLatencies()
    return {
      ...this.#between(before, after),
      latencyP50: latencies.length === 0 ? undefined : percentile(latencies, 0.5),
      latencyP99: latencies.length === 0 ? undefined : percentile(latencies, 0.99),
    }
  }

  /** Publishes a number of messages, and measures until all of them have arrived or are lost. */
  async deliver(messages: number): Promise<Flow> {
    const before = this.#sample()
    await this.publish(messages)
    return this.#between(before, this.#sample())
  }

  /** Publishes a number of messages, and waits until they have arrived or are lost. */
  async publish(messages: number): Promise<void> {
    const end = this.#publisher.published + messages
    const pace = flatOut(this.#shared, this.#options.window ?? defaultWindow)
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
    // In this order: when thousands of connections end at once, a broker may answer nobody for many seconds.
    await this.#membership.leave()
    await this.#threads.terminate()
    return account
  }

  /** Publishes until everyone has received something: only then is it sure that the broker has admitted all. */
  async #probe(): Promise<void> {
    const giveUp = now() + joinTimeout
    const interval = Math.max(probeInterval.least, probeInterval.each * this.#membership.topics.length)
    while (this.#shared.slowest() === -1) {
      if (now() > giveUp) throw new Error(`a subscriber has received nothing for ${joinTimeout / 1_000} s`)
      this.#publisher.publishUpTo(this.#publisher.published + 1)
      await delay(interval)
    }
    await this.#drain()
  }

  async #publishFor(seconds: number): Promise<void> {
    const end = now() + seconds * 1_000
    await this.#publisher.keepPace(this.#pace(), () => now() >= end)
  }

  #pace(): Pace {
    const { rate, window = defaultWindow } = this.#options
    if (rate === undefined) return flatOut(this.#shared, window)
    const schedule = { first: this.#publisher.published, start: now(), interval: 1_000 / rate }
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
  #sample(): Sample {
    const { user, system } = process.cpuUsage()
    return {
      milliseconds: now(),
      received: this.#shared.received(),
      cpu: this.#contestant.pid === undefined ? undefined : cpuSeconds(this.#contestant.pid),
      ownCpu: (user + system) / 1e6,
    }
  }

  #between(before: Sample, after: Sample): Flow {
    const seconds = (after.milliseconds - before.milliseconds) / 1_000
    const deliveries = after.received - before.received
    const known = before.cpu !== undefined && after.cpu !== undefined
    return {
      messagesPerSecond: deliveries / this.#membership.topics.length / seconds,
      deliveriesPerSecond: deliveries / seconds,
      cpuPerDelivery: known ? ((after.cpu - before.cpu) / deliveries) * 1e6 : undefined,
      ownProcessors: (after.ownCpu - before.ownCpu) / seconds,
    }
  }
}

interface Sample {
  readonly milliseconds: number
  readonly received: number
  /** Seconds of the broker's processor time. */
  readonly cpu: number | undefined
  readonly ownCpu: number
}

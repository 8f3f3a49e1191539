/** publishers → broker → a proxy for each application → the application */
import type { TestContext } from 'node:test'
import { type BrokerProcess, startBroker } from '../system/broker-process.ts'
import { type Application, startApplications } from './applications.ts'
import type { ApplicationOptions } from './applications-process.ts'
import type { Allowance, Repetition } from './checker.ts'
import { CuttingProxy } from './cutting-proxy.ts'
import { nameOf } from './numbered-messages.ts'
import { type Publisher, startPublisher } from './publisher.ts'
import type { PublisherOptions } from './publisher-process.ts'
import { assertDelivered, Outcome } from './verdict.ts'

/**
 * Bytes that a subscriber may be sent again after a break: what the broker sends ahead of the library's acknowledgement,
 * unless its configuration says otherwise.
 */
export const defaultWindowBytes = 1_048_576

/**
 * What a library acknowledged in so long, in milliseconds, may not be on disk when the broker is killed: twice what the
 * broker promises, for a machine that is busy.
 */
const unwrittenMs = 2000

/** Publishers beside those of a test have this number: the last message of all is theirs. */
const lastPublisher = 0

/** Who is there. */
export interface Cast {
  /** Each process has several applications. */
  readonly processes: readonly (readonly Omit<ApplicationOptions, 'host' | 'manage'>[])[]
  /** They are numbered from 1. */
  readonly publishers: readonly Omit<PublisherOptions, 'publisher' | 'host' | 'manage' | 'sub'>[]
  /** Of the broker's configuration. */
  readonly settings?: Record<string, unknown>
  /** Undefined: the default. */
  readonly windowBytes?: number | undefined
}

/** An application, and what its connections go through. */
export interface Member {
  readonly application: Application
  readonly proxy: CuttingProxy
}

/** Real processes that publish and receive, and accidents between them. */
export class Scene {
  readonly members: readonly Member[]
  readonly publishers: readonly Publisher[]
  readonly #t: Pick<TestContext, 'after'>
  readonly #settings: Record<string, unknown>
  readonly #windowBytes: number
  readonly #kills: number[] = []
  #broker: BrokerProcess

  static async open(t: Pick<TestContext, 'after'>, cast: Cast): Promise<Scene> {
    const { processes, publishers, windowBytes, settings = {} } = cast
    const zmq = {
      ...(settings.zmq as object | undefined),
      ...(windowBytes !== undefined && { acknowledgement_window: windowBytes }),
    }
    const brokerSettings = { ...settings, zmq }
    const broker = await startBroker(t, brokerSettings)
    const { manage, sub } = broker
    const members = await Promise.all(
      processes.map(async applications => {
        const proxies = await Promise.all(applications.map(() => CuttingProxy.open(t, broker)))
        const options = applications.map((each, index) => ({ ...each, host: proxies[index]?.host ?? '', manage }))
        const started = await startApplications(t, options)
        return started.map((application, index) => ({ application, proxy: proxies[index] as CuttingProxy }))
      }),
    )
    const started = publishers.map((each, index) =>
      startPublisher(t, { ...each, publisher: index + 1, host: '127.0.0.1', manage, sub }),
    )
    return new Scene(t, brokerSettings, windowBytes ?? defaultWindowBytes, broker, members.flat(), started)
  }

  private constructor(
    t: Pick<TestContext, 'after'>,
    settings: Record<string, unknown>,
    windowBytes: number,
    broker: BrokerProcess,
    members: readonly Member[],
    publishers: readonly Publisher[],
  ) {
    this.#t = t
    this.#settings = settings
    this.#windowBytes = windowBytes
    this.#broker = broker
    this.members = members
    this.publishers = publishers
  }

  /** Kills the broker, and starts the next one in its place. */
  async killBroker(): Promise<void> {
    await this.#broker.stop('SIGKILL')
    this.#kills.push(Date.now())
    this.#broker = await startBroker(this.#t, this.#settings, this.#broker)
  }

  /**
   * Ends the publishers, or waits until each has published all that it was to, lets everybody receive what there is, and
   * checks it. Answers what there was to receive.
   */
  async conclude({ ends }: { ends: 'now' | 'when all is published' }): Promise<Outcome> {
    const published = await Promise.all(
      this.publishers.map(async ({ options, ended, end }) => {
        return { options, publication: await (ends === 'now' ? end() : ended) }
      }),
    )
    for (const { application, proxy } of this.members) {
      proxy.thaw()
      proxy.throttle(Number.POSITIVE_INFINITY)
      application.reads = true
    }
    const last = await this.#publishLast()
    const lastName = nameOf(lastPublisher, 0)
    await Promise.all(this.members.map(({ application }) => application.settled(lastName)))
    const outcome = await Outcome.read(this.#t, this.#broker, [...published, last], lastName)
    assertDelivered(outcome, this.members, member => this.#allowanceFor(member))
    return outcome
  }

  async #publishLast() {
    const { manage, sub } = this.#broker
    const { options, ended } = startPublisher(this.#t, {
      ...{ publisher: lastPublisher, way: 'receipts', host: '127.0.0.1', manage, sub },
      ...{ bytes: 500, burst: 1, pauseMs: 0, count: 1 },
    })
    return { options, publication: await ended }
  }

  /** What is said of a subscriber that does not confirm: one window for each break, and what a killed broker did not write. */
  #allowanceFor({ application, proxy }: Member): Allowance {
    const bytesOf = ({ atMs }: Repetition) => {
      const killedMs = this.#kills.findLast(each => each <= atMs)
      if (killedMs === undefined) return this.#windowBytes
      const unwritten = application.arrivals.filter(each => each.atMs > killedMs - unwrittenMs && each.atMs <= atMs)
      return unwritten.reduce((sum, { bytes }) => sum + bytes, this.#windowBytes)
    }
    return { repetitions: proxy.connections - 1, bytesOf }
  }
}

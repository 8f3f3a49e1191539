/** publishers → broker → a proxy for each application, or a network of several hosts → the application */
import type { TestContext } from 'node:test'
import { type BrokerProcess, startBroker } from '../system/broker-process.ts'
import { type Application, startApplications } from './applications.ts'
import type { ApplicationOptions } from './applications-process.ts'
import type { Allowance, Repetition } from './checker.ts'
import { CuttingProxy } from './cutting-proxy.ts'
import type { Network } from './network.ts'
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
 * What a library acknowledged in so long, in milliseconds, may not be on disk when the broker is killed: four times what
 * the broker promises, for a machine that is busy.
 */
const unwrittenMs = 4000

const localHost = '127.0.0.1'

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
  /** Bytes of a frame, if some are longer than the window: one such may be on its way. */
  readonly longestBytes?: number
  /** Applications are on one of its hosts, broker and publishers on another one; without, there are proxies between them. */
  readonly network?: Network
}

/** How a scene ends. */
export interface Conclusion {
  /** Do the publishers end now, or when each has published all that it was to? */
  readonly ends: 'now' | 'when all is published'
  /** How often the connections of each application broke, in a network. Proxies count it. */
  readonly breaks?: number
}

/** Real processes that publish and receive, and accidents between them. */
export class Scene {
  readonly applications: Application[] = []
  /** Of the application of the same index; none in a network. */
  readonly proxies: CuttingProxy[] = []
  publishers: readonly Publisher[] = []
  readonly #t: Pick<TestContext, 'after'>
  readonly #cast: Cast
  readonly #settings: Record<string, unknown>
  readonly #kills: number[] = []
  #broker: BrokerProcess

  static async open(t: Pick<TestContext, 'after'>, cast: Cast): Promise<Scene> {
    const { processes, windowBytes, network, settings = {} } = cast
    const zmq = {
      ...(settings.zmq as object | undefined),
      ...(windowBytes !== undefined && { acknowledgement_window: windowBytes }),
      ...(network && { host: network.brokerAddress }),
    }
    const brokerSettings = { ...settings, zmq, within: network?.broker.within ?? [] }
    const broker = await startBroker(t, brokerSettings)
    const scene = new Scene(t, cast, brokerSettings, broker)
    await Promise.all(processes.map(applications => scene.join(applications)))
    scene.publishers = cast.publishers.map((each, index) => scene.#publish({ ...each, publisher: index + 1 }))
    return scene
  }

  private constructor(
    t: Pick<TestContext, 'after'>,
    cast: Cast,
    settings: Record<string, unknown>,
    broker: BrokerProcess,
  ) {
    this.#t = t
    this.#cast = cast
    this.#settings = settings
    this.#broker = broker
  }

  /** Applications come, in a process of their own: fulfilled when they are subscribed. */
  async join(options: Cast['processes'][number]): Promise<void> {
    const { network } = this.#cast
    const { manage } = this.#broker
    const proxies = network ? [] : await Promise.all(options.map(() => CuttingProxy.open(this.#t, this.#broker)))
    const host = (index: number) => proxies[index]?.host ?? network?.brokerAddress ?? localHost
    const placed = options.map((each, index) => ({ ...each, host: host(index), manage }))
    const applications = await startApplications(this.#t, placed, network?.subscribers.within)
    // Processes start side by side: an application and its proxy have the same index all the same.
    this.applications.push(...applications)
    this.proxies.push(...proxies)
  }

  /** The broker that serves now. */
  get broker(): BrokerProcess {
    return this.#broker
  }

  /** Kills the broker, and starts the next one in its place. */
  async killBroker(): Promise<void> {
    await this.#broker.stop('SIGKILL')
    this.#kills.push(Date.now())
    this.#broker = await startBroker(this.#t, this.#settings, this.#broker)
  }

  /** Lets everybody receive what there is, and checks it. Answers what there was to receive. */
  async conclude({ ends, breaks = 0 }: Conclusion): Promise<Outcome> {
    const published = await Promise.all(
      this.publishers.map(async ({ options, ended, end }) => {
        return { options, publication: await (ends === 'now' ? end() : ended) }
      }),
    )
    for (const proxy of this.proxies) {
      proxy.thaw()
      proxy.throttle(Number.POSITIVE_INFINITY)
    }
    for (const application of this.applications) application.reads = true
    // What comes by `sub` may be taken later than what is published after it with a receipt.
    if (ends === 'when all is published') {
      const lastNames = published.map(({ options, publication }) => nameOf(options.publisher, publication.count - 1))
      await Promise.all(this.applications.flatMap(application => lastNames.map(name => application.settled(name))))
    }
    const { options, ended } = this.#publish({
      ...{ publisher: lastPublisher, way: 'receipts' },
      ...{ bytes: 500, burst: 1, pauseMs: 0, count: 1 },
    })
    const all = [...published, { options, publication: await ended }]
    const last = nameOf(lastPublisher, 0)
    await Promise.all(this.applications.map(application => application.settled(last)))
    const outcome = await Outcome.read(this.#t, this.#broker, all, last)
    assertDelivered(outcome, this.applications, (application, index) => {
      const proxy = this.proxies[index]
      return this.#allowance(application, proxy === undefined ? breaks : proxy.connections - 1)
    })
    return outcome
  }

  #publish(options: Omit<PublisherOptions, 'host' | 'manage' | 'sub'>): Publisher {
    const { network } = this.#cast
    const { manage, sub } = this.#broker
    const host = network?.brokerAddress ?? localHost
    return startPublisher(this.#t, { ...options, host, manage, sub }, network?.broker.within)
  }

  /**
   * What a subscriber that does not confirm is allowed: one window for each break, and what a killed broker did not write. Of
   * that, what its library had acknowledged and the application had not read is as much as its pipe holds, at both its ends.
   */
  #allowance({ arrivals, options: { highWaterMark = 1000 } }: Application, breaks: number): Allowance {
    const { windowBytes: configured = defaultWindowBytes, longestBytes = 0 } = this.#cast
    const windowBytes = Math.max(configured, longestBytes)
    const bytesOf = ({ atMs }: Repetition) => {
      const killedMs = this.#kills.findLast(each => each <= atMs)
      if (killedMs === undefined) return windowBytes
      const unwritten = arrivals.filter(each => each.atMs > killedMs - unwrittenMs && each.atMs <= atMs)
      const longest = arrivals.reduce((most, { bytes }) => Math.max(most, bytes), 0)
      return unwritten.reduce((sum, { bytes }) => sum + bytes, windowBytes + 2 * highWaterMark * longest)
    }
    return { repetitions: breaks, bytesOf }
  }
}

import { setTimeout } from 'node:timers/promises'
import { Context, Router, type Socket, Subscriber, XPublisher } from 'zeromq'
import { drawP2pTopic } from '../../src/protocol/topics.ts'

/** What a stand-in does differently from a well-behaved bus. */
export interface StandInOptions {
  /** Port numbers that a bus had before; without, or for 0, the system chooses. */
  ports?: { manage: number; pub: number; sub: number }
  /** Do replies name the ports as numbers? */
  portsAsNumbers?: boolean
  /** What a subscribe reply holds beside the usual. */
  extraReply?: Record<string, unknown>
  /** Messages that it holds for one publisher before that has to wait. */
  receiveHighWaterMark?: number
  host?: string
}

/** Something that an application asked, or did. */
export interface Heard {
  action: string
  topic?: string | string[]
  snapshot?: number
  received?: number
  numbered?: boolean
  since?: number | string
  message?: object | object[]
}

/** What it answers to what is published with a receipt. */
export type PublishReply = (messages: readonly object[]) => object

/**
 * A bus that does what a test says: it can be silent, forget, and tell what it was asked. It holds no queues; what is
 * published through it goes to whoever has joined by then.
 */
export class StandInBus {
  readonly heard: Heard[] = []
  readonly received: string[] = []
  readonly joined = new Set<string>()
  readonly known = new Map<string, string[]>()
  ports = { manage: 0, pub: 0, sub: 0 }
  silent = false
  refusal: string | undefined
  /** How often it was asked to publish with a receipt. */
  publications = 0
  /** The original knows no receipts, and neither does this one unless a test says so. */
  publishReply: PublishReply = () => ({ status: 'unknown request' })
  readonly #options: StandInOptions
  readonly #context = new Context({ blocky: false })
  readonly #manage: Router
  readonly #pub: XPublisher
  readonly #sub: Subscriber
  readonly #watchers = new Set<() => void>()

  private constructor(options: StandInOptions) {
    this.#options = options
    const context = this.#context
    const ipv6 = options.host?.includes(':') ?? false
    this.#manage = new Router({ context, ipv6, linger: 0 })
    this.#pub = new XPublisher({ context, ipv6, linger: 0, sendTimeout: 0, noDrop: true })
    this.#sub = new Subscriber({
      context,
      ipv6,
      linger: 0,
      receiveHighWaterMark: options.receiveHighWaterMark ?? 1000,
      receiveBufferSize: 65_536,
    })
  }

  static async start(options: StandInOptions = {}): Promise<StandInBus> {
    const bus = new StandInBus(options)
    const host = options.host ?? '127.0.0.1'
    for (const name of ['manage', 'pub', 'sub'] as const) {
      const socket = { manage: bus.#manage, pub: bus.#pub, sub: bus.#sub }[name]
      await bindInTime(socket, `tcp://${host}:${options.ports?.[name] || '*'}`)
      bus.ports[name] = Number(/:(\d+)$/.exec(socket.lastEndpoint ?? '')?.[1])
    }
    bus.#sub.subscribe('stix2/', 'threatbus/snapshotenvelope')
    bus.#serve()
    return bus
  }

  get endpoint(): string {
    return `${this.#options.host ?? '127.0.0.1'}:${this.ports.manage}`
  }

  /** Fulfilled as soon as `happened` is true, which is asked whenever something was heard. */
  until(happened: () => boolean): Promise<void> {
    return new Promise(resolve => {
      const watch = () => {
        if (!happened()) return
        this.#watchers.delete(watch)
        resolve()
      }
      this.#watchers.add(watch)
      watch()
    })
  }

  /** Waits until an application has joined the p2p topic, and sends it a frame. */
  async deliver(p2pTopic: string, type: string, body: string): Promise<void> {
    await this.until(() => this.joined.has(p2pTopic))
    await this.#pub.send(`${p2pTopic}${type} ${body}`)
  }

  /** The p2p topics it has granted and still knows, oldest first. */
  get topics(): string[] {
    return [...this.known.keys()]
  }

  stop(): void {
    for (const socket of [this.#manage, this.#pub, this.#sub]) socket.close()
  }

  #changed(): void {
    for (const watch of [...this.#watchers]) watch()
  }

  #serve(): void {
    this.#loop(this.#manage, async frames => {
      const request: Heard = JSON.parse(String(frames.at(-1)))
      if (request.action === 'publish') this.publications++
      else this.heard.push(request)
      this.#changed()
      if (!this.silent) await this.#manage.send([...frames.slice(0, -1), JSON.stringify(this.#reply(request))])
    })
    this.#loop(this.#pub, async ([frame]) => {
      const topic = frame?.toString('latin1', 1) ?? ''
      if (frame?.[0] === 1) this.joined.add(topic)
      else this.joined.delete(topic)
      this.#changed()
    })
    this.#loop(this.#sub, async ([frame]) => {
      this.received.push(String(frame))
      this.#changed()
    })
  }

  /** Hands over what arrives until the socket is closed. */
  async #loop(socket: Router | XPublisher | Subscriber, handle: (frames: Buffer[]) => Promise<void>): Promise<void> {
    while (!socket.closed) {
      try {
        await handle(await socket.receive())
      } catch (error) {
        if (!socket.closed) throw error
      }
    }
  }

  #reply({ action, topic, message }: Heard): object {
    if (action === 'publish') return this.publishReply([message ?? []].flat())
    if (action === 'subscribe') {
      if (this.refusal !== undefined) return { status: 'error', reason: this.refusal }
      const granted = drawP2pTopic()
      this.known.set(granted, [topic ?? ''].flat())
      const port = (value: number) => (this.#options.portsAsNumbers ? value : `${value}`)
      return {
        topic: granted,
        pub_port: port(this.ports.pub),
        sub_port: port(this.ports.sub),
        ...this.#options.extraReply,
        status: 'success',
      }
    }
    const known = this.known.has(`${topic}`)
    if (action === 'unsubscribe') this.known.delete(`${topic}`)
    return { status: known ? 'success' : 'error' }
  }
}

/** Binds when the address is free: a bus that was there before gives it up in the background. */
async function bindInTime(socket: Socket, address: string): Promise<void> {
  for (;;) {
    try {
      return await socket.bind(address)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
      await setTimeout(10)
    }
  }
}

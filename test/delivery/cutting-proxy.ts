import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { type Ending, ProxiedConnection } from './proxied-connection.ts'

/** Proxies so far: each has an address of its own on the loopback network 127.0.0.0/8, of which Linux has every one. */
let proxies = 0

/** Where the broker is. */
export interface Upstream {
  readonly manage: number
  readonly pub: number
}

/**
 * Stands between subscribers and a broker on 127.0.0.1: a host with the broker's ports and another address, so whoever is
 * told the port of `pub` joins through it, too. What comes by `manage` passes; connections to `pub` have accidents.
 */
export class CuttingProxy {
  readonly host = addressOf(proxies++)
  readonly #servers: Server[] = []
  readonly #links: ProxiedConnection[] = []
  readonly #watchers = new Set<() => void>()
  #bytesPerSecond = Number.POSITIVE_INFINITY

  static async open(t: Pick<TestContext, 'after'>, broker: Upstream): Promise<CuttingProxy> {
    const proxy = new CuttingProxy()
    t.after(() => proxy.#close())
    const passed = (client: Socket) => void new ProxiedConnection(client, broker.manage)
    const mistreated = (client: Socket) => proxy.#add(new ProxiedConnection(client, broker.pub))
    await proxy.#listen(broker.manage, passed)
    await proxy.#listen(broker.pub, mistreated)
    return proxy
  }

  /** Connections to `pub` so far that carried something from the broker. */
  get connections(): number {
    return this.#links.filter(({ carried }) => carried > 0).length
  }

  /** PINGs that the broker has sent on the connection that came last. */
  get pings(): number {
    return this.#links.at(-1)?.pings ?? 0
  }

  /** PONGs by which the subscriber has answered on the connection that came last. */
  get pongs(): number {
    return this.#links.at(-1)?.pongs ?? 0
  }

  /** Ends the connection that came last. */
  cut(ending: Ending): void {
    this.#links.at(-1)?.cut(ending)
  }

  /** Ends the connection that came last when so many further bytes from the broker have passed, wherever that is in a frame. */
  async cutAfter(bytes: number, ending: Ending): Promise<void> {
    await this.#links.at(-1)?.cutAfter(bytes, ending)
  }

  /** The subscriber's end of the connection that came last is closed. The broker's stays: it does not hear of it. */
  abandon(ending: Ending): void {
    this.#links.at(-1)?.abandon(ending)
  }

  /** Nothing passes any more on the connection that came last, in neither direction; both its ends stay. */
  freeze(): void {
    this.#links.at(-1)?.freeze()
  }

  /** What was held up passes again. */
  thaw(): void {
    for (const link of this.#links) link.thaw()
  }

  /** From now on, so many bytes a second pass towards the subscribers. */
  throttle(bytesPerSecond: number): void {
    this.#bytesPerSecond = bytesPerSecond
    for (const link of this.#links) link.bytesPerSecond = bytesPerSecond
  }

  /** Fulfilled when so many connections to `pub` have carried something. */
  connected(count: number): Promise<void> {
    return this.#when(() => this.connections >= count)
  }

  /** Fulfilled when the connection that came last has carried so many PINGs. */
  pinged(count: number): Promise<void> {
    return this.#when(() => this.pings >= count)
  }

  /** Fulfilled when so many PONGs have passed on the connection that came last. */
  ponged(count: number): Promise<void> {
    return this.#when(() => this.pongs >= count)
  }

  #when(isSo: () => boolean): Promise<void> {
    return new Promise(resolve => {
      const look = () => {
        if (!isSo()) return
        this.#watchers.delete(look)
        resolve()
      }
      this.#watchers.add(look)
      look()
    })
  }

  #add(link: ProxiedConnection): void {
    link.bytesPerSecond = this.#bytesPerSecond
    this.#links.push(link)
    link.onPassed = () => {
      for (const watch of [...this.#watchers]) watch()
    }
  }

  async #listen(port: number, take: (client: Socket) => void): Promise<void> {
    const server = createServer(take)
    this.#servers.push(server)
    server.listen(port, this.host)
    await once(server, 'listening')
  }

  #close(): void {
    for (const server of this.#servers) server.close()
    for (const link of this.#links) link.cut('fin')
  }
}

function addressOf(proxy: number): string {
  return `127.${Math.floor(proxy / 62_500) % 250}.${Math.floor(proxy / 250) % 250}.${2 + (proxy % 250)}`
}

import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import type { TestContext } from 'node:test'

/** How a connection ends: `rst` at once, `fin` behind what was forwarded. */
export type Ending = 'rst' | 'fin'

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
  readonly #links: Link[] = []
  readonly #watchers = new Set<() => void>()
  #bytesPerSecond = Number.POSITIVE_INFINITY

  static async open(t: Pick<TestContext, 'after'>, broker: Upstream): Promise<CuttingProxy> {
    const proxy = new CuttingProxy()
    t.after(() => proxy.#close())
    const passed = (client: Socket) => void new Link(client, broker.manage)
    const mistreated = (client: Socket) => proxy.#add(new Link(client, broker.pub))
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

  #add(link: Link): void {
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

/** Names of commands, with their length before them (RFC 37 "Connection Heartbeating"). */
const pingName = '\x04PING'
const pongName = '\x04PONG'

function addressOf(proxy: number): string {
  return `127.${Math.floor(proxy / 62_500) % 250}.${Math.floor(proxy / 250) % 250}.${2 + (proxy % 250)}`
}

/** A connection, with its two ends. */
class Link {
  readonly #client: Socket
  readonly #upstream: Socket
  #bytesPerSecond = Number.POSITIVE_INFINITY
  #carried = 0
  #pings = 0
  #pongs = 0
  #left = Number.POSITIVE_INFINITY
  #reachEnd: () => void = () => {}
  #isFrozen = false
  #isAbandoned = false
  /** Runs while less may pass than there is. */
  #timer: NodeJS.Timeout | undefined
  onPassed = () => {}

  constructor(client: Socket, port: number) {
    this.#client = client
    this.#upstream = connect(port, '127.0.0.1')
    for (const end of [client, this.#upstream]) {
      end.setNoDelay()
      // It is followed by 'close'.
      end.on('error', () => {})
    }
    client.on('data', chunk => {
      this.#upstream.write(chunk)
      if (chunk.includes(pongName)) this.#pongs++
      this.onPassed()
    })
    this.#upstream.on('data', chunk => this.#pass(chunk))
    client.on('drain', () => this.#resume())
    client.on('close', () => this.#isAbandoned || this.#upstream.destroy())
    this.#upstream.on('close', () => {
      this.#client.destroySoon()
      this.#reachEnd()
    })
  }

  /** Bytes from the broker that have passed. */
  get carried(): number {
    return this.#carried
  }

  get pings(): number {
    return this.#pings
  }

  get pongs(): number {
    return this.#pongs
  }

  set bytesPerSecond(bytesPerSecond: number) {
    this.#bytesPerSecond = bytesPerSecond
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#resume()
  }

  cut(ending: Ending): void {
    for (const end of [this.#client, this.#upstream]) finish(end, ending)
  }

  /** Fulfilled when it is cut, or ended otherwise. */
  cutAfter(bytes: number, ending: Ending): Promise<void> {
    return new Promise(resolve => {
      this.#left = bytes
      this.#reachEnd = () => {
        this.cut(ending)
        resolve()
      }
      if (this.#upstream.destroyed) resolve()
    })
  }

  abandon(ending: Ending): void {
    this.#isAbandoned = true
    this.#upstream.pause()
    finish(this.#client, ending)
  }

  freeze(): void {
    this.#isFrozen = true
    for (const end of [this.#client, this.#upstream]) end.pause()
  }

  thaw(): void {
    this.#isFrozen = false
    this.#client.resume()
    this.#resume()
  }

  #pass(chunk: Buffer): void {
    const passed = chunk.subarray(0, this.#left)
    this.#carried += passed.length
    // One that two chunks share is not seen; there are others.
    if (passed.includes(pingName)) this.#pings++
    this.#left -= passed.length
    const hasRoom = this.#client.write(passed)
    if (this.#left === 0) this.#reachEnd()
    else if (!hasRoom) this.#upstream.pause()
    else if (Number.isFinite(this.#bytesPerSecond)) {
      this.#upstream.pause()
      this.#timer = setTimeout(
        () => {
          this.#timer = undefined
          this.#resume()
        },
        (1000 * passed.length) / this.#bytesPerSecond,
      )
    }
    this.onPassed()
  }

  #resume(): void {
    if (this.#isFrozen || this.#isAbandoned || this.#timer !== undefined) return
    this.#upstream.resume()
  }
}

/** What `fin` leaves behind in the system is still sent. */
function finish(end: Socket, ending: Ending): void {
  // Node 20 never closes a socket that is reset while it ends, and spins when the process exits.
  if (ending === 'rst' && !end.writableEnded) end.resetAndDestroy()
  else end.destroy()
}

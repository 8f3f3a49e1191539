import { connect, type Socket } from 'node:net'

/** How a connection ends: `rst` at once, `fin` behind what was forwarded. */
export type Ending = 'rst' | 'fin'

/** Names of commands, with their length before them (RFC 37 "Connection Heartbeating"). */
const pingName = '\x04PING'
const pongName = '\x04PONG'

/** A connection through a proxy, with its two ends. */
export class ProxiedConnection {
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

import type { Socket } from 'node:net'
import { PacedConnection, PieceTurns } from './paced-connection.ts'

/**
 * What a connection is at: `fresh` ones were not heard yet, of `waiting` ones a request is awaited, `answering` ones are being
 * answered, and `streaming` ones for as long as they like.
 */
type Stage = 'fresh' | 'waiting' | 'answering' | 'streaming'

/** In this order they make room. Who is fresh may be about to ask how the program is, and is not among them. */
const makingRoom: readonly Stage[] = ['waiting', 'answering', 'streaming']

/** Of those that make room, so many of the oldest are looked at for one whose address has most connections. */
const looked = 16

/** How long a connection may take to say what it asks for, from its beginning or from its last answer. */
export const requestMs = 5000

/** As Node answers it. */
const requestTimeout = 'HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n'

/** A connection, and how it is going. */
interface Held {
  /** Fires in vain while it is being answered. */
  readonly timer: NodeJS.Timeout
  stage: Stage
  /** Requests that are being answered. */
  unanswered: number
  /** Has something come of the next request? */
  isAsking: boolean
}

/**
 * The connections of an HTTP server: so many at most, and never so that one more would not be heard. Who is new takes the
 * place of the one who has been silent or slow for longest, rather of an address that has many.
 */
export class HttpConnections {
  readonly #max: number
  readonly #dropped: () => void
  readonly #held = new Map<PacedConnection, Held>()
  /** Each in the order in which they came to it. */
  readonly #stages: Readonly<Record<Stage, Set<PacedConnection>>> = {
    fresh: new Set(),
    waiting: new Set(),
    answering: new Set(),
    streaming: new Set(),
  }
  readonly #turns = new PieceTurns()
  readonly #ofAddress = new Map<string, number>()
  #isClosing = false

  /** @param dropped hears of each connection that was closed for want of room */
  constructor(max: number, dropped: () => void) {
    this.#max = max
    this.#dropped = dropped
  }

  /** Connections at present. */
  get size(): number {
    return this.#held.size
  }

  /** Takes one more. Undefined: as many as may be have come in this very moment, and it was closed. */
  take(socket: Socket): PacedConnection | undefined {
    if (this.size >= this.#max) {
      this.#dropped()
      const victim = this.#victim()
      if (victim === undefined) {
        socket.destroy()
        return undefined
      }
      this.#forget(victim)
      victim.destroy()
    }
    const connection = new PacedConnection(socket, this.#turns)
    const held: Held = {
      timer: setTimeout(() => this.#expire(connection, held), requestMs).unref(),
      ...{ stage: 'fresh', unanswered: 0, isAsking: false },
    }
    this.#held.set(connection, held)
    this.#stages.fresh.add(connection)
    this.#ofAddress.set(connection.address, this.#connectionsOf(connection) + 1)
    connection.on('data', () => {
      held.isAsking = true
    })
    connection.on('close', () => this.#forget(connection))
    // What it sent at once is read in the next turn of the event loop; with it, more may be accepted.
    setImmediate(() => setImmediate(() => held.stage === 'fresh' && this.#move(connection, 'waiting')))
    return connection
  }

  /** It asks for something, which is all that is read of it until {@link answered}, but for a body. */
  asks(connection: PacedConnection, hasBody: boolean): void {
    const held = this.#held.get(connection)
    if (held === undefined) return
    held.unanswered++
    if (!hasBody) connection.hold(true)
    this.#move(connection, 'answering')
  }

  /** Its answer goes on for as long as somebody looks. */
  streams(connection: PacedConnection): void {
    this.#move(connection, 'streaming')
  }

  /** It was answered. */
  answered(connection: PacedConnection): void {
    const held = this.#held.get(connection)
    if (held === undefined || --held.unanswered > 0) return
    if (this.#isClosing) connection.end()
    held.isAsking = false
    held.timer.refresh()
    this.#move(connection, 'waiting')
    connection.hold(false)
  }

  /** Nobody is waited for any more: of whom nothing was asked is closed at once, the others once they are answered. */
  close(): void {
    this.#isClosing = true
    for (const [connection, { isAsking }] of this.#held) if (!isAsking) connection.destroy()
  }

  /** Closes all of them. */
  destroy(): void {
    for (const connection of this.#held.keys()) connection.destroy()
  }

  /** The one that makes room. */
  #victim(): PacedConnection | undefined {
    for (const stage of makingRoom) {
      let victim: PacedConnection | undefined
      let seen = 0
      for (const connection of this.#stages[stage]) {
        if (victim === undefined || this.#connectionsOf(connection) > this.#connectionsOf(victim)) victim = connection
        if (++seen === looked) break
      }
      if (victim !== undefined) return victim
    }
    return undefined
  }

  #connectionsOf({ address }: PacedConnection): number {
    return this.#ofAddress.get(address) ?? 0
  }

  #move(connection: PacedConnection, stage: Stage): void {
    const held = this.#held.get(connection)
    if (held === undefined) return
    this.#stages[held.stage].delete(connection)
    this.#stages[stage].add(connection)
    held.stage = stage
  }

  #expire(connection: PacedConnection, held: Held): void {
    // What came while the process was busy is read before that.
    setImmediate(() => {
      if (held.unanswered > 0) return
      if (held.isAsking) connection.write(requestTimeout)
      connection.destroy()
    })
  }

  #forget(connection: PacedConnection): void {
    const held = this.#held.get(connection)
    if (held === undefined) return
    clearTimeout(held.timer)
    this.#held.delete(connection)
    this.#stages[held.stage].delete(connection)
    const others = this.#connectionsOf(connection) - 1
    if (others > 0) this.#ofAddress.set(connection.address, others)
    else this.#ofAddress.delete(connection.address)
  }
}

import assert from 'node:assert/strict'
import type { Delivery, Line } from '../../src/delivery/delivery.ts'
import type { MessageLog } from '../../src/delivery/message-log.ts'
import { Queue, type QueueStart } from '../../src/delivery/queue.ts'
import type { StandingRecord } from '../../src/delivery/standing.ts'
import type { Supplies } from '../../src/delivery/supplies.ts'
import { everything, type Wanted } from '../../src/delivery/wanted.ts'
import type { Message } from '../../src/protocol/message.ts'
import { frameBytes } from './logs.ts'

/** Frames that may be on their way, unacknowledged, on one connection. */
export const windowFrames = 12

/** Connections that the broker may hold. */
const maxDeliveries = 3

/** What the systems hold for a connection whose peer does not acknowledge, in bytes. */
export const networkBytes = 400

/** A message or a PING on its way to the application's library. */
type OnItsWay = { readonly frame: string } | { readonly ping: number }

/** A connection: what was sent on it and has not arrived, and PONGs that have not come back. */
export class Wire implements Line {
  readonly hasRoom = true
  nextPing = 1
  pipe: OnItsWay[] = []
  pongs: number[] = []
  /** What arrived by it, in order. */
  readonly arrived: string[] = []
  delivery: Delivery | undefined
  /** When it was last seen to take something, or began. */
  lastSign = 0
  hasLeft = false
  #isDue = false

  send(run: readonly Message[]): void {
    for (const { frame } of run) this.pipe.push({ frame: String(frame) })
    this.#isDue = true
    // Sometimes it follows at once, sometimes later.
    if (run.length % 2 === 1) this.ping()
  }

  leave(): void {
    this.hasLeft = true
  }

  /** Sends the PING that is due. */
  ping(): void {
    if (!this.#isDue) return
    this.pipe.push({ ping: this.nextPing++ })
    this.#isDue = false
  }
}

/**
 * An application and its library, on connections that break. What the library has taken from a connection it has; what was
 * on its way when that broke is lost. The broker learns of a break later: until then it sends into the void.
 */
export class Application {
  queue: Queue
  /** What the application's library has given it, or will. */
  readonly received: string[] = []
  /** Of that, so much the application has taken. */
  taken = 0
  readonly edges: string[] = []
  /** Connections that the broker holds; the library's own is the last, if it is not broken. */
  readonly wires: Wire[] = []
  isConnected = false
  record: StandingRecord
  /** Frames that may have come twice, at most, because of breaks until now. */
  mayComeTwice = 0
  #receivedAtRecord = 0
  #signs = 0
  #supplies: Supplies | undefined
  readonly #start: Omit<QueueStart, 'bounds'>
  readonly #counts: boolean
  readonly #acknowledges: boolean

  constructor(
    log: MessageLog,
    supplies: Supplies | undefined,
    start: Partial<QueueStart> & { readonly counts?: boolean; readonly acknowledges?: boolean } = {},
  ) {
    const { counts = false, acknowledges = true, ...rest } = start
    this.#supplies = supplies
    this.#counts = counts
    this.#acknowledges = acknowledges
    const fresh = { position: log.next, confirms: counts }
    this.#start = { topic: 'p2p', address: '', interest: 'both', snapshot: undefined, fresh, ...rest }
    this.queue = this.#open(log, this.#start)
    this.record = this.queue.record
  }

  /** The connection that works. */
  get wire(): Wire | undefined {
    return this.isConnected ? this.wires.at(-1) : undefined
  }

  /** Connects, perhaps although the broker does not know yet that it was disconnected. */
  async connect(wanted: Wanted = everything): Promise<void> {
    if (this.isConnected) return
    const wire = new Wire()
    this.#makeRoom()
    wire.lastSign = ++this.#signs
    this.wires.push(wire)
    this.isConnected = true
    wire.delivery = this.queue.join(wire, wanted)
    wire.delivery.boundBy = this.#acknowledges ? 'window' : 'network'
    this.persist()
    // Who counts says so after it has read what its library had.
    if (!this.queue.isPlaceKnown) {
      const saidBefore = this.taken
      this.taken = this.received.length
      this.queue.count(this.taken)
      await this.#locate(saidBefore)
    }
    const isStale = this.queue.isRecordStaleFor(wire.delivery)
    this.queue.begin(wire.delivery)
    if (isStale) this.persist()
  }

  /** Of as many connections as may be, the broker leaves the one that has taken nothing for longest. */
  #makeRoom(): void {
    const { crowdedOut } = this.queue
    assert.equal(crowdedOut !== undefined, this.wires.length === maxDeliveries)
    if (crowdedOut === undefined) return
    const [oldest] = this.wires.toSorted((one, other) => one.lastSign - other.lastSign)
    this.queue.end(crowdedOut)
    crowdedOut.leave()
    assert.equal(oldest?.hasLeft, true)
    this.wires.splice(this.wires.indexOf(oldest as Wire), 1)
  }

  /** The broker finds out where the application is, which says so again meanwhile; what it `saidBefore` was overtaken by that. */
  async #locate(saidBefore: number): Promise<void> {
    // The disk fails first, and is tried again: what arrives until then must not change what was said.
    const failure = new Error('the disk cannot be read')
    const failed = this.queue.locate(async () => {
      this.queue.count(saidBefore)
      throw failure
    })
    await failed.catch(error => assert.equal(error, failure))
    await this.queue.locate(async cursor => {
      this.queue.count(this.taken)
      await this.#supplies?.supply(cursor, new AbortController().signal)
      if (this.#supplies) this.#supplies.turnEnded(cursor)
      else cursor.rest()
    })
    this.persist()
  }

  /** Is subscribed to something else from now on, on the same connection. */
  want(wanted: Wanted): void {
    const { delivery } = this.wire ?? {}
    if (delivery && this.queue.want(delivery, wanted)) this.persist()
  }

  /** The broker sends so many frames on each connection that it holds, as far as they have room. */
  async send(atMost: number): Promise<void> {
    for (const { delivery, pipe } of [...this.wires]) {
      const cursor = delivery?.cursor
      if (delivery === undefined || cursor === undefined) continue
      const run: Message[] = []
      delivery.beginRun()
      const onItsWay = pipe.filter(each => 'frame' in each).length
      const room = this.#acknowledges ? windowFrames - delivery.unsettledFrames : networkBytes / frameBytes - onItsWay
      while (run.length < atMost && (this.#counts || run.length < room)) {
        await this.#supplies?.supply(cursor, new AbortController().signal)
        const { head } = cursor
        if (head === undefined) break
        run.push(head)
        cursor.skip(head)
      }
      if (run.length > 0) delivery.send(run, run.length * frameBytes)
      if (this.#supplies) this.#supplies.turnEnded(cursor)
      else cursor.rest()
    }
  }

  /** So many frames and PINGs arrive at the library. */
  arrive(atMost: number): void {
    const { wire } = this
    for (const each of wire?.pipe.splice(0, atMost) ?? []) {
      if ('ping' in each) {
        if (this.#acknowledges) wire?.pongs.push(each.ping)
      } else {
        this.received.push(each.frame)
        wire?.arrived.push(each.frame)
      }
    }
  }

  /** PONGs arrive at the broker. */
  acknowledge(): void {
    const { wire } = this
    for (const ping of wire?.pongs.splice(0) ?? []) {
      if (wire?.delivery) this.queue.acknowledge(wire.delivery, ping)
      if (wire) wire.lastSign = ++this.#signs
    }
  }

  /** The application takes so many frames, and says how many it has taken in all. */
  say(more: number): void {
    this.taken = Math.min(this.received.length, this.taken + more)
    this.queue.count(this.taken)
  }

  /** The connection breaks: the application notices, the broker does not. */
  disconnect(): void {
    const { wire } = this
    if (wire === undefined) return
    // What arrived and is not known to have comes again.
    this.mayComeTwice += wire.delivery?.unsettledFrames ?? 0
    wire.pongs = []
    this.isConnected = false
  }

  /** The broker notices that its oldest connection, or the only one, is broken. */
  notice(): void {
    if (this.isConnected && this.wires.length === 1) return
    const wire = this.wires.shift()
    if (wire?.delivery === undefined) return
    this.queue.end(wire.delivery)
    this.persist()
  }

  /** What is written down is this. */
  persist(): void {
    this.record = this.queue.record
    this.#receivedAtRecord = this.received.length
  }

  /** The broker was killed, and another one begins with what was written down. */
  restart(log: MessageLog, supplies: Supplies | undefined): void {
    this.disconnect()
    this.mayComeTwice += this.received.length - this.#receivedAtRecord + windowFrames
    this.wires.length = 0
    this.#supplies = supplies
    const { fresh: _, ...start } = this.#start
    this.queue = this.#open(log, { ...start, restored: this.record })
    // Before anything is added to a log that the crash may have shortened.
    this.persist()
  }

  /** Everything arrives. */
  async finish(): Promise<void> {
    await this.connect()
    if (this.wire?.delivery?.wanted !== everything) this.want(everything)
    for (let turns = 0; turns < 2 || this.queue.lag > 0 || this.wire?.pipe.length !== 0; turns++) {
      assert.ok(turns < 1000, 'everything arrives in the end')
      await this.send(5)
      this.wire?.ping()
      this.arrive(100)
      this.acknowledge()
    }
  }

  #open(log: MessageLog, start: Omit<QueueStart, 'bounds'>): Queue {
    return new Queue(
      log,
      { ...start, bounds: { maxDeliveries, windowBytes: 1e6, networkBytes } },
      {
        filled: () => this.edges.push('filled'),
        replayed: () => this.edges.push('replayed'),
        missed: messages => this.edges.push(`missed ${messages}`),
      },
    )
  }
}

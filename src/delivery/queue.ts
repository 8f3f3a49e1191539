import { Cursor, type CursorReader, type Place } from './cursor.ts'
import { Delivery, type InFlightBounds, type Line } from './delivery.ts'
import { maxChanges } from './in-flight.ts'
import type { MessageLog } from './message-log.ts'
import type { SnapshotRange } from './message-store.ts'
import { allAt, highestOf } from './positions.ts'
import {
  acknowledged,
  beginning,
  counted,
  found,
  located,
  received,
  recordOf,
  type Standing,
  type StandingRecord,
  standingFrom,
  standingOf,
  uncountable,
  uncounted,
} from './standing.ts'
import { everything, type Wanted } from './wanted.ts'

/** Who a queue is for, and how it begins. */
export interface QueueStart extends CursorReader {
  /** A new subscription: sequence number of the first message that it may get, and will it say what it received? */
  readonly fresh?: { readonly position: number; readonly confirms: boolean }
  /** A subscription that an earlier broker knew. */
  readonly restored?: StandingRecord
  readonly bounds: QueueBounds
}

/** What one subscriber may have. */
export interface QueueBounds extends InFlightBounds {
  /** Connections at once. */
  readonly maxDeliveries: number
}

/** What a queue tells its owner. */
export interface QueueEvents {
  /** A delivery, which had nothing to send, has something. */
  filled(delivery: Delivery): void
  replayed(): void
  missed(messages: number): void
}

/**
 * What waits for one subscriber, whose recovery it owns: where it stands ({@link Standing}), apart from what comes next on
 * each of its connections ({@link Delivery}). Of most there is one connection, or none; of a subscriber that came back before
 * the end of its connection was noticed there are two, and of one that does so again and again a few: the newest ones.
 */
export class Queue {
  readonly #log: MessageLog
  readonly #reader: CursorReader
  readonly #events: QueueEvents
  readonly #bounds: QueueBounds
  #standing: Standing
  readonly #deliveries = new Set<Delivery>()
  /** Stands where the subscriber does while nothing is sent to it: so it is known what waits. */
  #resting: Cursor | undefined
  /** No message from here on was sent on connections that have ended. */
  #sentBefore = 0
  #missed = 0
  /** What was missed last, and counted. */
  #lastMiss = { from: 0, to: 0 }
  /** Counts what was seen to be taken. */
  #signs = 0

  constructor(log: MessageLog, start: QueueStart, events: QueueEvents) {
    const { fresh, restored, bounds, ...reader } = start
    this.#log = log
    this.#reader = reader
    this.#events = events
    this.#bounds = bounds
    const position = Math.min(fresh?.position ?? log.next, log.next)
    const place = { positions: allAt(position), frames: 0, wanted: everything }
    this.#standing = restored ? standingOf(restored, log.next) : standingFrom(place, fresh?.confirms ?? false)
    this.#resting = this.#cursorAt(this.#restingPlace)
  }

  get topic(): string {
    return this.#reader.topic
  }

  get interest(): CursorReader['interest'] {
    return this.#reader.interest
  }

  /** Where the subscriber stands. */
  get standing(): Standing['kind'] {
    return this.#standing.kind
  }

  /** Its connections, the newest last. */
  get deliveries(): ReadonlySet<Delivery> {
    return this.#deliveries
  }

  /** Does it say how many frames it received? */
  get confirms(): boolean {
    return this.#standing.kind !== 'acknowledging'
  }

  /** If it said now how many frames it received, which it did not before: would that say where it stands? */
  get mayBeginToCount(): boolean {
    const standing = this.#standing
    return standing.kind === 'acknowledging' && standing.frames !== undefined && this.#deliveries.size <= 1
  }

  /** May it be sent to? Who says what it received is waited for after its connection broke. */
  get isPlaceKnown(): boolean {
    return this.#standing.kind === 'acknowledging' || this.#standing.kind === 'counting'
  }

  /** Messages that wait for it (see {@link Cursor.lag}). */
  get lag(): number {
    return this.#newest.lag
  }

  /** Frames that it was sent, since the subscribe reply. */
  get frames(): number {
    return this.#newest.frames
  }

  /** Sequence number of the next message that it looks at. */
  get position(): number {
    return this.#newest.position
  }

  /** Frames that were sent and are not known to be received, over all connections. */
  get unsettledFrames(): number {
    let frames = 0
    for (const { unsettledFrames } of this.#deliveries) frames += unsettledFrames
    return frames
  }

  /** Bytes that were sent and that its connections' libraries have not acknowledged. */
  get unacknowledgedBytes(): number {
    let bytes = 0
    for (const { unacknowledgedBytes } of this.#deliveries) bytes += unacknowledgedBytes
    return bytes
  }

  /** Messages that were not there any more when it came to them, at most: some may not have been for it. */
  get missed(): number {
    return this.#missed
  }

  /** The snapshot, while it is being sent. */
  get replaying(): SnapshotRange | undefined {
    return this.#newest.replaying
  }

  /** What of it outlives the process. */
  get record(): StandingRecord {
    return recordOf(this.#standing, everything)
  }

  /**
   * The delivery that has to end before one more begins, if there are as many as may be: that which has taken nothing for
   * longest, or else the oldest. Who is back is never the one that has to go, however many broken connections it left.
   */
  get crowdedOut(): Delivery | undefined {
    if (this.#deliveries.size < this.#bounds.maxDeliveries) return undefined
    return [...this.#deliveries].reduce((oldest, each) => (each.lastSign < oldest.lastSign ? each : oldest))
  }

  /** The connection took something of what it was sent. */
  tookFrom(delivery: Delivery): void {
    delivery.lastSign = ++this.#signs
  }

  /** A connection begins, after that ended which was {@link crowdedOut}. It is sent nothing until {@link begin}. */
  join(line: Line, wanted: Wanted): Delivery {
    const delivery = new Delivery(line, wanted, this.#bounds, sent => this.#sent(sent))
    this.tookFrom(delivery)
    if (this.#deliveries.size > 0) this.#overlap(wanted)
    // What is matched beyond the type can't be counted again after a restart.
    if (wanted.accepts !== undefined) this.stopCounting()
    this.#deliveries.add(delivery)
    return delivery
  }

  /** The connection is subscribed to this from now on. Answers whether the record has to be written before more is sent. */
  want(delivery: Delivery, wanted: Wanted): boolean {
    const isCounted = this.#isCounted(delivery)
    delivery.want(wanted)
    if (isCounted && delivery.unsettledFrames === 0) delivery.settle()
    const changes = delivery.inFlight?.changes.length ?? 0
    const isFollowed = isCounted || this.#standing.kind === 'acknowledging'
    if (isFollowed && (wanted.accepts !== undefined || changes > maxChanges)) this.stopCounting()
    if (delivery.cursor !== undefined) this.#restFrom(delivery.cursor)
    if (delivery.cursor?.isEmpty === false) this.#events.filled(delivery)
    return isCounted && this.#standing.kind === 'counting'
  }

  /** Would the record, if it is not written before more is sent, misread what the subscriber counts? */
  isRecordStaleFor(delivery: Delivery): boolean {
    return this.#standing.kind === 'counting' && this.#standing.sent.settled.wanted !== delivery.wanted
  }

  /** It is known where the subscriber stands: the connection is sent what comes from there on. */
  begin(delivery: Delivery): void {
    if (delivery.cursor !== undefined || !this.#deliveries.has(delivery)) return
    delivery.begin(this.#cursorFor(delivery))
    if (this.#standing.kind !== 'counting' || delivery.inFlight === undefined) return
    this.#standing = { kind: 'counting', sent: delivery.inFlight }
  }

  /** The connection's peer answered this PING. */
  acknowledge(delivery: Delivery, ping: number): void {
    this.tookFrom(delivery)
    delivery.acknowledge(ping, this.#standing.kind === 'acknowledging' ? 'acknowledgement' : 'count')
    this.#note(delivery)
  }

  /** The connection is no more, and what it held may not have arrived. */
  end(delivery: Delivery): void {
    if (!this.#deliveries.delete(delivery)) return
    const { cursor, inFlight } = delivery
    if (cursor === undefined || inFlight === undefined) return
    this.#sentBefore = Math.max(this.#sentBefore, highestOf(cursor.positions))
    const isUnsettled = delivery.unsettledFrames > 0
    if (this.#standing.kind === 'acknowledging' && isUnsettled) this.#standing = uncountable(this.#standing)
    if (this.#isCounted(delivery))
      this.#standing = isUnsettled ? uncounted(inFlight, this.#unsentFrom) : located(cursor.place)
    cursor.close()
    if (this.#resting !== undefined) this.#resting.goTo(this.#restingPlace)
    else if (!this.#isActive) this.#resting = this.#cursorAt(this.#restingPlace)
  }

  /** The subscriber says that it has received so many frames since the subscribe reply. */
  count(frames: number): void {
    if (this.#standing.kind === 'acknowledging' && this.#deliveries.size <= 1) {
      const [delivery] = this.#deliveries
      this.#standing = beginning(this.#standing, everything, delivery?.inFlight)
    }
    if (this.#standing.kind !== 'counting') this.#standing = counted(this.#standing, frames, this.#deliveries.size > 0)
    else this.#countOn(frames)
  }

  /**
   * It does not say what it received any more, or nobody could tell what it counts: it is sent everything again that may not
   * have reached it.
   */
  stopCounting(): void {
    this.#standing = uncountable(this.#standing)
  }

  /**
   * Finds out where a subscriber is that has said how many frames it received. `read` is awaited to read on with a cursor;
   * it may reject, and then nothing has changed.
   */
  async locate(read: (cursor: Cursor) => Promise<void>): Promise<void> {
    if (this.#standing.kind !== 'counted') return
    const { sent, unsentFrom } = this.#standing
    const from = sent.before(this.#standing.received)
    const cursor = this.#cursorAt(from)
    try {
      // It may say meanwhile that it received more than it said first.
      for (let passed = from.frames; this.#standing.kind === 'counted'; ) {
        const { received: most } = this.#standing
        cursor.pass(Math.max(0, most - passed), unsentFrom)
        passed = Math.max(passed, most)
        if (cursor.isPassing && cursor.head === undefined && cursor.need !== 'nothing') await read(cursor)
        if (cursor.isPassing) return
        if (this.#standing.kind !== 'counted' || this.#standing.received > passed) continue
        this.#standing = found(cursor.place, this.#standing.isBack)
        this.#resting?.goTo(this.#restingPlace)
      }
    } finally {
      cursor.close()
    }
  }

  /** The subscriber left: nothing is to be sent any more. */
  close(): void {
    for (const { cursor } of this.#deliveries) cursor?.close()
    this.#deliveries.clear()
    this.#resting?.close()
  }

  /** The cursor that is shown: of the newest connection that is sent anything. */
  get #newest(): Cursor {
    return ([...this.#deliveries].findLast(isActive)?.cursor ?? this.#resting) as Cursor
  }

  /** Is anything sent to it? */
  get #isActive(): boolean {
    for (const delivery of this.#deliveries) if (isActive(delivery)) return true
    return false
  }

  /** Are this connection's frames those that the subscriber counts? */
  #isCounted({ inFlight }: Delivery): boolean {
    return this.#standing.kind === 'counting' && this.#standing.sent === inFlight
  }

  /** The connection whose frames it counts. */
  get #followed(): Delivery | undefined {
    return [...this.#deliveries].find(delivery => this.#isCounted(delivery))
  }

  get #unsentFrom(): number {
    let furthest = this.#sentBefore
    for (const { cursor } of this.#deliveries) if (cursor) furthest = Math.max(furthest, highestOf(cursor.positions))
    return furthest
  }

  get #restingPlace(): Place {
    const { positions, frames } = received(this.#standing)
    return { positions, frames, wanted: everything }
  }

  /**
   * A further connection begins. If it wants what the counted one does, the subscriber has left that one behind: what it
   * received there, it has to say. Else it receives on several, and one count says nothing of any.
   */
  #overlap(wanted: Wanted): void {
    if (this.#standing.kind === 'acknowledging') this.#standing = uncountable(this.#standing)
    const followed = this.#followed
    if (this.#standing.kind !== 'counting' || followed === undefined) return
    const { sent } = this.#standing
    const isSuccessor = followed.wanted.types.every(type => wanted.types.includes(type))
    this.#standing = isSuccessor ? uncounted(sent, this.#unsentFrom) : uncountable(this.#standing)
  }

  #countOn(frames: number): void {
    const followed = this.#followed
    const { cursor, inFlight } = followed ?? {}
    if (cursor === undefined || inFlight === undefined) return
    if (frames < cursor.frames) inFlight.count(frames)
    // It counts what it was not sent, or was not sent here: nobody can tell what it has by that.
    else if (frames > cursor.frames) this.stopCounting()
    else {
      followed?.settle()
      cursor.hold(false)
    }
  }

  /** A run was sent. */
  #sent(delivery: Delivery): void {
    delivery.cursor?.hold(true)
    if (delivery.boundBy !== 'network' || this.#standing.kind !== 'acknowledging') return
    delivery.settleByBytes()
    this.#note(delivery)
  }

  /** Notes what is known to be received on a connection. */
  #note(delivery: Delivery): void {
    const { inFlight } = delivery
    if (this.#standing.kind !== 'acknowledging' || inFlight === undefined) return
    if (delivery.unsettledFrames === 0) {
      delivery.settle()
      delivery.cursor?.hold(false)
    }
    const { positions, frames } = inFlight.settled
    this.#standing = acknowledged(this.#standing, positions, frames)
  }

  /** Who goes back misses the same again: that counts once. And perhaps what was sent before it, and did not arrive. */
  #miss(from: number, to: number): void {
    const { from: lastFrom, to: lastTo } = this.#lastMiss
    const again = Math.max(0, Math.min(to, lastTo) - Math.max(from, lastFrom))
    const messages = to - from - again
    if (messages <= 0) return
    this.#lastMiss = { from: again > 0 ? Math.min(from, lastFrom) : from, to }
    this.#missed += messages
    this.#events.missed(messages)
  }

  /** A cursor for a delivery, where the subscriber stands: that which rests, or else one more. */
  #cursorFor({ wanted }: Delivery): Cursor {
    const place = { ...received(this.#standing), wanted }
    const cursor = this.#resting
    if (cursor === undefined || wanted.types.length === 0) return this.#cursorAt(place)
    this.#resting = undefined
    cursor.goTo(place)
    return cursor
  }

  /** Something rests where nothing is sent any more, and nothing rests where something is. */
  #restFrom({ positions, frames }: Cursor): void {
    if (!this.#isActive) this.#resting ??= this.#cursorAt({ positions, frames, wanted: everything })
    else if (this.#resting !== undefined) {
      this.#resting.close()
      this.#resting = undefined
    }
  }

  #cursorAt(place: Place): Cursor {
    const cursor = new Cursor(this.#log, this.#reader, place, {
      filled: () => {
        for (const delivery of this.#deliveries) if (delivery.cursor === cursor) this.#events.filled(delivery)
      },
      replayed: () => this.#events.replayed(),
      missed: (from, to) => this.#miss(from, to),
    })
    return cursor
  }
}

/** Is it sent anything? */
function isActive({ cursor, wanted }: Delivery): boolean {
  return cursor !== undefined && wanted.types.length > 0
}

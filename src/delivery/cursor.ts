import type { FrameType, Message, NumberedMessage } from '../protocol/message.ts'
import { type Interest, interestIn, type MessageType, typesOf } from '../protocol/topics.ts'
import type { LoggedBatch } from './batch.ts'
import type { IdleCursor } from './idle-cursors.ts'
import type { MessageLog } from './message-log.ts'
import type { SnapshotRange, SnapshotSelection } from './message-store.ts'
import { batchAt, type Page } from './pages.ts'
import { allAt, frameTypes, highestOf, lowestOf, mapped, type Positions } from './positions.ts'
import { endOf } from './recent-batches.ts'
import type { Wanted } from './wanted.ts'

/** For whom a cursor reads. */
export interface CursorReader {
  /** The subscriber's p2p topic. */
  readonly topic: string
  /** Where it was subscribed from: those of one address take turns. */
  readonly address: string
  readonly interest: Interest
  /** Undefined: it asked for no snapshot. */
  readonly snapshot: SnapshotRange | undefined
  /** Messages of its snapshot of this type, from a sequence number on; undefined while that is not known. */
  selected?(type: MessageType, from: number): number | undefined
  /** Is it told the number of each message? */
  readonly isNumbered?: boolean
}

/** A place in the log that a cursor can go to. */
export interface Place {
  readonly positions: Positions
  /** Frames that the subscriber was sent before, since the subscribe reply. */
  readonly frames: number
  readonly wanted: Wanted
}

/** What a cursor tells: edges only, never single messages. */
export interface CursorEdges {
  /** The cursor, which had nothing to send, has something. */
  filled(): void
  /** The snapshot was sent; what comes now is live. */
  replayed(): void
  /** The messages from one sequence number to before another are not there any more; some may have been for this subscriber. */
  missed(from: number, to: number): void
}

/** What keeps a cursor from saying what is next. */
export type Need = 'nothing' | 'page' | 'selection'

/** A run of messages to one subscriber ends with the one that makes it so long. */
export const maxRunBytes = 65_536

function numbered(message: Message, sequence: number, acceptedMs: number): NumberedMessage {
  return { ...message, sequence, acceptedMs }
}

/** Frames that are counted and not sent, because the subscriber has them. */
interface Passing {
  frames: number
  /** No message from this sequence number on was ever sent to it. */
  readonly unsentFrom: number
}

/**
 * Reads the log on behalf of one subscriber: what comes next for it, and the rules by which the rest is passed over.
 *
 * It holds no messages of its own. What it reads is in the log's memory or, for those who lag, in a page of the store that
 * its owner fetches. So its memory is bounded whatever the subscriber does, and to go back is to move it.
 */
export class Cursor implements IdleCursor {
  readonly #log: MessageLog
  readonly #reader: CursorReader
  readonly #edges: CursorEdges
  readonly #interest: Interest
  /** The last message that can be in the snapshot; 0 if there is none. */
  readonly #upTo: number
  /** All messages that were accepted then or later are in the snapshot; undefined: those of a selection. */
  readonly #everythingSinceMs: number | undefined
  readonly #isNumbered: boolean
  #wanted: Wanted
  #awaits: Interest = 'none'
  #selection: SnapshotSelection | undefined
  #page: Page | undefined
  /** The batch that is being read, while it has its turn. */
  #batch: LoggedBatch | undefined
  /** The next message to send, once it is found: then it is the one at the position. */
  #head: Message | undefined
  #position = 0
  /** Where types are that are not wanted, or that are further than the position; undefined: every type is at the position. */
  #apart: Positions | undefined
  #frames = 0
  #heldBytes = 0
  #isIdle = false
  /** Is something under way that may have to be read again? */
  #isHeld = false
  #need: Need = 'nothing'
  #passing: Passing | undefined

  /** The cursor is {@link close closed} when it is not needed any more. */
  constructor(log: MessageLog, reader: CursorReader, place: Place, edges: CursorEdges) {
    this.#log = log
    this.#reader = reader
    this.#edges = edges
    this.#interest = reader.interest
    this.#upTo = reader.snapshot?.upTo ?? 0
    this.#everythingSinceMs = reader.snapshot?.everything ? reader.snapshot.sinceMs : undefined
    this.#isNumbered = reader.isNumbered ?? false
    this.#wanted = place.wanted
    log.opened(this)
    this.#settleAt(place)
  }

  get topic(): string {
    return this.#reader.topic
  }

  get address(): string {
    return this.#reader.address
  }

  get awaits(): Interest {
    return this.#awaits
  }

  get leavesBehind(): boolean {
    return this.#isHeld || !typesOf(this.#reader.interest).every(type => this.#isWanted(type))
  }

  /** Has everything been sent that there is? */
  get isEmpty(): boolean {
    return this.#isIdle
  }

  /**
   * Messages that wait for it: what it will be sent of what there is. Where it is subscribed to a part of a type it may be less,
   * and where it is not known yet what makes its snapshot, or what is in an old part of the log.
   */
  get lag(): number {
    if (this.#isIdle) return 0
    const { positions } = this
    let messages = 0
    for (const type of this.#wanted.types) messages += this.#waiting(type, positions[type])
    // Of what is not known yet, each type is counted.
    return Math.max(0, Math.min(messages, this.#log.end - this.#position))
  }

  /** What has to be fetched before {@link head} can say what is next. */
  get need(): Need {
    return this.#need
  }

  /** The snapshot, while it is being sent. */
  get replaying(): SnapshotRange | undefined {
    return this.#isInSnapshot ? this.#reader.snapshot : undefined
  }

  /** Is it being fed from the store? */
  get isBehind(): boolean {
    return this.#page !== undefined
  }

  /** Is it still passing over what the subscriber has? */
  get isPassing(): boolean {
    return this.#passing !== undefined
  }

  /** What snapshots are selected for. */
  get interest(): Interest {
    return this.#reader.interest
  }

  /** Frames that the subscriber was sent up to here, since the subscribe reply. */
  get frames(): number {
    return this.#frames
  }

  /** Bytes that were read for sending. What a connection holds is bounded by runs, so a longer message counts as one. */
  get heldBytes(): number {
    return this.#heldBytes
  }

  /** Sequence number of the next message that it looks at: where the page that it needs begins. */
  get position(): number {
    return this.#position
  }

  /** Where it is, by type. If everything was sent, also what came since is behind it: that is not for it. */
  get positions(): Positions {
    const apart = this.#apart
    const here = this.#isIdle ? this.#log.end : this.#position
    if (apart === undefined) return allAt(here)
    return mapped(apart, (position, type) => (this.#isWanted(type) ? Math.max(position, here) : position))
  }

  get wanted(): Wanted {
    return this.#wanted
  }

  /** Where it is. */
  get place(): Place {
    return { positions: this.positions, frames: this.#frames, wanted: this.#wanted }
  }

  /** The next message to send. Undefined: everything was sent, or something has to be fetched first (see {@link need}). */
  get head(): Message | undefined {
    return this.#head ?? this.#find()
  }

  /** Steps over `sent`, which was the head when its sending began. If the cursor moved meanwhile, nothing is stepped over. */
  skip(sent: Message): void {
    if (this.#head !== sent) return
    this.#frames++
    this.#heldBytes += Math.min(sent.frame.length, maxRunBytes)
    this.#head = undefined
    this.#moveTo(this.#position + 1)
  }

  /** Goes to this place, forwards or back. */
  goTo(place: Place): void {
    this.#passing = undefined
    this.#leaveIdle()
    this.#settleAt(place)
  }

  /** From now on this is wanted. What of it was not, and waits, comes next. */
  want(wanted: Wanted): void {
    this.goTo({ positions: this.positions, frames: this.#frames, wanted })
  }

  /** Passes over so many more frames, which the subscriber has, but no message from `unsentFrom` on. */
  pass(frames: number, unsentFrom: number): void {
    this.#passing = { frames: (this.#passing?.frames ?? 0) + frames, unsentFrom }
    if (frames === 0 || this.#isIdle) this.#endPassing()
  }

  /** Is something under way that may have to be read again? Without a store, what is in memory is kept for that. */
  hold(isHeld: boolean): void {
    if (this.#log.hasStore || isHeld === this.#isHeld) return
    const wasIdle = this.#isIdle
    this.#leaveIdle()
    this.#isHeld = isHeld
    if (wasIdle) this.#becomeIdle()
    this.#log.trim()
  }

  /** Its turn is over: lets go of what it was reading from. Answers the page of the store that it held. */
  rest(): Page | undefined {
    this.#head = undefined
    this.#batch = undefined
    this.#selection = undefined
    return this.dropPage()
  }

  /** Lets go of the page that it holds, and answers it. */
  dropPage(): Page | undefined {
    const page = this.#page
    if (page !== undefined) this.#batch = undefined
    this.#page = undefined
    return page
  }

  /** The page that it needed is there. It is held until the turn is over. */
  supplyPage(page: Page): void {
    this.#page = page
    this.#need = 'nothing'
  }

  /** The selection that it needed is there. It is held until the turn is over. */
  supplySelection(selection: SnapshotSelection): void {
    this.#selection = selection
    this.#need = 'nothing'
  }

  /** The log has a message for it again. */
  wake(batch: LoggedBatch): void {
    this.#isIdle = false
    this.#position = batch.first
    this.#edges.filled()
  }

  /** It reads no more. */
  close(): void {
    this.#log.closed(this)
  }

  #waiting(type: FrameType, from: number): number {
    const live = Math.max(from, this.#upTo + 1)
    const addressed = this.#log.countAddressed(this.topic, type, live)
    if (type === 'snapshotrequest') return this.#log.count(type, live) - addressed
    if (!typesOf(this.#awaits).includes(type)) return addressed
    const selected = from < live ? (this.#reader.selected?.(type, from) ?? this.#log.count(type, from, live)) : 0
    return selected + this.#log.count(type, live) + addressed
  }

  #isWanted(type: Message['type']): boolean {
    return this.#wanted.types.includes(type)
  }

  #settleAt({ positions, frames, wanted }: Place): void {
    const { end, next } = this.#log
    const within = mapped(positions, position => Math.min(position, next))
    this.#position = lowestOf(within, wanted.types) ?? end
    this.#frames = frames
    this.#wanted = wanted
    this.#awaits = interestIn(this.#reader.interest, wanted.types)
    this.#head = undefined
    this.#need = 'nothing'
    this.#apart = within
    this.#joinTypes()
    if (this.#position >= end) this.#becomeIdle()
  }

  /** Types that the position has reached need not be kept apart from it any more. */
  #joinTypes(): void {
    const wantsAll = this.#wanted.types.length === frameTypes.length
    if (this.#apart && wantsAll && highestOf(this.#apart) <= this.#position) this.#apart = undefined
  }

  #leaveIdle(): void {
    if (!this.#isIdle) return
    this.#log.idle.remove(this)
    this.#isIdle = false
  }

  #becomeIdle(): void {
    this.#position = this.#log.end
    this.#joinTypes()
    this.#endPassing()
    this.#isIdle = true
    this.#log.idle.add(this)
  }

  /**
   * Nothing that comes now was ever sent to it. If it still counts more frames, they are of messages that the log does not
   * have: a crash lost them before they were written.
   */
  #endPassing(): void {
    this.#frames += this.#passing?.frames ?? 0
    this.#passing = undefined
  }

  #moveTo(position: number): void {
    const wasReplaying = this.#position <= this.#upTo
    this.#position = position
    if (this.#apart !== undefined) this.#joinTypes()
    if (wasReplaying && position > this.#upTo) this.#edges.replayed()
  }

  /** Finds the next message for this subscriber, and moves the position to it. */
  #find(): Message | undefined {
    while (this.#need === 'nothing' && !this.#isIdle) {
      if (this.#position >= this.#log.end) this.#becomeIdle()
      else if (this.#isBeforeSelection()) this.#need = 'selection'
      else {
        this.#skipUnselected()
        const batch = this.#batchHere()
        const found = batch && this.#findIn(batch)
        if (found !== undefined) return found
      }
    }
    return undefined
  }

  #isBeforeSelection(): boolean {
    return this.#isInSnapshot && this.#everythingSinceMs === undefined && this.#selection === undefined
  }

  get #isInSnapshot(): boolean {
    return this.#position <= this.#upTo
  }

  #skipUnselected(): void {
    if (!this.#isInSnapshot || this.#selection === undefined) return
    const next = this.#selection.nextFrom(this.#position) ?? this.#upTo + 1
    if (next > this.#position) this.#moveTo(next)
  }

  #findIn(batch: LoggedBatch): Message | undefined {
    const end = Math.min(endOf(batch), this.#log.end)
    while (this.#position < end) {
      if (this.#passing !== undefined && this.#position >= this.#passing.unsentFrom) this.#endPassing()
      const message = batch.messages[this.#position - batch.first] as Message
      if (this.#isFor(message, batch)) {
        if (this.#passing === undefined) {
          this.#head = this.#isNumbered ? numbered(message, this.#position, batch.acceptedMs) : message
          return this.#head
        }
        this.#frames++
        this.#moveTo(this.#position + 1)
        if (--this.#passing.frames === 0) this.#passing = undefined
      } else this.#moveTo(this.#position + 1)
    }
    return undefined
  }

  #isFor(message: Message, { acceptedMs }: LoggedBatch): boolean {
    const { type, audience } = message
    if (this.#apart !== undefined && (!this.#isWanted(type) || this.#position < this.#apart[type])) return false
    if (this.#wanted.accepts?.(message) === false) return false
    // What was logged before the subscription is for it only as part of the snapshot.
    if (this.#isInSnapshot) {
      if (this.#everythingSinceMs === undefined) return this.#selection?.has(this.#position) ?? false
      if (audience !== undefined || acceptedMs < this.#everythingSinceMs) return false
    }
    if (audience === undefined) return this.#interest === 'both' || this.#interest === type
    return 'only' in audience ? audience.only === this.topic : audience.except !== this.topic
  }

  /** The batch with the message at the position. Moves on to the next one that is there; undefined if there is none here. */
  #batchHere(): LoggedBatch | undefined {
    const current = this.#batch
    if (current !== undefined && this.#position >= current.first && this.#position < endOf(current)) return current
    this.#batch = this.#log.recentAt(this.#position) ?? this.#batchOfPage()
    if (this.#batch === undefined && this.#mayBeInStore) {
      const next = this.#isInSnapshot ? this.#position : this.#log.nextFor(this.#interest, this.#position)
      if (next > this.#position) this.#moveTo(next)
      else this.#need = 'page'
    } else {
      // The store has nothing from here on: what is in memory comes next.
      this.#batch ??= this.#log.oldestRecent
      const first = this.#batch?.first ?? this.#log.end
      if (first > this.#position) this.#passGap(first)
    }
    return this.#batch
  }

  #batchOfPage(): LoggedBatch | undefined {
    if (this.#page === undefined || this.#page.start > this.#position) return undefined
    return batchAt(this.#page, this.#position)
  }

  /** May the store have messages from here on? Not if it was asked for them and had none. */
  get #mayBeInStore(): boolean {
    if (!this.#log.hasStore) return false
    return this.#page === undefined || this.#page.start !== this.#position || this.#page.batches.length > 0
  }

  #passGap(first: number): void {
    const from = this.#position
    if (this.#passing !== undefined) {
      // Of what is not there any more the subscriber has at most as much: rather twice than never.
      const passed = Math.min(this.#passing.frames, first - from)
      this.#frames += passed
      this.#passing.frames -= passed
      if (this.#passing.frames === 0) this.#passing = undefined
    }
    this.#moveTo(first)
    this.#edges.missed(from, first)
  }
}

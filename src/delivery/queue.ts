import type { Message } from '../protocol/message.ts'
import type { Interest } from '../protocol/topics.ts'
import type { LoggedBatch } from './batch.ts'
import { type Checkpoint, Checkpoints } from './checkpoints.ts'
import type { IdleQueue } from './idle-queues.ts'
import type { MessageLog } from './message-log.ts'
import type { SnapshotSelection } from './message-store.ts'
import type { Page } from './pages.ts'
import { endOf } from './recent-batches.ts'

/** The part of the log that a subscriber gets as a snapshot, before what is live. */
export interface SnapshotRange {
  /** Accepted at this time or later, in milliseconds since the epoch. */
  readonly sinceMs: number
  /** Sequence number of the log's last message when the subscription began. */
  readonly upTo: number
}

/** Who reads, and from where. */
export interface QueueStart {
  /** The subscriber's p2p topic. */
  readonly topic: string
  readonly interest: Interest
  /** Sequence number of the first message that it may get. */
  readonly position: number
  /** Frames that it was sent before, since the subscribe reply. */
  readonly frames: number
  /** Undefined: it asked for no snapshot. */
  readonly snapshot: SnapshotRange | undefined
  /** Has it said how many frames it received? */
  readonly confirms: boolean
  /** No message from this sequence number on was ever sent to it; undefined if that is not known. */
  readonly unsentFrom?: number | undefined
  /** What a connection may hold that the subscriber has not received. */
  readonly inFlightBytes: number
}

/** What a queue tells its owner: edges only, never single messages. */
export interface QueueEdges {
  /** The queue, which had nothing to send, has something. */
  filled(): void
  /** The snapshot was sent; what comes now is live. */
  replayed(): void
  /** So many messages of the log are not there any more, some of which may have been for this subscriber. */
  missed(messages: number): void
}

/** What keeps a queue from saying what is next. */
export type Need = 'nothing' | 'page' | 'selection'

/** A run of messages to one subscriber ends with the one that makes it so long. */
export const maxRunBytes = 65_536

/**
 * A subscriber's queue: its position in the log, and the rules by which it passes over what is not for it.
 *
 * It holds no messages of its own. What it reads is in the log's memory or, for those who lag, in a page of the store that
 * its owner fetches. So its memory is bounded whatever the subscriber does, and to go back is to move the position.
 */
export class Queue implements IdleQueue {
  readonly topic: string
  readonly interest: Interest
  readonly #log: MessageLog
  readonly #edges: QueueEdges
  readonly #snapshot: SnapshotRange | undefined
  readonly #checkpoints: Checkpoints
  #selection: SnapshotSelection | undefined
  #page: Page | undefined
  /** The batch that is being read, while it has its turn. */
  #batch: LoggedBatch | undefined
  /** The next message to send, once it is found: then it is the one at the position. */
  #head: Message | undefined
  #position: number
  #frames: number
  #bytes = 0
  #missed = 0
  #isIdle = false
  #need: Need = 'nothing'
  #confirms: boolean
  /** Is it known which frame the subscriber received last? Not from when its connection broke until it has said so. */
  #isResumed: boolean
  /** The frames that it said it received after its connection broke. */
  #receipt: number | undefined
  /** Frames were sent again to a subscriber that had not said what it received: from then on its count is another. */
  #countsDiffer = false
  /** Messages that come next and that the subscriber is known to have. */
  #received = 0
  /** No message from here on was ever sent to it. */
  #unsentFrom: number

  constructor(log: MessageLog, start: QueueStart, edges: QueueEdges) {
    this.#log = log
    this.#edges = edges
    this.topic = start.topic
    this.interest = start.interest
    this.#snapshot = start.snapshot
    this.#confirms = start.confirms
    this.#isResumed = !start.confirms
    this.#position = Math.min(start.position, log.next)
    this.#frames = start.frames
    this.#unsentFrom = Math.min(start.unsentFrom ?? log.next, log.next)
    this.#countsDiffer = !start.confirms && start.frames > 0
    this.#checkpoints = new Checkpoints(start.inFlightBytes, this.#here)
    log.countQueues(1)
    if (this.#position >= log.end) this.#becomeIdle()
  }

  /** Has everything been sent that there is? */
  get isEmpty(): boolean {
    return this.#isIdle
  }

  /** Messages of the log from here to its end, including those that it will pass over. */
  get lag(): number {
    return this.#isIdle ? 0 : this.#log.end - this.#position
  }

  /** Messages that were not there any more when it came to them, at most: some may not have been for it. */
  get missed(): number {
    return this.#missed
  }

  /** What has to be fetched before {@link head} can say what is next. */
  get need(): Need {
    return this.#need
  }

  /** Does the subscriber say how many frames it received? */
  get confirms(): boolean {
    return this.#confirms
  }

  /** May it be sent to? A subscriber that says what it received is waited for when its connection was broken. */
  get isResumed(): boolean {
    return this.#isResumed
  }

  /** The snapshot, while it is being sent. */
  get replaying(): SnapshotRange | undefined {
    return this.#isInSnapshot ? this.#snapshot : undefined
  }

  /** Is it being fed from the store? */
  get isBehind(): boolean {
    return this.#page !== undefined
  }

  /** The place to go back to when its connection, or this process, breaks. */
  get settled(): Checkpoint {
    return this.#checkpoints.settled
  }

  /** The next message to send. Undefined: everything was sent, or something has to be fetched first (see {@link need}). */
  get head(): Message | undefined {
    return this.#head ?? this.#find()
  }

  /** Steps over `sent`, which was the head when its sending began. If the queue moved meanwhile, nothing is stepped over. */
  skip(sent: Message): void {
    if (this.#head !== sent) return
    this.#frames++
    // What a connection holds is bounded by runs: a message that is longer counts as one.
    this.#bytes += Math.min(sent.frame.length, maxRunBytes)
    this.#head = undefined
    this.#moveTo(this.#position + 1)
  }

  /** Its turn is over: lets go of what it was reading from. Answers whether it held a page of the store. */
  rest(): boolean {
    this.#head = undefined
    this.#batch = undefined
    this.#selection = undefined
    return this.dropPage()
  }

  /** Lets go of the page that it holds; answers whether it held one. */
  dropPage(): boolean {
    if (this.#page === undefined) return false
    this.#batch = undefined
    this.#page = undefined
    return true
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

  /** Frames that the subscriber was sent since the subscribe reply. */
  get frames(): number {
    return this.#frames
  }

  /** Sequence number of the next message that it looks at: where the page that it needs begins. */
  get position(): number {
    return this.#position
  }

  /** The log has a message for it again. */
  wake(batch: LoggedBatch): void {
    this.#isIdle = false
    this.#position = batch.first
    this.#edges.filled()
  }

  /**
   * Its connection broke: what it held is to be sent again. If the subscriber says how many frames it received, nothing is
   * sent until it has.
   */
  rewind(): void {
    if (this.#confirms) {
      this.#isResumed = false
      this.#receipt = undefined
    } else {
      if (this.#frames !== this.settled.frames) this.#countsDiffer = true
      this.#goTo(this.settled)
    }
  }

  /** The subscriber says that it has received so many frames since the subscribe reply. */
  confirm(received: number): void {
    if (this.#countsDiffer) this.#frames += this.#checkpoints.recount(received)
    this.#countsDiffer = false
    this.#confirms = true
    this.#checkpoints.confirm(received)
    if (!this.#isResumed) this.#receipt = received
    else if (received === this.#frames || received > this.#frames + 1) {
      // Nothing is in flight: there is nothing to go back for. If it counts more than it was sent, its count is the right
      // one: what its connection held when it broke reached it after it had said what it received. (One more than was
      // counted here is being sent at this moment.)
      this.#frames = received
      this.#checkpoints.restart(this.#here)
    }
  }

  /** While it is not known what it received: no message from this sequence number on was ever sent to it. */
  get unsentFrom(): number | undefined {
    return this.#isResumed ? undefined : this.#unsentFrom
  }

  /** Has it said what it received since its connection broke? */
  get hasReceipt(): boolean {
    return this.#receipt !== undefined
  }

  /** Goes on where the subscriber said that it is. */
  resume(): void {
    if (this.#receipt === undefined) return
    this.#isResumed = true
    this.#unsentFrom = Math.max(this.#unsentFrom, this.#position)
    this.#goTo(this.settled)
    this.#received = Math.max(0, this.#receipt - this.#frames)
    this.#receipt = undefined
  }

  /** It does not say what it received any more: it is sent everything again that may not have reached it. */
  resumeUnconfirmed(): void {
    this.#isResumed = true
    this.#confirms = false
    this.rewind()
  }

  /** The subscriber left: nothing is to be sent any more. */
  close(): void {
    this.#log.countQueues(-1)
    this.#log.idle.remove(this)
  }

  get #here(): Checkpoint {
    return { position: this.#position, frames: this.#frames, bytes: this.#bytes }
  }

  #goTo({ position, frames, bytes }: Checkpoint): void {
    this.#position = position
    this.#frames = frames
    this.#bytes = bytes
    this.#head = undefined
    this.#received = 0
    if (!this.#isIdle) return
    this.#isIdle = false
    this.#log.idle.remove(this)
    if (position >= this.#log.end) this.#becomeIdle()
  }

  #becomeIdle(): void {
    this.#isIdle = true
    this.#position = this.#log.end
    this.#endPassing()
    if (this.#checkpoints.settled.frames === this.#frames) this.#checkpoints.restart(this.#here)
    this.#log.idle.add(this)
  }

  /**
   * Nothing that comes now was ever sent to it. If it still counts more frames, they are of messages that the log does not
   * have: a crash lost them before they were written.
   */
  #endPassing(): void {
    if (this.#received === 0) return
    this.#frames += this.#received
    this.#received = 0
    this.#checkpoints.restart(this.#here)
  }

  #moveTo(position: number): void {
    const { upTo } = this.#snapshot ?? { upTo: 0 }
    const wasReplaying = this.#position <= upTo
    this.#position = position
    if (wasReplaying && position > upTo) this.#edges.replayed()
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
    return this.#isInSnapshot && this.#selection === undefined
  }

  get #isInSnapshot(): boolean {
    return this.#snapshot !== undefined && this.#position <= this.#snapshot.upTo
  }

  #skipUnselected(): void {
    if (!this.#isInSnapshot || this.#selection === undefined || this.#snapshot === undefined) return
    const next = this.#selection.nextFrom(this.#position) ?? this.#snapshot.upTo + 1
    if (next > this.#position) this.#moveTo(next)
  }

  #findIn(batch: LoggedBatch): Message | undefined {
    const end = Math.min(endOf(batch), this.#log.end)
    while (this.#position < end) {
      if (this.#position >= this.#unsentFrom) this.#endPassing()
      const message = batch.messages[this.#position - batch.first] as Message
      if (this.#isFor(message)) {
        if (this.#received === 0) {
          // A checkpoint stands at a message for it: what is between two of its messages is never looked at again.
          if (this.#checkpoints.isDue(this.#bytes)) this.#checkpoints.reach(this.#here, this.#confirms)
          this.#head = message
          return message
        }
        this.#frames++
        this.#received--
        this.#moveTo(this.#position + 1)
        if (this.#received === 0) this.#checkpoints.restart(this.#here)
      } else this.#moveTo(this.#position + 1)
    }
    return undefined
  }

  #isFor({ type, audience }: Message): boolean {
    // What was logged before the subscription is for it only as part of the snapshot.
    if (this.#isInSnapshot) return this.#selection?.has(this.#position) ?? false
    if (audience === undefined) return this.interest === 'both' || this.interest === type
    return 'only' in audience ? audience.only === this.topic : audience.except !== this.topic
  }

  /** The batch with the message at the position. Moves on to the next one that is there; undefined if there is none here. */
  #batchHere(): LoggedBatch | undefined {
    const current = this.#batch
    if (current !== undefined && this.#position >= current.first && this.#position < endOf(current)) return current
    this.#batch = this.#log.recentAt(this.#position) ?? this.#batchOfPage()
    if (this.#batch === undefined && this.#mayBeInStore) this.#need = 'page'
    else {
      // The store has nothing from here on: what is in memory comes next.
      this.#batch ??= this.#log.oldestRecent
      const first = this.#batch?.first ?? this.#log.end
      if (first > this.#position) this.#passGap(first)
    }
    return this.#batch
  }

  #batchOfPage(): LoggedBatch | undefined {
    if (this.#page === undefined || this.#page.start > this.#position) return undefined
    return this.#page.batches.find(each => endOf(each) > this.#position)
  }

  /** May the store have messages from here on? Not if it was asked for them and had none. */
  get #mayBeInStore(): boolean {
    if (!this.#log.hasStore) return false
    return this.#page === undefined || this.#page.start !== this.#position || this.#page.batches.length > 0
  }

  #passGap(first: number): void {
    const missed = first - this.#position
    this.#missed += missed
    this.#moveTo(first)
    this.#edges.missed(missed)
  }
}

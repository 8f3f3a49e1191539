import type { FrameType } from '../protocol/message.ts'
import type { Interest } from '../protocol/topics.ts'
import type { Batch, LoggedBatch } from './batch.ts'
import { type IdleCursor, IdleCursors } from './idle-cursors.ts'
import { MessageCounts } from './message-counts.ts'
import type { MessageStore } from './message-store.ts'
import { endOf, RecentBatches } from './recent-batches.ts'

/** How a log treats what it is given. */
export interface LogSettings {
  /** What is kept in memory: enough that whoever keeps up never needs the store. */
  readonly maxRecentMessages: number
  readonly maxRecentBytes: number
  /** May a message be delivered before it is on disk? */
  readonly durability: 'background' | 'committed'
  /** The time at which a message is accepted, in milliseconds since the epoch. Default `Date.now`. */
  readonly now?: () => number
}

/**
 * The log: every message that was accepted, in order, under a sequence number. Subscribers' cursors are positions in it.
 *
 * The newest batches are in memory, the rest is in the store. Without a store the rest is gone.
 */
export class MessageLog {
  readonly #store: MessageStore | undefined
  readonly #settings: LogSettings
  readonly #now: () => number
  readonly #recent = new RecentBatches()
  readonly #counts = new MessageCounts()
  readonly #idle = new IdleCursors()
  /** Those who read, by p2p topic: of most there is one. */
  readonly #cursors = new Map<string, readonly IdleCursor[]>()
  /** Batches that may not be delivered yet. */
  #unshown: LoggedBatch[] = []
  #committing = false
  #readers = 0
  #next: number
  #end: number

  constructor(store: MessageStore | undefined, settings: LogSettings) {
    this.#store = store
    this.#settings = settings
    this.#now = settings.now ?? Date.now
    this.#next = this.#end = store?.next ?? 1
    store?.beCounted(this.#counts)
  }

  /** Sequence number that the next message will get. */
  get next(): number {
    return this.#next
  }

  /** Everything before this sequence number may be delivered. */
  get end(): number {
    return this.#end
  }

  /** Does it keep more than what is in memory? */
  get hasStore(): boolean {
    return this.#store !== undefined
  }

  /** Sequence number of the oldest message that there still is; {@link next} if there is none. */
  get oldest(): number {
    return this.#store?.oldest ?? this.#recent.oldest?.first ?? this.#next
  }

  /** Messages for everyone of this type that may be delivered, from a sequence number on; to before another one. */
  count(type: FrameType, from: number, to = this.#end): number {
    return this.#counts.between(type, Math.max(from, this.oldest), to)
  }

  /** The same, of messages for this subscriber alone or, of requests for snapshots, for all but it. */
  countAddressed(topic: string, type: FrameType, from: number): number {
    return this.#counts.addressedTo(topic, type, Math.max(from, this.oldest), this.#end)
  }

  /**
   * Sequence number of the first message from one on that may be for whoever has this interest, as far as that is known without
   * looking: what is before it need not be read.
   */
  nextFor(interest: Interest, from: number): number {
    return from < this.oldest ? from : this.#counts.nextFor(interest, from, this.#end)
  }

  /** From now on it is known who is a subscriber: what is for others alone is not counted. */
  countFor(isSubscriber: (topic: string) => boolean): void {
    this.#counts.countFor(isSubscriber)
  }

  /** This subscriber is no more. */
  forget(topic: string): void {
    this.#counts.forget(topic)
  }

  /** Cursors that have been sent everything. */
  get idle(): IdleCursors {
    return this.#idle
  }

  /** This cursor reads the log from now on. */
  opened(cursor: IdleCursor): void {
    this.#readers++
    this.#cursors.set(cursor.topic, [...(this.#cursors.get(cursor.topic) ?? []), cursor])
  }

  /** This cursor reads the log no more. */
  closed(cursor: IdleCursor): void {
    this.#idle.remove(cursor)
    const others = this.#cursors.get(cursor.topic)?.filter(each => each !== cursor) ?? []
    this.#readers--
    if (others.length > 0) this.#cursors.set(cursor.topic, others)
    else this.#cursors.delete(cursor.topic)
  }

  /** Gives a batch its place in the log, and delivers it. */
  append({ messages, bytes }: Batch): LoggedBatch {
    const batch = { messages, bytes, first: this.#next, acceptedMs: this.#now() }
    this.#next += messages.length
    this.#recent.push(batch)
    this.#store?.append(batch)
    this.trim()
    this.#counts.append(batch)
    this.#counts.forgetBefore(this.oldest)
    if (this.#store && this.#settings.durability === 'committed') {
      this.#unshown.push(batch)
      this.#showCommitted(this.#store)
    } else this.#show(batch)
    return batch
  }

  /** The batch in memory with this sequence number or, if no batch has it, the next one. Undefined: it is not in memory. */
  recentAt(sequence: number): LoggedBatch | undefined {
    const { oldest } = this.#recent
    if (oldest === undefined || sequence < oldest.first) return undefined
    return this.#recent.at(sequence)
  }

  /** The oldest batch in memory. */
  get oldestRecent(): LoggedBatch | undefined {
    return this.#recent.oldest
  }

  /**
   * Lets go of the oldest batches: of those beyond what may be kept in memory, and of all that nobody is reading, because
   * what dies young costs little. What the store does not have yet is kept.
   */
  trim(): void {
    const { maxRecentMessages, maxRecentBytes } = this.#settings
    const nobodyReads = this.#idle.done === this.#readers
    while (nobodyReads || this.#recent.messages > maxRecentMessages || this.#recent.bytes > maxRecentBytes) {
      const { oldest } = this.#recent
      if (oldest === undefined || this.#recent.isDownToOne || endOf(oldest) > this.#end) break
      if (this.#store && endOf(oldest) > this.#store.readable) break
      this.#recent.dropOldest()
    }
  }

  #show(batch: LoggedBatch): void {
    this.#end = endOf(batch)
    this.#idle.wake(batch, topic => this.#cursors.get(topic) ?? [])
  }

  /** Delivers what is on disk. If the disk fails, delivery goes on without it: the store says so loudly. */
  async #showCommitted(store: MessageStore): Promise<void> {
    if (this.#committing) return
    this.#committing = true
    while (this.#unshown.length > 0) {
      const committed = this.#unshown
      this.#unshown = []
      await store.committed().catch(() => {})
      for (const batch of committed) this.#show(batch)
    }
    this.#committing = false
  }
}

import type { LoggedBatch } from '../../src/delivery/batch.ts'
import type { MessageCounts } from '../../src/delivery/message-counts.ts'
import type {
  MessageStore,
  SharedSelection,
  SnapshotCriteria,
  SnapshotRange,
  SnapshotSelection,
} from '../../src/delivery/message-store.ts'

/** The simplest message store: an array. It reads so many messages a page, and forgets its oldest when it is told to. */
export class MemoryStore implements MessageStore {
  #batches: LoggedBatch[] = []
  readonly #pageMessages: number
  next = 1
  readonly unwrittenBytes = 0
  reads = 0
  selects = 0

  constructor(pageMessages = 10) {
    this.#pageMessages = pageMessages
  }

  get oldest(): number {
    return this.#batches[0]?.first ?? this.next
  }

  get readable(): number {
    return this.next
  }

  beCounted(counts: MessageCounts): void {
    for (const batch of this.#batches) counts.append(batch)
  }

  append(batch: LoggedBatch): void {
    this.#batches.push(batch)
    this.next = batch.first + batch.messages.length
  }

  async read(sequence: number): Promise<readonly LoggedBatch[]> {
    this.reads++
    await undefined
    const from = this.#batches.findIndex(batch => batch.first + batch.messages.length > sequence)
    if (from < 0) return []
    let to = from
    for (let messages = 0; to < this.#batches.length && messages < this.#pageMessages; to++) {
      messages += this.#batches[to]?.messages.length ?? 0
    }
    return this.#batches.slice(from, to)
  }

  async committed(): Promise<void> {}

  async select(criteria: SnapshotCriteria, _signal?: AbortSignal): Promise<SharedSelection> {
    this.selects++
    const { sinceMs, earliestEnd, latestEnd } = criteria
    const batches = [...this.#batches]
    const shared: SharedSelection = {
      versions: undefined,
      forgetVersions() {},
      covers: range => range.sinceMs === sinceMs && range.upTo >= earliestEnd && range.upTo <= latestEnd,
      within: (range, types) => selectFrom(batches, range, types, shared),
    }
    return shared
  }

  /** Forgets everything before this sequence number, as retention does. */
  forgetBefore(sequence: number): void {
    this.#batches = this.#batches.filter(batch => batch.first + batch.messages.length > sequence)
  }

  /** Loses everything from this sequence number on, as a crash may. */
  loseFrom(sequence: number): void {
    this.#batches = this.#batches.filter(batch => batch.first < sequence)
    this.next = sequence
  }

  /** Loses the last so many messages, as a crash may; answers how many there are left. */
  loseLast(messages: number): number {
    const next = Math.max(this.oldest, this.next - messages)
    this.#batches = this.#batches
      .filter(({ first }) => first < next)
      .map(batch => ({ ...batch, messages: batch.messages.slice(0, next - batch.first) }))
    this.next = next
    return this.#batches.reduce((count, batch) => count + batch.messages.length, 0)
  }

  async close(): Promise<void> {}
}

/** What belongs to one snapshot, by a Map. */
function selectFrom(
  batches: readonly LoggedBatch[],
  { sinceMs, upTo }: SnapshotRange,
  types: readonly string[],
  shared: SharedSelection,
): SnapshotSelection {
  const latest = new Map<string, { sequence: number; modified: string; removed: boolean }>()
  for (const { first, acceptedMs, messages } of batches) {
    for (const [index, { type, audience, object }] of messages.entries()) {
      const sequence = first + index
      if (acceptedMs < sinceMs || sequence > upTo || audience || !types.includes(type)) continue
      const before = latest.get(object?.id ?? '')
      if (object && (before === undefined || object.modified >= before.modified)) {
        latest.set(object.id, { sequence, ...object })
      }
    }
  }
  const selected = [...latest.values()].filter(({ removed }) => !removed).map(({ sequence }) => sequence)
  selected.sort((one, other) => one - other)
  return {
    has: sequence => selected.includes(sequence),
    nextFrom: sequence => selected.find(each => each >= sequence),
    countFrom: sequence => selected.filter(each => each >= sequence).length,
    hasVersion: () => false,
    shared,
  }
}

import { type SequenceBits, SequenceSet } from './sequence-set.ts'

/** What {@link SelectedMessages} are made of, in a form that can be given to another thread. */
export interface SelectedTable {
  readonly latest: SequenceBits
  /** Messages that are selected until another one replaces them, in ascending order, and the sequence numbers of those. */
  readonly replaced: Float64Array<ArrayBuffer>
  readonly replacedBy: Float64Array<ArrayBuffer>
}

/** The messages of one type that belong to snapshots which end at one place or another: by where, whether they do. */
export class SelectedMessages {
  readonly #latest: SequenceSet
  readonly #replaced: SelectedTable['replaced']
  readonly #replacedBy: SelectedTable['replacedBy']

  /** What is in this table, which is taken over. */
  constructor({ latest, replaced, replacedBy }: SelectedTable) {
    this.#latest = new SequenceSet(latest)
    this.#replaced = replaced
    this.#replacedBy = replacedBy
  }

  /** How many belong to some snapshot. */
  get size(): number {
    return this.#latest.size + this.#replaced.length
  }

  /** Does this message belong to any snapshot? */
  hasAnywhere(sequence: number): boolean {
    return this.#latest.has(sequence) || this.#replaced[this.#placeOf(sequence)] === sequence
  }

  /** Does this message belong to the snapshot that ends with the message `end`? */
  has(sequence: number, end: number): boolean {
    if (sequence > end) return false
    if (this.#latest.has(sequence)) return true
    const place = this.#placeOf(sequence)
    return this.#replaced[place] === sequence && (this.#replacedBy[place] as number) > end
  }

  /** The first message from this sequence number on that belongs to the snapshot that ends with the message `end`. */
  nextFrom(sequence: number, end: number): number | undefined {
    const next = Math.min(this.#latest.nextFrom(sequence) ?? Number.POSITIVE_INFINITY, end + 1)
    for (let place = this.#placeOf(sequence); (this.#replaced[place] ?? next) < next; place++) {
      if ((this.#replacedBy[place] as number) > end) return this.#replaced[place]
    }
    return next <= end ? next : undefined
  }

  /** How many from this sequence number on belong to the snapshot that ends with the message `end`. */
  countFrom(sequence: number, end: number): number {
    let count = Math.max(0, this.#latest.countFrom(sequence) - this.#latest.countFrom(Math.max(sequence, end + 1)))
    for (let place = this.#placeOf(sequence); (this.#replaced[place] ?? Number.POSITIVE_INFINITY) <= end; place++) {
      if ((this.#replacedBy[place] as number) > end) count++
    }
    return count
  }

  /** The first place of `replaced` with this sequence number or a higher one. */
  #placeOf(sequence: number): number {
    let from = 0
    let to = this.#replaced.length
    while (from < to) {
      const middle = (from + to) >> 1
      if ((this.#replaced[middle] as number) < sequence) from = middle + 1
      else to = middle
    }
    return from
  }
}

/** Notes, in the order of the log, which messages are selected, and what replaces them. */
export class SelectingMessages {
  readonly #latest: SequenceSet
  readonly #earliestEnd: number
  readonly #replaced: { readonly sequence: number; readonly by: number }[] = []

  /** @param from the first message that may be selected; snapshots end from the earliest to the latest end */
  constructor(from: number, { earliestEnd, latestEnd }: { readonly earliestEnd: number; readonly latestEnd: number }) {
    this.#earliestEnd = earliestEnd
    this.#latest = SequenceSet.between(from, latestEnd)
  }

  /** It is selected. */
  add(sequence: number): void {
    this.#latest.add(sequence)
  }

  /** It is replaced, if it was selected. */
  replace(sequence: number, by: number): void {
    if (by > this.#earliestEnd && this.#latest.has(sequence)) this.#replaced.push({ sequence, by })
    this.#latest.delete(sequence)
  }

  /** What came of it. */
  get table(): SelectedTable {
    const replaced = this.#replaced.toSorted((one, other) => one.sequence - other.sequence)
    return {
      latest: this.#latest.bits,
      replaced: Float64Array.from(replaced, ({ sequence }) => sequence),
      replacedBy: Float64Array.from(replaced, ({ by }) => by),
    }
  }
}

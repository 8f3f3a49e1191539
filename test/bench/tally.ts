/**
 * What became of one subscriber's messages, told by their sequence numbers. It costs one comparison for each message
 * that comes in turn, and remembers only what is missing.
 *
 * Counting starts at the first message seen: what a broker had published before the subscriber joined is not its loss.
 */
export class Tally {
  /** The number that comes in turn; -1 until the first message. */
  next = -1
  received = 0
  duplicated = 0
  reordered = 0
  readonly #missing = new Set<number>()

  take(sequence: number): void {
    this.received++
    if (sequence === this.next) this.next++
    else this.#takeOutOfTurn(sequence)
  }

  /** How many are lost if everything below `end` was published. */
  lost(end: number): number {
    return this.#missing.size + Math.max(0, end - Math.max(0, this.next))
  }

  #takeOutOfTurn(sequence: number): void {
    if (this.next === -1) this.next = sequence + 1
    else if (sequence > this.next) {
      while (this.next < sequence) this.#missing.add(this.next++)
      this.next++
    } else if (this.#missing.delete(sequence)) this.reordered++
    else this.duplicated++
  }
}

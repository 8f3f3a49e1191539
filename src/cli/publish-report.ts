import type { Receipt } from '../index.ts'
import { say } from './bus-options.ts'

/** Problems that are told one by one; of the others only the number is. */
const maxTold = 20

/** What came of publishing: counted, and told to people on stderr. */
export class PublishReport {
  readonly #published = new Map<string, number>()
  readonly #skipped = new Map<string, number>()
  #upgraded = 0
  #refused = 0
  #acknowledged = 0
  #lastSequence = 0
  readonly #tell: (sentence: string) => void

  /** `tell` says a sentence that must not get into a progress bar. */
  constructor(tell: (sentence: string) => void) {
    this.#tell = tell
  }

  /** Objects published so far. */
  get published(): number {
    return sum(this.#published)
  }

  /** Was there something that should have been published and could not be? */
  get hasRefused(): boolean {
    return this.#refused > 0
  }

  /** An object went to the bus, which acknowledged it if there is a receipt. */
  countPublished(type: string, receipt: Receipt | undefined): void {
    this.#published.set(type, (this.#published.get(type) ?? 0) + 1)
    if (receipt === undefined) return
    this.#acknowledged++
    this.#lastSequence = receipt.sequence
  }

  /** An object that was counted as published had been upgraded from STIX 2.0. */
  countUpgraded(): void {
    this.#upgraded++
  }

  /** An object is of a type that does not travel the bus. */
  countSkipped(type: string): void {
    this.#skipped.set(type, (this.#skipped.get(type) ?? 0) + 1)
  }

  /** Something can't be published. */
  refuse(file: string, line: number, problem: string): void {
    this.#refused++
    if (this.#refused <= maxTold) this.#tell(`${file}:${line}: ${problem}`)
    if (this.#refused === maxTold + 1) this.#tell('there are more such problems; they are counted')
  }

  /** A file can't be read, or not to its end. */
  refuseFile(file: string, error: unknown): void {
    this.#refused++
    this.#tell(`${file}: ${error instanceof Error ? error.message : error}`)
  }

  /** Says what came of everything; `done` is what was done with what did not fail. */
  saySummary(done: 'published' | 'imported' = 'published'): void {
    say(`${done} ${listed(this.#published)}, skipped ${listed(this.#skipped)}, refused ${this.#refused}`)
    if (this.#upgraded > 0) say(`${this.#upgraded} of those ${done} were STIX 2.0, and upgraded to STIX 2.1`)
    if (this.#acknowledged > 0) {
      say(`${this.#acknowledged} acknowledged: on the bus's disk, the last as number ${this.#lastSequence}`)
    }
  }

  /** Says how much of what was published is not acknowledged, if anything; `because` is why. */
  sayUnconfirmed(because: string): void {
    const unconfirmed = this.published - this.#acknowledged
    if (unconfirmed === 0) return
    const what = this.#acknowledged === 0 ? 'nothing was' : `${unconfirmed} were not`
    say(`${what} confirmed: ${because}, so it is not known what it has`)
  }
}

function sum(counts: ReadonlyMap<string, number>): number {
  let total = 0
  for (const count of counts.values()) total += count
  return total
}

/** Like `3 (indicator 2, sighting 1)`. */
function listed(counts: ReadonlyMap<string, number>): string {
  const types = [...counts].map(([type, count]) => `${type} ${count}`)
  return types.length === 0 ? '0' : `${sum(counts)} (${types.join(', ')})`
}

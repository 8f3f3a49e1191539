import type { Receipt } from '../index.ts'
import type { InputPlace } from './broken-input.ts'
import { say } from './bus-options.ts'
import { exitCodes } from './exit-codes.ts'

/** Problems that are told one by one; of the others only the number is. */
const maxTold = 20

/** Types that are told by name of what does not travel the bus, more than the standard has. */
const maxTypesTold = 50

/** Characters that are told of an id or type, more than those of the standard have. */
const longestName = 80

/** Where something stands in a file, and what it calls itself. */
export interface PlaceInFile extends InputPlace {
  readonly file: string
  readonly id: unknown
}

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

  /** The exit code if all went well otherwise: is everything published that travels the bus, and something if there was something? */
  get exitCode(): number {
    const isNothingPublished = this.published === 0 && this.#skipped.size > 0
    return this.#refused > 0 || isNothingPublished ? exitCodes.badInput : exitCodes.ok
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
    const name = shortened(type)
    const counted = this.#skipped.has(name) || this.#skipped.size < maxTypesTold ? name : 'other types'
    this.#skipped.set(counted, (this.#skipped.get(counted) ?? 0) + 1)
  }

  /** Something can't be published. */
  refuse(where: PlaceInFile, problem: string): void {
    this.#refused++
    if (this.#refused <= maxTold) this.#tell(`${placeInWords(where)}: ${problem}`)
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
    if (this.published === 0 && this.#skipped.size > 0 && this.#refused === 0) {
      say('nothing in the input travels the bus, which carries indicators and sightings')
    }
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

/** Like `feed.json:1: .objects[3], indicator--…`. */
function placeInWords({ file, line, path, id }: PlaceInFile): string {
  const name = typeof id === 'string' ? shortened(id) : ''
  const what = [path, name].filter(part => part !== '').join(', ')
  return what === '' ? `${file}:${line}` : `${file}:${line}: ${what}`
}

function shortened(name: string): string {
  return name.length > longestName ? `${name.slice(0, longestName)}…` : name
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

import { Budget } from './budget.ts'
import type { Counters } from './counters.ts'
import { readObject } from './json-text.ts'
import type { MatcherContent } from './matcher-content.ts'
import type { Reporting } from './reporting.ts'
import { liveSighting } from './sightings.ts'
import type { ConnectorStory } from './story.ts'
import type { CallResult, Vast } from './vast.ts'

/** What live matching needs. */
export interface LiveSurroundings {
  readonly vast: Pick<Vast, 'attach'>
  readonly content: MatcherContent
  readonly reporting: Reporting
  readonly story: ConnectorStory
  readonly counters: Counters
  /** Matches that are being reported at once. Beyond, the matcher is not read. */
  readonly atOnce: number
}

/** The live matcher's process, and what becomes of the lines that it prints. */
export class LiveMatching {
  readonly #surroundings: LiveSurroundings
  readonly #room: Budget
  #unwanted = new AbortController()
  #running: Promise<void> | undefined
  readonly #reporting = new Set<Promise<unknown>>()
  #ending = ''

  constructor(surroundings: LiveSurroundings) {
    this.#surroundings = surroundings
    this.#room = new Budget(surroundings.atOnce)
  }

  /** What became of the last process. */
  get ending(): string {
    return this.#ending
  }

  /** Attaches. Fulfilled when the process runs; throws if it can't be started. */
  async start(): Promise<void> {
    this.#unwanted = new AbortController()
    const { signal } = this.#unwanted
    await new Promise<void>((resolve, reject) => {
      this.#running = this.#surroundings.vast
        .attach({ signal, onStarted: resolve, onLine: line => this.#take(line) })
        .then(result => {
          this.#ended(result)
          reject(new Error(result.sentence))
        })
    })
  }

  /** Fulfilled when the process has ended. */
  async read(): Promise<void> {
    await this.#running
  }

  /** Ends the process, if it runs. Fulfilled when nothing is left of it. */
  async end(): Promise<void> {
    this.#unwanted.abort()
    await this.#running
  }

  /** Fulfilled when every match that was read is reported. */
  async reported(): Promise<void> {
    await Promise.all(this.#reporting)
  }

  async #take(line: string): Promise<void> {
    const { content, reporting, story, counters } = this.#surroundings
    const match = readObject(line)
    if (match === undefined)
      return story.lost('unreadable_event', 'the live matcher printed a line that is no JSON object')
    const made = liveSighting(match, new Date())
    if (!made.ok) return story.lost(made.reason, `a live match makes no sighting: ${made.detail}`)
    const value = made.sighting.x_threatbus_indicator_value
    if (typeof value === 'string' && content.isRemoved(value)) {
      return story.lost('removed_ioc', 'the live matcher found what it is about to look for no longer', { value })
    }
    counters.liveMatched()
    story.untimed(made.untimed)
    await this.#room.take(1)
    const report = reporting.report(made.sighting).finally(() => {
      this.#room.give(1)
      this.#reporting.delete(report)
    })
    this.#reporting.add(report)
  }

  #ended({ sentence, stderr, overlongLines: lines }: CallResult): void {
    this.#ending = stderr === '' ? `it ${sentence}` : `it ${sentence}: ${stderr}`
    if (lines === 0) return
    const overlong = 'the live matcher printed matches that are longer than max_line_bytes'
    this.#surroundings.story.lost('overlong_event', overlong, { lines }, lines)
  }
}

import { setTimeout as sleep } from 'node:timers/promises'
import type PQueue from 'p-queue'
import { type RetryPauses, retryPauseMs } from '../client/session.ts'
import type { Indicator } from '../protocol/stix/types.ts'
import { Budget } from './budget.ts'
import type { Counters } from './counters.ts'
import { type JsonText, readObject } from './json-text.ts'
import type { Reporting } from './reporting.ts'
import { retroSighting } from './sightings.ts'
import type { ConnectorStory } from './story.ts'
import type { CallResult, Vast } from './vast.ts'
import type { WaitingStore } from './waiting-file.ts'

/** What retro matching needs. */
export interface RetroSurroundings {
  readonly vast: Pick<Vast, 'query'>
  /** The calls of VAST: so many at once, none while it is away. */
  readonly calls: PQueue
  readonly reporting: Reporting
  readonly store: WaitingStore
  readonly story: ConnectorStory
  readonly counters: Counters
  readonly pauses: RetryPauses
  /** Indicators that may wait, those that are being matched included. */
  readonly most: number
  /** Times that a query is made that fails while VAST is there. */
  readonly attempts: number
  /** Aborted when queries that run are to be killed. */
  readonly killed: AbortSignal
  /** A query failed: VAST may be away. */
  suspectVast(): void
  /** How often VAST has been away. */
  timesAway(): number
}

/** An indicator that waits for its query, or is being matched. */
interface Match {
  readonly key: number
  readonly indicator: JsonText<Indicator>
  readonly query: string
  /** Queries that failed while VAST was there the whole time. */
  failures: number
  /** What went wrong with the last query, and how often VAST had been away by then. */
  trouble: { readonly sentence: string; readonly stderr: string; readonly away: number } | undefined
}

/** Matches indicators against the events that VAST has stored: a query for each. None is forgotten before it was made. */
export class RetroMatching {
  readonly #surroundings: RetroSurroundings
  readonly #room: Budget
  readonly #ending = new AbortController()
  #unfinished = 0

  constructor(surroundings: RetroSurroundings) {
    this.#surroundings = surroundings
    this.#room = new Budget(surroundings.most)
  }

  /** Indicators that wait, or are being matched. */
  get unfinished(): number {
    return this.#unfinished
  }

  /** How often an indicator had to wait for room. */
  get holdUps(): number {
    return this.#room.waits
  }

  /** Takes an indicator, once there is room. Not any more when the signal is aborted: then it was not taken. */
  async add(indicator: JsonText<Indicator>, query: string, signal: AbortSignal): Promise<void> {
    if (!(await this.#room.take(1, signal))) return
    const key = this.#surroundings.store.keep('indicator', indicator.text)
    this.#begin({ key, indicator, query, failures: 0, trouble: undefined })
  }

  /** Takes an indicator that an earlier run left. */
  resume(key: number, indicator: JsonText<Indicator>, query: string): void {
    this.#room.hold(1)
    this.#begin({ key, indicator, query, failures: 0, trouble: undefined })
  }

  /** Begins no query any more. What waits stays in the store. */
  end(): void {
    this.#ending.abort()
  }

  #begin(match: Match): void {
    this.#unfinished++
    this.#surroundings.counters.backlogIs(this.#unfinished)
    this.#enqueue(match)
  }

  #enqueue(match: Match): void {
    this.#surroundings.calls.add(() => this.#run(match))
  }

  #finish({ key }: Match): void {
    this.#surroundings.store.drop(key)
    this.#room.give(1)
    this.#unfinished--
    this.#surroundings.counters.backlogIs(this.#unfinished)
  }

  async #run(match: Match): Promise<void> {
    if (this.#ending.signal.aborted) return
    if (this.#isHopeless(match)) return this.#finish(match)
    const { vast, counters, timesAway, killed } = this.#surroundings
    const away = timesAway()
    const startMs = performance.now()
    let matches = 0
    let reported = true
    const result = await vast.query(match.query, {
      onLine: async line => {
        const { found, went } = await this.#report(line, match.indicator)
        if (found) matches++
        reported &&= went
      },
      signal: killed,
    })
    if (result.overlongLines > 0) this.#tellOverlong(result, match)
    // Its sightings could not all be kept: it is made again after the next start.
    if (!reported || result.outcome === 'aborted') return
    if (result.outcome === 'syntax_error') return this.#giveUp(match, result)
    if (result.outcome === 'succeeded' || this.#isOver(result, match, startMs)) {
      counters.retroMatched(matches, (performance.now() - startMs) / 1000)
      this.#finish(match)
    } else await this.#again(match, result, away)
  }

  /** Was it ended at its deadline, by its own fault? */
  #isOver({ outcome, sentence }: CallResult, { indicator, query }: Match, startMs: number): boolean {
    const { reporting, story } = this.#surroundings
    // While sightings wait for the bus nothing is read, and no query can end.
    if (outcome !== 'timed_out' || reporting.wasHeldUp(startMs)) return false
    const told = `a retro match ${sentence} (retro_match_timeout); what it found until then is reported`
    story.lost('query_timed_out', told, { indicator: indicator.value.id, query })
    return true
  }

  /** VAST can't parse the query, and never will: nothing speaks for its absence, and the query is not made again. */
  #giveUp(match: Match, { stderr }: CallResult): void {
    const fields = { indicator: match.indicator.value.id, query: match.query, stderr }
    this.#surroundings.story.lost('query_syntax_error', 'VAST calls a query a syntax error; it is given up', fields)
    this.#finish(match)
  }

  /** The query did not come to its end: it is made again, when VAST is there. */
  async #again(match: Match, { outcome, sentence, stderr }: CallResult, away: number): Promise<void> {
    const { story, pauses, suspectVast } = this.#surroundings
    match.failures++
    match.trouble = { sentence, stderr, away }
    suspectVast()
    const fields = { indicator: match.indicator.value.id, query: match.query, stderr }
    story.trouble(`query ${outcome}`, `a query ${sentence}; it is made again`, fields)
    await sleep(retryPauseMs(match.failures, pauses), undefined, { signal: this.#ending.signal }).catch(() => {})
    this.#enqueue(match)
  }

  /** Did the query fail too often? What VAST's absence is to blame for does not count. */
  #isHopeless(match: Match): boolean {
    const { failures, trouble, indicator, query } = match
    const { story, attempts, timesAway } = this.#surroundings
    if (trouble === undefined) return false
    if (timesAway() > trouble.away) match.failures = 0
    else if (failures >= attempts) {
      const sentence = `a query failed ${failures} times and is given up: it ${trouble.sentence}`
      story.lost('query_failed', sentence, { indicator: indicator.value.id, query, stderr: trouble.stderr })
      return true
    }
    return false
  }

  /** Reports what a line says. Was it a sighting, and did that go? */
  async #report(line: string, indicator: JsonText<Indicator>): Promise<{ found: boolean; went: boolean }> {
    const { reporting, story } = this.#surroundings
    const event = readObject(line)
    if (event === undefined) {
      story.lost('unreadable_event', 'VAST printed a line that is no JSON object', { indicator: indicator.value.id })
      return { found: false, went: true }
    }
    const made = retroSighting(event, indicator, new Date())
    if (made.ok) {
      story.untimed(made.untimed, { indicator: indicator.value.id })
      return { found: true, went: await reporting.report(made.sighting) }
    }
    story.lost(made.reason, `an event makes no sighting: ${made.detail}`, { indicator: indicator.value.id })
    return { found: false, went: true }
  }

  #tellOverlong({ overlongLines: lines }: CallResult, { indicator }: Match): void {
    const sentence = 'VAST printed events that are longer than max_line_bytes'
    this.#surroundings.story.lost('overlong_event', sentence, { indicator: indicator.value.id, lines }, lines)
  }
}

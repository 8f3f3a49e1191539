import { Durations } from '../observe/durations.ts'
import { type Unreportable, unreportableSentences } from './sightings.ts'
import { type Unconvertible, unconvertibleSentences } from './unconvertible.ts'

/** What gets lost on the way, apart from indicators that can't be converted and matches that can't be reported. */
const otherLosses = [
  /** What the bus delivered is no JSON. */
  'unreadable_indicator',
  /** There is no room for it in the live matcher: `max_live_iocs`. */
  'live_matcher_full',
  /** VAST refused, again and again, what the live matcher was to look for. */
  'ioc_refused',
  /** VAST can't parse what the live matcher was to look for. */
  'ioc_syntax_error',
  /** VAST can't parse the query. */
  'query_syntax_error',
  /** The query failed again and again while VAST was there. */
  'query_failed',
  /** The query was ended at its deadline. */
  'query_timed_out',
  /** What VAST printed is no JSON. */
  'unreadable_event',
  /** What VAST printed is longer than `max_line_bytes`. */
  'overlong_event',
  /** The event has no time, and the sighting went without `last_seen`. */
  'no_time',
  /** The event's time can't be read, and the sighting went without `last_seen`. */
  'unreadable_time',
  /** The live matcher found what it should look for no longer. */
  'removed_ioc',
  /** The context was reported untransformed. */
  'transformation_failed',
  'sink_failed',
  /** The bus refused the sighting. */
  'sighting_refused',
] as const

/** Why an indicator is not matched, or what VAST or the bus was given became nothing. A closed list. */
export type Loss = Unconvertible | Unreportable | (typeof otherLosses)[number]

/** Every {@link Loss}, and how often there was one: not yet. */
function noLosses(): Record<Loss, number> {
  const reasons = [...Object.keys(unconvertibleSentences), ...Object.keys(unreportableSentences), ...otherLosses]
  return Object.fromEntries(reasons.map(reason => [reason, 0])) as Record<Loss, number>
}

/** The least, the most and the average of what was observed. */
class Summary {
  #least = Number.POSITIVE_INFINITY
  #most = Number.NEGATIVE_INFINITY
  #sum = 0
  #count = 0

  observe(value: number): void {
    this.#least = Math.min(this.#least, value)
    this.#most = Math.max(this.#most, value)
    this.#sum += value
    this.#count++
  }

  /** InfluxDB fields of what was observed since it was asked last; none if nothing was. */
  fields(name: string): string[] {
    if (this.#count === 0) return []
    const average = this.#sum / this.#count
    const fields = [`${name}_min=${this.#least}`, `${name}_max=${this.#most}`, `${name}_avg=${average}`]
    this.#least = Number.POSITIVE_INFINITY
    this.#most = Number.NEGATIVE_INFINITY
    this.#sum = 0
    this.#count = 0
    return fields
  }
}

/** What the connector counts: since its start, and for the original's metrics since their last line. */
export class Counters {
  readonly total = { indicators: 0, removals: 0, retro_matched: 0, retro_matches: 0, live_matches: 0, sightings: 0 }
  readonly losses = noLosses()
  /** How long queries took. */
  readonly queries = new Durations()
  #backlog = 0
  #changed = new Set<'added_iocs' | 'removed_iocs' | 'retro_match_backlog' | 'live_matcher_sightings'>()
  #added = 0
  #removed = 0
  #live = 0
  readonly #matches = new Summary()
  readonly #seconds = new Summary()

  indicatorTaken(): void {
    this.total.indicators++
    this.#added++
    this.#changed.add('added_iocs')
  }

  indicatorRemoved(): void {
    this.total.removals++
    this.#removed++
    this.#changed.add('removed_iocs')
  }

  /** So many indicators wait for their query, or are being matched. */
  backlogIs(indicators: number): void {
    this.#backlog = indicators
    this.#changed.add('retro_match_backlog')
  }

  retroMatched(matches: number, seconds: number): void {
    this.total.retro_matched++
    this.total.retro_matches += matches
    this.#matches.observe(matches)
    this.#seconds.observe(seconds)
    this.queries.add(seconds)
  }

  liveMatched(): void {
    this.total.live_matches++
    this.#live++
    this.#changed.add('live_matcher_sightings')
  }

  /** A sighting was taken by the bus, or its context by a sink. */
  reported(): void {
    this.total.sightings++
  }

  lost(reason: Loss, times = 1): void {
    this.losses[reason] += times
  }

  /**
   * The InfluxDB fields that changed since they were asked for last (CONNECTOR "Metrics for InfluxDB"), as the original has them:
   * what is counted starts again at 0, the backlog does not. None if nothing changed.
   */
  takeFields(): string[] {
    const values = {
      added_iocs: this.#added,
      removed_iocs: this.#removed,
      retro_match_backlog: this.#backlog,
      live_matcher_sightings: this.#live,
    }
    const field = (name: keyof typeof values) => (this.#changed.has(name) ? [`${name}=${values[name]}`] : [])
    const fields = [
      ...field('added_iocs'),
      ...field('removed_iocs'),
      ...field('retro_match_backlog'),
      ...this.#matches.fields('retro_matches_per_ioc'),
      ...this.#seconds.fields('retro_query_time_per_ioc'),
      ...field('live_matcher_sightings'),
    ]
    this.#added = 0
    this.#removed = 0
    this.#live = 0
    this.#changed.clear()
    return fields
  }
}

import { compareTimestamps } from '../protocol/stix/timestamp.ts'
import type { Timestamp } from '../protocol/stix/types.ts'
import { type MatchSighting, summedSighting } from './sightings.ts'

/** How sightings are summed up. */
export interface SightingRateOptions {
  /** Sightings of one IoC that go out one by one in a minute (`max_sightings_per_minute`); 0 lets all of them out. */
  readonly perMinute: number
  /** IoCs that are counted at once. For one more, the minute of the one counted longest ends early. Default 10,000. */
  readonly mostIocs?: number
  /** What tells the time that passes, in milliseconds since whenever. Default `performance.now`. */
  readonly clock?: () => number
  /** What tells the date, for `created` and `modified` of sums. */
  readonly date?: () => Date
}

/** One IoC's present minute. */
interface Minute {
  /** When it ends, by the clock. */
  readonly end: number
  /** Sightings that went out. */
  passed: number
  /** What waits to go out as one. */
  sum: Waiting | undefined
}

interface Waiting {
  readonly latest: MatchSighting
  readonly count: number
  /** Both undefined if none of them says when it was made. */
  readonly firstSeen: Timestamp | undefined
  readonly lastSeen: Timestamp | undefined
}

const minute = 60_000

/**
 * Decides for each sighting whether it goes out now or is summed up with others of its IoC (CONNECTOR "Noisy
 * indicators"). An IoC's minute begins with its first sighting; what is too much for it goes out as one sighting when it
 * is over. Every sighting is accounted for once: by itself, or in the `count` of a sum. Pure: whoever uses it asks for
 * what is due, at {@link nextDueMs}.
 */
export class SightingRate {
  readonly #perMinute: number
  readonly #mostIocs: number
  readonly #clock: () => number
  readonly #date: () => Date
  #summedUp = 0
  /** In the order in which the minutes end. */
  readonly #minutes = new Map<string, Minute>()

  /** Nothing is counted yet. */
  constructor(options: SightingRateOptions) {
    const { perMinute, mostIocs = 10_000, clock = () => performance.now(), date = () => new Date() } = options
    this.#perMinute = perMinute
    this.#mostIocs = Math.max(1, mostIocs)
    this.#clock = clock
    this.#date = date
  }

  /** Sightings that did not go out by themselves. */
  get summedUp(): number {
    return this.#summedUp
  }

  /** Takes a sighting, and gives what goes out now: it, or nothing, and sums that are due. */
  take(sighting: MatchSighting): readonly MatchSighting[] {
    if (this.#perMinute <= 0) return [sighting]
    const out = this.due()
    const key = keyOf(sighting)
    const counted = this.#minutes.get(key) ?? this.#begin(key, out)
    if (counted.passed < this.#perMinute) {
      counted.passed++
      out.push(sighting)
    } else {
      counted.sum = added(counted.sum, sighting)
      this.#summedUp++
    }
    return out
  }

  /** The sums of the minutes that are over. */
  due(): MatchSighting[] {
    const now = this.#clock()
    const out: MatchSighting[] = []
    for (const [key, { end }] of this.#minutes) {
      if (end > now) break
      this.#end(key, out)
    }
    return out
  }

  /** In how many milliseconds the next sum is due; undefined while nothing waits. */
  get nextDueMs(): number | undefined {
    for (const { end, sum } of this.#minutes.values()) if (sum) return Math.max(0, end - this.#clock())
    return undefined
  }

  /** All sums, due or not, to be called at the end; every minute begins anew. */
  flush(): MatchSighting[] {
    const out: MatchSighting[] = []
    for (const key of [...this.#minutes.keys()]) this.#end(key, out)
    return out
  }

  #begin(key: string, out: MatchSighting[]): Minute {
    if (this.#minutes.size >= this.#mostIocs) {
      for (const oldest of this.#minutes.keys()) {
        this.#end(oldest, out)
        break
      }
    }
    const begun: Minute = { end: this.#clock() + minute, passed: 0, sum: undefined }
    this.#minutes.set(key, begun)
    return begun
  }

  #end(key: string, out: MatchSighting[]): void {
    const sum = this.#minutes.get(key)?.sum
    this.#minutes.delete(key)
    if (sum) out.push(sum.count === 1 ? sum.latest : summedSighting(sum.latest, sum, this.#date()))
  }
}

/** What makes sightings ones of the same IoC. A probabilistic matcher gives all of them the same reference. */
function keyOf(sighting: MatchSighting): string {
  const { sighting_of_ref, x_threatbus_match_type, x_threatbus_indicator_value } = sighting
  return JSON.stringify([sighting_of_ref, x_threatbus_match_type, x_threatbus_indicator_value])
}

/** The sum with one more sighting in it, which may be a sum itself. Events of a retro match come in any order. */
function added(sum: Waiting | undefined, sighting: MatchSighting): Waiting {
  const { count = 1, last_seen: lastSeen, first_seen: firstSeen = lastSeen } = sighting
  if (sum === undefined) return { latest: sighting, count, firstSeen, lastSeen }
  const isLatest = isBefore(sum.lastSeen, lastSeen)
  return {
    latest: isLatest ? sighting : sum.latest,
    count: sum.count + count,
    firstSeen: isBefore(sum.firstSeen, firstSeen) ? (sum.firstSeen ?? firstSeen) : (firstSeen ?? sum.firstSeen),
    lastSeen: isLatest ? (lastSeen ?? sum.lastSeen) : sum.lastSeen,
  }
}

/** Is the one not later than the other, as far as is known? */
function isBefore(one: Timestamp | undefined, other: Timestamp | undefined): boolean {
  if (other === undefined) return one === undefined
  return one === undefined || compareTimestamps(one, other) <= 0
}

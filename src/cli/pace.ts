/** How far back the pace is looked at: long enough not to jump, short enough to show that something has stopped. */
const lookBackMs = 10_000

/** How much further apart readings are kept than they may come. */
const readingEveryMs = 500

/** How fast something goes, by its latest readings. */
export class Pace {
  /** The oldest first. */
  readonly #readings: { readonly atMs: number; readonly amount: number }[] = []

  /** Notes how much is done at a moment, and answers how much is in a second, over the last seconds; 0 before anything is known. */
  perSecond(atMs: number, amount: number): number {
    const readings = this.#readings
    const latest = readings.at(-1)
    if (latest === undefined || atMs - latest.atMs >= readingEveryMs) readings.push({ atMs, amount })
    while (readings.length > 2 && atMs - (readings[1]?.atMs ?? atMs) >= lookBackMs) readings.shift()
    const [oldest] = readings
    if (oldest === undefined || atMs <= oldest.atMs) return 0
    return ((amount - oldest.amount) / (atMs - oldest.atMs)) * 1000
  }
}

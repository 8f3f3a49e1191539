/**
 * What a subscriber received, held against what was published. It knows nothing of a broker: names of messages, and their
 * order.
 */

/** A message as it arrived at an application. */
export interface Arrival {
  /** Its name: what its publisher called it. */
  readonly message: string
  /** Of its frame. */
  readonly bytes: number
  /** Milliseconds since the epoch. */
  readonly atMs: number
}

/** Messages that came again in a row, after the subscriber had been taken back to one that it had received already. */
export interface Repetition {
  /** The place in the log that it was taken back to. */
  readonly from: number
  messages: number
  bytes: number
  /** When that was, in milliseconds since the epoch. */
  readonly atMs: number
}

/** What is to be said about one subscriber. */
export interface Findings {
  readonly expected: number
  /** Were to be delivered, and never arrived. */
  readonly lost: readonly string[]
  /** Arrived for the first time behind one that stands behind them in the log. */
  readonly late: readonly string[]
  /** Arrived, and were never published, or are not for this subscriber. */
  readonly phantoms: readonly string[]
  readonly repetitions: readonly Repetition[]
}

/**
 * Compares. The log is what this subscriber is to receive, in order; a message that was published twice stands in it twice.
 * `published` is all that may arrive: of what was published without a receipt, a killed broker may have delivered more
 * than it has in its log.
 */
export function check(
  log: readonly string[],
  published: (message: string) => boolean,
  arrivals: readonly Arrival[],
): Findings {
  const places = placesIn(log)
  const arrived = new Set<number>()
  const late: string[] = []
  const phantoms: string[] = []
  const repetitions: Repetition[] = []
  let next = 0
  let furthest = 0
  for (const { message, bytes, atMs } of arrivals) {
    const place = log[next] === message ? next : nearest(places.get(message) ?? [], next)
    if (place === undefined) {
      if (!published(message)) phantoms.push(message)
      continue
    }
    const cameBefore = arrived.has(place)
    if (place < next) repetitions.push({ from: place, messages: 0, bytes: 0, atMs })
    const repetition = repetitions.at(-1)
    if (cameBefore && repetition !== undefined) {
      repetition.messages++
      repetition.bytes += bytes
    }
    if (!cameBefore && place < furthest) late.push(message)
    arrived.add(place)
    next = place + 1
    furthest = Math.max(furthest, next)
  }
  const lost = log.filter((_, place) => !arrived.has(place))
  return { expected: log.length, lost, late, phantoms, repetitions: repetitions.filter(({ messages }) => messages > 0) }
}

function placesIn(log: readonly string[]): ReadonlyMap<string, readonly number[]> {
  const places = new Map<string, number[]>()
  for (const [place, message] of log.entries()) {
    const known = places.get(message)
    if (known === undefined) places.set(message, [place])
    else known.push(place)
  }
  return places
}

/** Where a message that is not the next one stands: the last time before that, else the first time behind it. */
function nearest(places: readonly number[], next: number): number | undefined {
  return places.findLast(place => place < next) ?? places[0]
}

/** What a subscriber may be sent again. */
export interface Allowance {
  /** How often: the number of times that its connection broke. */
  readonly repetitions: number
  /** How many bytes of messages, each time. */
  bytesOf(repetition: Repetition): number
}

/** Every message once: what a subscriber that confirms is owed. */
export const nothingTwice: Allowance = { repetitions: 0, bytesOf: () => 0 }

/** What is wrong with these findings, a line each. */
export function complaints(findings: Findings, allowance: Allowance): readonly string[] {
  const { expected, lost, late, phantoms, repetitions } = findings
  const said = (what: string, messages: readonly string[]) =>
    messages.length === 0 ? [] : [`of ${expected} ${messages.length} ${what}: ${someOf(messages)}`]
  const tooLong = repetitions.filter(repetition => repetition.bytes > allowance.bytesOf(repetition))
  return [
    ...said('were lost', lost),
    ...said('came out of order', late),
    ...said('came that should not', phantoms),
    ...(repetitions.length > allowance.repetitions
      ? [
          `${repetitions.length} times messages came again (${summary(repetitions)}), for ${allowance.repetitions} breaks`,
        ]
      : []),
    ...tooLong.map(
      each =>
        `${each.messages} messages, ${each.bytes} bytes, came again, and no more than ${allowance.bytesOf(each)} may`,
    ),
  ]
}

function someOf(messages: readonly string[]): string {
  return messages.length <= 3
    ? messages.join(', ')
    : `${messages.slice(0, 2).join(', ')} … ${messages[messages.length - 1]}`
}

/** How much came again, each time. */
export function summary(repetitions: readonly Repetition[]): string {
  return repetitions.map(({ messages, bytes }) => `${messages} messages, ${bytes} bytes`).join('; ')
}

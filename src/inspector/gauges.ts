import { inSlices } from '../turns/slices.ts'
import type { ChartActor, Inspected } from './inspected.ts'
import type { ActorFigures, ReadingRecord, Timer, TotalFigures } from './trace/records.ts'

/** Readings of the totals that are kept: one a second, those of the last 15 minutes. */
const maxSamples = 900

/** The timers of all actors are not looked at again for so long, however many viewers begin meanwhile. */
const timersFreshMs = 1000

/** The totals, which take a look at every actor as well. */
const totalsFreshMs = 500

/** The totals at a time. */
export interface Sample {
  readonly at: number
  readonly totals: TotalFigures
}

/** What is counted and waited for: the totals of the last minutes, and of single actors what was read last. */
export class Gauges {
  readonly #inspected: Inspected
  #samples: Sample[] = []
  #figures = new Map<string, ActorFigures>()
  #timers: ReadonlyMap<string, readonly Timer[]> = new Map()
  #timersAtMs = Number.NEGATIVE_INFINITY
  #totals: TotalFigures | undefined
  #totalsAtMs = Number.NEGATIVE_INFINITY

  constructor(inspected: Inspected) {
    this.#inspected = inspected
  }

  /** The totals of the last minutes that were kept, the oldest first. */
  get samples(): readonly Sample[] {
    return this.#samples
  }

  /** Keeps what is counted now. To be called once a second. */
  sample(): void {
    this.#samples.push({ at: Date.now(), totals: this.totals() })
    if (this.#samples.length > maxSamples) this.#samples.shift()
  }

  /** The totals, as they were half a second ago at most. */
  totals(): TotalFigures {
    if (this.#totals === undefined || performance.now() - this.#totalsAtMs >= totalsFreshMs) {
      this.#totals = this.#inspected.totals()
      this.#totalsAtMs = performance.now()
    }
    return this.#totals
  }

  /** What is known of some actors: their figures of the last reading, and what they wait for. */
  readingOf(actors: readonly ChartActor[]): ReadingRecord {
    const known = actors.map(({ sessionId }) => {
      return [sessionId, { ...this.#figures.get(sessionId), timers: this.#timers.get(sessionId) ?? [] }] as const
    })
    return { type: 'reading', at: Date.now(), totals: this.totals(), actors: Object.fromEntries(known) }
  }

  /** Reads the figures of all actors, and the timers of these. Answers what changed, once all have been looked at. */
  async read(touched: readonly ChartActor[]): Promise<ReadingRecord['actors']> {
    if (touched.length > 0) await this.#takeTimers()
    const changed: Record<string, Partial<ActorFigures> & { timers?: readonly Timer[] }> = {}
    const figures = new Map<string, ActorFigures>()
    await inSlices(this.#inspected.figures(), ([{ sessionId }, now]) => {
      figures.set(sessionId, now)
      if (!areSame(this.#figures.get(sessionId), now)) changed[sessionId] = { ...now }
    })
    for (const { sessionId } of touched) {
      changed[sessionId] = { ...changed[sessionId], timers: this.#timers.get(sessionId) ?? [] }
    }
    this.#figures = figures
    return changed
  }

  /** Looks for what actors wait for, unless that was done a moment ago. */
  async lookAtTimers(): Promise<void> {
    if (performance.now() - this.#timersAtMs >= timersFreshMs) await this.#takeTimers()
  }

  /** Nobody looks at single actors any more. */
  forget(): void {
    this.#figures = new Map()
  }

  /** Looks for the delayed transitions that actors wait for, by session id. */
  async #takeTimers(): Promise<void> {
    const timers = new Map<string, Timer[]>()
    const { roots } = this.#inspected
    const all = roots.flatMap(({ system }) => Object.values(system.getSnapshot()._scheduledEvents))
    await inSlices(all, ({ event, startedAt, delay: ms, target }) => {
      const [, kind, delay] = event.type.split('.')
      if (kind !== 'after' || delay === undefined) return
      const ofTarget = timers.get(target.sessionId)
      const timer = { delay, startedAt, ms }
      if (ofTarget === undefined) timers.set(target.sessionId, [timer])
      else ofTarget.push(timer)
    })
    this.#timers = timers
    this.#timersAtMs = performance.now()
  }
}

function areSame(one: ActorFigures | undefined, other: ActorFigures): boolean {
  return (
    one !== undefined &&
    one.lag === other.lag &&
    one.sent === other.sent &&
    one.missed === other.missed &&
    one.unreceived === other.unreceived &&
    one.replaying?.position === other.replaying?.position
  )
}

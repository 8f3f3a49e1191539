import type { ChartDefinition } from '../trace/definition.ts'
import {
  type DefinitionRecord,
  type ReadingRecord,
  type StepRecord,
  type TraceHead,
  type TraceRecord,
  traceVersion,
} from '../trace/records.ts'
import { Life, lastUpTo, type Step } from './life.ts'

/** How much a chronicle keeps. */
export interface ChronicleLimits {
  /** Steps; beyond, the oldest are forgotten. */
  readonly maxSteps: number
  /** Readings of a program's totals, one a second. */
  readonly maxReadings: number
  /** Actors that have ended. */
  readonly maxEnded: number
}

/** What a live page keeps: what its program kept before, and some minutes of a busy broker. */
export const liveLimits: ChronicleLimits = { maxSteps: 50_000, maxReadings: 1800, maxEnded: 1000 }

/** What is kept of a trace that was recorded: all of it, up to what a browser can hold. */
export const traceLimits: ChronicleLimits = { maxSteps: 500_000, maxReadings: 86_400, maxEnded: 100_000 }

/** Everything that was seen of one or several programs' actors, in order, as far as it is kept: what can be looked at, now and then. */
export class Chronicle {
  readonly #limits: ChronicleLimits
  readonly #charts = new Map<string, DefinitionRecord>()
  readonly #lives = new Map<string, Life>()
  /** Those below an actor. */
  readonly #children = new Map<string, Set<Life>>()
  readonly #ended = new Set<string>()
  readonly #heads = new Map<string, TraceHead>()
  #steps: Step[] = []
  readonly #readings = new Map<string, ReadingRecord[]>()
  /** The number of the latest step of each program: it tells what it kept again when its connection broke. */
  readonly #numbers = new Map<string, number>()
  #next = 0
  #now = 0
  #skippedBatches = 0
  #version = 0

  constructor(limits: ChronicleLimits = liveLimits) {
    this.#limits = limits
  }

  /** The programs, by their origin. */
  get heads(): ReadonlyMap<string, TraceHead> {
    return this.#heads
  }

  /** The charts of all programs. */
  get definitions(): Iterable<DefinitionRecord> {
    return this.#charts.values()
  }

  /** The chart that an actor runs. */
  chartOf({ origin, chart }: Pick<Life, 'origin' | 'chart'>): ChartDefinition | undefined {
    return this.#charts.get(`${origin} ${chart}`)?.definition
  }

  /** Changes when actors come or go. */
  get version(): number {
    return this.#version
  }

  /** Every actor, in the order in which they were found. */
  get lives(): ReadonlyMap<string, Life> {
    return this.#lives
  }

  /** The actors that belong to one. */
  childrenOf({ actor }: Pick<Life, 'actor'>): Iterable<Life> {
    return this.#children.get(actor) ?? []
  }

  get steps(): readonly Step[] {
    return this.#steps
  }

  /** What was read of a program's totals. */
  readingsOf(origin: string): readonly ReadingRecord[] {
    return this.#readings.get(origin) ?? []
  }

  /** When the latest record was made. */
  get now(): number {
    return this.#now
  }

  /** Batches that were left out, because they could not be taken in time. */
  get skippedBatches(): number {
    return this.#skippedBatches
  }

  /** Index of the latest step; -1 if there is none. */
  get lastIndex(): number {
    return this.#next - 1
  }

  /** The step with this index, or the last one before it that is kept. */
  step(index: number): Step | undefined {
    return this.#steps[lastUpTo(this.#steps, index, step => step.index)]
  }

  /** A program's totals at a time. */
  readingAt(at: number, origin: string): ReadingRecord | undefined {
    return this.readingsOf(origin).findLast(reading => reading.at <= at)
  }

  /**
   * Takes the next record.
   *
   * @throws {Error} in words, if it is of another version
   */
  take(record: TraceRecord): void {
    if ('at' in record) this.#now = Math.max(this.#now, record.at)
    switch (record.type) {
      case 'trace':
        if (record.version !== traceVersion) {
          throw new Error(`the trace is of version ${record.version}; this program reads version ${traceVersion}`)
        }
        this.#begin(record)
        break
      case 'definition':
        this.#charts.set(`${record.origin ?? ''} ${record.chart}`, record)
        break
      case '@xstate.actor': {
        const life = this.#lives.get(record.actor) ?? this.#add(new Life(record))
        life.about = record.about ?? life.about
        life.found(this.lastIndex, record)
        this.#version++
        break
      }
      case '@xstate.snapshot': {
        const life = this.#lives.get(record.actor)
        if (life === undefined || this.#has(record)) break
        const step = { ...record, index: this.#next++ }
        this.#steps.push(step)
        life.take(step)
        if (step.snapshot && step.snapshot.status !== 'active') this.#end(life)
        if (this.#steps.length > this.#limits.maxSteps * 1.1) this.#forgetSteps()
        break
      }
      case 'reading':
        this.#read(record)
        break
      case 'skipped':
        this.#skippedBatches += record.batches
    }
  }

  /** Was this step told before? */
  #has({ origin = '', step }: StepRecord): boolean {
    if (step === undefined) return false
    const isKnown = step <= (this.#numbers.get(origin) ?? 0)
    if (!isKnown) this.#numbers.set(origin, step)
    return isKnown
  }

  /** Another process than before is another story. The same one goes on: the connection broke, or the file was turned. */
  #begin(head: TraceHead): void {
    const { origin = '' } = head
    const before = this.#heads.get(origin)
    if (before !== undefined && before.pid !== head.pid) this.#forget(origin)
    this.#heads.set(origin, head)
    this.#version++
  }

  #add(life: Life): Life {
    this.#lives.set(life.actor, life)
    if (life.parent === undefined) return life
    const siblings = this.#children.get(life.parent) ?? new Set()
    this.#children.set(life.parent, siblings.add(life))
    return life
  }

  #drop(life: Life): void {
    this.#lives.delete(life.actor)
    this.#ended.delete(life.actor)
    const siblings = this.#children.get(life.parent ?? '')
    siblings?.delete(life)
    if (siblings?.size === 0) this.#children.delete(life.parent ?? '')
  }

  /** Forgets everything of a program. */
  #forget(origin: string): void {
    this.#steps = this.#steps.filter(step => (step.origin ?? '') !== origin)
    this.#readings.delete(origin)
    this.#numbers.delete(origin)
    for (const life of this.#lives.values()) if (life.origin === origin) this.#drop(life)
  }

  #read(record: ReadingRecord): void {
    for (const [actor, { timers, ...figures }] of Object.entries(record.actors)) {
      const life = this.#lives.get(actor)
      if (timers && life) life.timers = timers
      if (Object.keys(figures).length > 0) life?.count(record.at, figures)
    }
    // Readings that only tell the timers of actors that were found come many at a time.
    const { origin = '' } = record
    const readings = this.#readings.get(origin) ?? []
    this.#readings.set(origin, readings)
    if (record.at - (readings.at(-1)?.at ?? 0) >= 500) readings.push(record)
    if (readings.length > this.#limits.maxReadings) readings.shift()
  }

  #end(life: Life): void {
    this.#ended.add(life.actor)
    this.#version++
    const [oldest = ''] = this.#ended
    const forgotten = this.#ended.size > this.#limits.maxEnded ? this.#lives.get(oldest) : undefined
    if (forgotten) this.#drop(forgotten)
  }

  #forgetSteps(): void {
    this.#steps = this.#steps.slice(-this.#limits.maxSteps)
    const first = this.#steps[0]?.index ?? 0
    for (const life of this.#lives.values()) life.forgetBefore(first)
  }
}

import { setImmediate as yieldToEventLoop } from 'node:timers/promises'
import { actorRecordOf, FlightRecorder, type KeptActor } from './flight-recorder.ts'
import { Gauges } from './gauges.ts'
import type { ChartActor, Inspected } from './inspected.ts'
import { type SeenStep, Steps } from './steps.ts'
import { tap } from './tap.ts'
import { definitionOf } from './trace/definition.ts'
import { projectedEvent, projectedState } from './trace/projection.ts'
import { type ActorRecord, type StepRecord, type TraceRecord, traceVersion } from './trace/records.ts'

/** Whoever reads what is recorded: a page, a file. */
export interface Viewer {
  /** Takes records, each JSON on one line. False: it takes no more for now, until it says {@link Watch.drained}. */
  take(records: readonly string[]): boolean
}

/** A viewer's side of watching. */
export interface Watch {
  /** It takes records again. What it missed is skipped, but for what it came to. */
  drained(): void
  /** Was it told what every actor came to? */
  readonly isCaughtUp: boolean
  /** Begins anew for this viewer: head, definitions, actors. */
  restart(): void
  end(): void
}

/** What a viewer is told first: what led to what there is, as far as it is kept, or what there is alone. */
export type Beginning = 'past' | 'present'

/** Time between two batches. */
const batchMs = 100

/** Batches from one reading of the figures to the next. */
const batchesPerReading = 10

/** Time between two readings of the totals that are kept. */
const sampleMs = 1000

/** Actors that are described in one turn of the event loop, to one viewer; then others have theirs. */
const actorsPerTurn = 25

/** Records of the past that are told in one turn of the event loop, to one viewer. */
const recordsPerTurn = 50

/** One viewer, and what it has to be told. */
interface Watching {
  readonly viewer: Viewer
  readonly beginning: Beginning
  readonly charts: Set<string>
  /** Actors whose state it doesn't know; it is told as soon as it takes records. */
  readonly behind: Set<ChartActor>
  /** What is kept of the past, from the first record on that it was not told. What happens meanwhile comes at its end. */
  past: Iterator<TraceRecord> | undefined
  /** The actors whose past it was told, until it was told of all that were found. */
  readonly told: Set<KeptActor>
  /** The actors that were there when it began to look, from the first that it was not told of; undefined: it was told of all. */
  found: Iterator<ChartActor> | undefined
  isBlocked: boolean
  skippedBatches: number
}

/**
 * Watches a system of actors. The last steps of each and the readings of the last minutes are kept always; the rest is seen
 * while somebody looks, and not a moment longer. Batches are made ten times a second at most, whatever happens, and bounded; a
 * viewer that doesn't keep up is skipped forward to what its actors came to.
 */
export class Recorder {
  readonly #inspected: Inspected
  readonly #viewers = new Set<Watching>()
  readonly #flight = new FlightRecorder()
  readonly #steps: Steps
  readonly #gauges: Gauges
  /** Actors that changed since the last reading: their timers may have, too. */
  readonly #touched = new Set<ChartActor>()
  #isCatchingUp = false
  #isReading = false
  readonly #untap: readonly (() => void)[]
  readonly #sampling: NodeJS.Timeout
  #timer: NodeJS.Timeout | undefined
  #batches = 0

  /** Begins to keep what happens. To be made before the actors are started: what was before is not known. */
  constructor(inspected: Inspected) {
    this.#inspected = inspected
    this.#gauges = new Gauges(inspected)
    const [first] = inspected.roots
    this.#steps = new Steps(this.#flight, first, {
      changed: actor => void this.#touched.add(actor),
      about: actor => inspected.about(actor),
    })
    for (const actor of inspected.actors()) this.#steps.keptOf(actor)
    this.#untap = inspected.roots.map(root => tap(root, event => this.#steps.see(event)))
    this.#sampling = setInterval(() => this.#sample(), sampleMs).unref()
  }

  /** Does anybody look? */
  get isWatched(): boolean {
    return this.#viewers.size > 0
  }

  /** Begins to tell a viewer: first what there is, and what led there, then what happens. */
  watch(viewer: Viewer, beginning: Beginning = 'past'): Watch {
    const watching: Watching = {
      ...{ viewer, beginning, charts: new Set<string>(), behind: new Set<ChartActor>() },
      ...{ past: undefined, told: new Set<KeptActor>(), found: undefined, isBlocked: false, skippedBatches: 0 },
    }
    this.#viewers.add(watching)
    this.#attach()
    this.#begin(watching)
    return {
      drained: () => {
        watching.isBlocked = false
        this.#tellSkipped(watching)
        this.#catchUp()
      },
      get isCaughtUp() {
        return isCaughtUp(watching)
      },
      restart: () => this.#begin(watching),
      end: () => {
        this.#viewers.delete(watching)
        if (this.#viewers.size === 0) this.#detach()
      },
    }
  }

  /** Tells what was seen until now at once. */
  flush(): void {
    if (this.isWatched) this.#batch()
  }

  /** Tells how it ended, also viewers that don't keep up: nothing comes after it. To be called once, at the end. */
  finish(): void {
    this.flush()
    for (const watching of this.#viewers) {
      this.#tellSkipped(watching)
      while (!isCaughtUp(watching)) this.#tellSome(watching)
    }
    clearInterval(this.#sampling)
    for (const end of this.#untap) end()
  }

  #attach(): void {
    if (this.#timer !== undefined) return
    this.#steps.begin()
    this.#timer = setInterval(() => this.#batch(), batchMs).unref()
  }

  #detach(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#steps.end()
    this.#touched.clear()
    this.#gauges.forget()
  }

  /** Keeps what is counted now. */
  #sample(): void {
    this.#steps.settle()
    this.#gauges.sample()
  }

  #begin(watching: Watching): void {
    const { program } = this.#inspected
    watching.charts.clear()
    watching.behind.clear()
    watching.told.clear()
    this.#tell(watching, [{ type: 'trace', version: traceVersion, program, pid: process.pid, at: Date.now() }])
    if (watching.beginning === 'past') watching.past = this.#past(watching)
    watching.found = this.#inspected.actors()[Symbol.iterator]()
    this.#catchUp()
  }

  /** The actors as they were before what is kept of them, then the readings, then the steps of all in their order. */
  *#past(watching: Watching): Generator<TraceRecord> {
    for (const { at, totals } of [...this.#gauges.samples]) yield { type: 'reading', at, totals, actors: {} }
    for (const actor of this.#flight.actors()) yield* this.#keptActor(watching, actor)
    let number: number
    let told = 0
    do {
      number = told
      for (const { actor, record } of this.#flight.stepsAfter(number, recordsPerTurn)) {
        // Another actor may have been born while others were told of.
        yield* this.#keptActor(watching, actor)
        yield record
        told = record.step
      }
    } while (told > number)
  }

  *#keptActor(watching: Watching, actor: KeptActor): Generator<TraceRecord> {
    if (watching.told.has(actor)) return
    watching.told.add(actor)
    yield* this.#definition(watching, actor)
    yield actorRecordOf(actor, 'before')
  }

  /** Tells viewers what the actors came to that they don't know of: a few to one of them in each turn of the event loop. */
  async #catchUp(): Promise<void> {
    if (this.#isCatchingUp) return
    this.#isCatchingUp = true
    const waits = (watching: Watching) => this.#viewers.has(watching) && !watching.isBlocked && !isCaughtUp(watching)
    for (let waiting = [...this.#viewers].filter(waits); waiting.length > 0; ) {
      await this.#gauges.lookAtTimers()
      for (const watching of waiting) {
        if (!waits(watching)) continue
        this.#tellSome(watching)
        await yieldToEventLoop()
      }
      waiting = [...this.#viewers].filter(waits)
    }
    this.#isCatchingUp = false
  }

  #tellSome(watching: Watching): void {
    if (watching.past !== undefined) {
      this.#tellPast(watching)
      return
    }
    const some: ChartActor[] = []
    for (const actor of watching.behind) {
      if (some.length === actorsPerTurn) break
      some.push(actor)
    }
    while (watching.found !== undefined && some.length < actorsPerTurn) {
      const { done, value: actor } = watching.found.next()
      if (done) watching.found = undefined
      else some.push(actor)
    }
    this.#tellOf(watching, some)
    if (watching.found === undefined) watching.told.clear()
  }

  /** Tells a viewer some of the past. When it ends, what happens follows at once: no step is between, and none comes twice. */
  #tellPast(watching: Watching): void {
    const records: TraceRecord[] = []
    while (watching.past !== undefined && records.length < recordsPerTurn) {
      const { done, value } = watching.past.next() as IteratorResult<TraceRecord, void>
      if (!done) records.push(value)
      else {
        // Others have what was seen by now, and this viewer has it from what is kept.
        this.#tellSeen()
        watching.past = undefined
      }
    }
    this.#tell(watching, records)
  }

  #tellSkipped(watching: Watching): void {
    if (watching.skippedBatches === 0) return
    this.#tell(watching, [{ type: 'skipped', at: Date.now(), batches: watching.skippedBatches }])
    watching.skippedBatches = 0
  }

  /** Tells a viewer what some of the actors came to that it doesn't know of. */
  #tellOf(watching: Watching, actors: readonly ChartActor[]): void {
    if (actors.length === 0) return
    const described = actors.flatMap(actor => {
      const isBehind = watching.behind.delete(actor)
      // What led to what it is tells what it is.
      return isBehind || !watching.told.has(this.#steps.keptOf(actor)) ? this.#described(watching, actor) : []
    })
    this.#tell(watching, [...described, this.#gauges.readingOf(actors)])
  }

  /** An actor as it is, after its chart if that was not told yet. */
  #described(watching: Watching, actor: ChartActor): TraceRecord[] {
    const kept = this.#steps.keptOf(actor)
    const record = { ...actorRecordOf(kept, 'now'), at: Date.now(), about: this.#inspected.about(actor) ?? kept.about }
    return [...this.#definition(watching, actor), record]
  }

  #definition(watching: Watching, { logic }: Pick<ChartActor, 'logic'>): TraceRecord[] {
    if (watching.charts.has(logic.id)) return []
    watching.charts.add(logic.id)
    return [{ type: 'definition', chart: logic.id, definition: definitionOf(logic) }]
  }

  /** An actor that was just born. */
  #bornRecord(actor: ChartActor, at: number): ActorRecord {
    const { actor: sessionId, id, logic, parent } = this.#steps.keptOf(actor)
    const about = this.#inspected.about(actor)
    return { type: '@xstate.actor', at, actor: sessionId, id, chart: logic.id, parent, about }
  }

  #batch(): void {
    this.#tellSeen()
    if (++this.#batches % batchesPerReading === 0) this.#read()
  }

  #tellSeen(): void {
    const { born, steps } = this.#steps.take()
    const at = Date.now()
    this.#give([...born.map(actor => this.#bornRecord(actor, at)), ...steps.map(recordOf)], born, steps)
  }

  /** Tells everybody; for whom there is no room, it is noted whom it was about. */
  #give(records: readonly TraceRecord[], born: readonly ChartActor[], steps: readonly SeenStep[]): void {
    if (records.length === 0) return
    const lines = records.map(record => JSON.stringify(record))
    for (const watching of this.#viewers) {
      // It is told of this at the end of the past.
      if (watching.past !== undefined) continue
      if (watching.isBlocked) {
        watching.skippedBatches++
        for (const actor of born) watching.behind.add(actor)
        for (const { actor } of steps) watching.behind.add(actor)
        continue
      }
      const definitions = born.flatMap(actor => this.#definition(watching, actor))
      if (definitions.length > 0) this.#tell(watching, definitions)
      if (!watching.viewer.take(lines)) watching.isBlocked = true
    }
  }

  #tell(watching: Watching, records: readonly TraceRecord[]): void {
    if (!watching.viewer.take(records.map(record => JSON.stringify(record)))) watching.isBlocked = true
  }

  /** Tells what changed of the figures, and of the timers of actors that took steps, once all have been looked at. */
  async #read(): Promise<void> {
    if (this.#isReading) return
    this.#isReading = true
    const touched = [...this.#touched]
    this.#touched.clear()
    const actors = await this.#gauges.read(touched)
    this.#isReading = false
    if (!this.isWatched) {
      this.#gauges.forget()
      return
    }
    this.#give([{ type: 'reading', at: Date.now(), totals: this.#gauges.totals(), actors }], [], [])
  }
}

/** Was it told what every actor came to? */
function isCaughtUp({ behind, found, past }: Watching): boolean {
  return behind.size === 0 && found === undefined && past === undefined
}

function recordOf({
  at,
  actor,
  source,
  event,
  snapshot,
  taken,
  actions,
  number,
  count,
  skipped,
}: SeenStep): StepRecord {
  return {
    ...{ type: '@xstate.snapshot', at, actor: actor.sessionId },
    ...(number !== undefined && { step: number }),
    ...(source && { source: source.sessionId }),
    event: projectedEvent(event),
    ...(snapshot && { snapshot: projectedState(snapshot) }),
    ...(taken.length > 0 && { taken }),
    ...(actions.length > 0 && { actions }),
    ...(count > 1 && { count }),
    ...(skipped > 0 && { skipped }),
  }
}

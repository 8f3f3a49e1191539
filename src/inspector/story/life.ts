import type { ActorFigures, ActorRecord, JsonValue, StateProjection, StepRecord, Timer } from '../trace/records.ts'

/** A step, and its place among all steps. */
export interface Step extends StepRecord {
  readonly index: number
}

/** What an actor was in, from one step on. */
export interface LifeState {
  /** The step that led there; -1: it was found like that. */
  readonly index: number
  readonly at: number
  readonly snapshot: StateProjection
}

/** The figures of an actor at a time. */
export interface LifeFigures extends ActorFigures {
  readonly at: number
}

/** Figures that are kept of one actor, one a second at most. */
const maxFigures = 600

/** One actor, from when it was first seen. */
export class Life {
  readonly actor: string
  readonly id: string
  readonly chart: string
  /** The program that it is part of; empty if there is one only. */
  readonly origin: string
  readonly parent: string | undefined
  about: { readonly [fact: string]: JsonValue }
  readonly firstSeenAt: number
  timers: readonly Timer[] = []
  /** When an event of this type came last. */
  readonly lastAt = new Map<string, number>()
  /** The number of the last step that is known to have changed it. */
  #number = 0
  #states: LifeState[] = []
  #steps: Step[] = []
  #figures: LifeFigures[] = []

  constructor({ actor, id, chart, origin = '', parent, about, at }: ActorRecord) {
    this.actor = actor
    this.id = id
    this.chart = chart
    this.origin = origin
    this.parent = parent
    this.about = about ?? {}
    this.firstSeenAt = at
  }

  /** Its steps, the oldest first. */
  get steps(): readonly Step[] {
    return this.#steps
  }

  get figuresOverTime(): readonly LifeFigures[] {
    return this.#figures
  }

  /** Takes a step. */
  take(step: Step): void {
    this.#steps.push(step)
    this.#number = step.step ?? this.#number
    if (step.snapshot) this.#states.push({ index: step.index, at: step.at, snapshot: step.snapshot })
    this.lastAt.set(step.event.type, step.at)
  }

  /** It was found in this state, which may be older than what is known of it: what led there is told again as well. */
  found(index: number, { at, since = at, step = this.#number, snapshot }: ActorRecord): void {
    if (snapshot === undefined || step < this.#number) return
    this.#number = step
    this.#states.push({ index, at: since, snapshot })
  }

  /** Its figures are these now; those that did not change are left out. */
  count(at: number, changed: Partial<ActorFigures>): void {
    const { replaying: _, ...before } = this.figuresAt(Number.POSITIVE_INFINITY) ?? { lag: 0, sent: 0, missed: 0 }
    this.#figures.push({ ...before, ...changed, at })
    if (this.#figures.length > maxFigures) this.#figures.shift()
  }

  /** What it was in after the step with this index. */
  stateAt(index: number): LifeState | undefined {
    return this.#states[lastUpTo(this.#states, index, state => state.index)]
  }

  /** What it was in before the step with this index. */
  stateBefore(index: number): LifeState | undefined {
    return this.stateAt(index - 1)
  }

  /** Its figures at a time. */
  figuresAt(at: number): LifeFigures | undefined {
    return this.#figures[lastUpTo(this.#figures, at, figures => figures.at)]
  }

  /** Its last step up to that with this index. */
  lastStep(index: number): Step | undefined {
    return this.#steps[lastUpTo(this.#steps, index, step => step.index)]
  }

  /** Since when it has been in this state: the last step that changed its value. */
  since(index: number): number {
    const value = JSON.stringify(this.stateAt(index)?.snapshot.value)
    return this.sinceWhen(index, before => JSON.stringify(before) === value)
  }

  /** Since when it has been in a state of which this holds, as it does after the step with this index. */
  sinceWhen(index: number, holds: (value: JsonValue) => boolean): number {
    let at = lastUpTo(this.#states, index, state => state.index)
    while (at > 0 && holds(this.#states[at - 1]?.snapshot.value ?? null)) at--
    return this.#states[at]?.at ?? this.firstSeenAt
  }

  /** When an event of this type came last, up to the step with this index. */
  lastAtUpTo(index: number, type: string): number | undefined {
    return this.#steps.findLast(step => step.index <= index && step.event.type === type)?.at
  }

  /** Forgets the steps before that with this index; what it was in then is kept. */
  forgetBefore(index: number): void {
    this.#steps = this.#steps.filter(step => step.index >= index)
    const last = lastUpTo(this.#states, index, state => state.index)
    if (last > 0) this.#states = this.#states.slice(last)
  }
}

/** Place of the last entry that is not beyond `most`, in a list that rises; -1 if there is none. */
export function lastUpTo<Entry>(list: readonly Entry[], most: number, of: (entry: Entry) => number): number {
  let [low, high] = [0, list.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (of(list[middle] as Entry) <= most) low = middle + 1
    else high = middle
  }
  return low - 1
}

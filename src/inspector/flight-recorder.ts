import type { AnyEventObject, AnyMachineSnapshot, AnyStateMachine } from 'xstate'
import type { ChartActor } from './inspected.ts'
import { projectedEvent, projectedState } from './trace/projection.ts'
import type { ActorRecord, StepRecord } from './trace/records.ts'

/** How much a flight recorder keeps. */
export interface FlightLimits {
  /** Steps of one actor that changed it. */
  readonly stepsPerActor: number
  /** Of the steps of all actors, as they are counted here. What each actor that lives costs comes on top. */
  readonly maxBytes: number
  /** Actors that have ended. */
  readonly maxEnded: number
}

/** What is kept always: some steps of everybody, and of a crowd those of the last minutes. */
export const flightLimits: FlightLimits = { stepsPerActor: 20, maxBytes: 8 * 1024 * 1024, maxEnded: 500 }

/** Bytes that a step takes; a context that is another one than before; a character of an event. Rounded up from measurements. */
const stepBytes = 176
const contextBytes = 144
const characterBytes = 2

/** Characters of the longest event that is kept with what it carries. */
const maxCharacters = 4096

/** What is kept once, however many steps have it: charts have fewer. */
const maxShared = 4096

/** What an actor was in. Contexts are small, and never change in place: charts hear of lifecycles, and of no messages. */
interface KeptState {
  status: AnyMachineSnapshot['status']
  value: AnyMachineSnapshot['value']
  context: AnyMachineSnapshot['context']
}

/**
 * A step that changed something, and what it led to. The first step of an actor becomes its newest one when there are as many as
 * may be: what is always going on leaves nothing to be collected.
 */
interface KeptStep extends KeptState {
  /** It rises from step to step of the whole program. */
  number: number
  at: number
  readonly actor: KeptActor
  source: string | undefined
  event: { readonly type: string }
  taken: readonly string[]
  actions: readonly string[]
  bytes: number
  /** Its neighbours among the steps of all actors, and the next one of its own. */
  older: KeptStep | undefined
  newer: KeptStep | undefined
  next: KeptStep | undefined
}

/** What an actor was in, since when, and the number of the step that led there. */
interface Before extends KeptState {
  readonly since: number
  readonly number: number
}

/** An actor, and its last steps. */
export interface KeptActor {
  readonly actor: string
  readonly id: string
  readonly logic: AnyStateMachine
  readonly parent: string | undefined
  readonly bornAt: number
  about: ActorRecord['about']
  /** What it was in before the first step that is kept; undefined: that step was its first one. */
  before: Before | undefined
  /** Since when it has been in the state that it is in. */
  since: number
  first: KeptStep | undefined
  last: KeptStep | undefined
  steps: number
  hasEnded: boolean
}

/** A step as it was seen. */
interface SeenStep {
  readonly at: number
  readonly source: string | undefined
  readonly event: AnyEventObject
  readonly snapshot: AnyMachineSnapshot
  readonly taken: readonly string[]
  readonly actions: readonly string[]
}

/** A step as it is told, and whose it is. */
export interface ToldStep {
  readonly actor: KeptActor
  readonly record: StepRecord & Required<Pick<StepRecord, 'step'>>
}

/**
 * Keeps the last steps of every actor, whether or not somebody looks, so that who looks later sees what led there. Of one
 * actor it keeps so many; of all together so many bytes, and then the oldest go, whoever's they are. What an actor was in
 * before, and since when, is always kept. It is told in the middle of whatever actors do.
 */
export class FlightRecorder {
  readonly #limits: FlightLimits
  readonly #living = new Set<KeptActor>()
  readonly #ended = new Set<KeptActor>()
  /** Events that carry nothing, state values, lists of names: the same few come again and again. */
  readonly #bareEvents = new Map<string, { readonly type: string }>()
  readonly #values = new Map<string, AnyMachineSnapshot['value']>()
  readonly #names = new Map<string, readonly string[]>()
  #oldest: KeptStep | undefined
  #newest: KeptStep | undefined
  #bytes = 0
  #next = 1

  constructor(limits: FlightLimits = flightLimits) {
    this.#limits = limits
  }

  /** What the steps take that are kept: never more than there may be. */
  get bytes(): number {
    return this.#bytes
  }

  /** Every actor that lives, in the order in which they were born, and those that ended and that steps are kept of. */
  *actors(): Generator<KeptActor> {
    yield* this.#living
    yield* this.#ended
  }

  /** An actor is born. `parent` is shown as what it belongs to. */
  born({ sessionId, id, logic }: ChartActor, parent: ChartActor | undefined): KeptActor {
    const bornAt = Date.now()
    const kept: KeptActor = {
      actor: sessionId,
      id,
      logic,
      parent: parent?.sessionId,
      bornAt,
      about: undefined,
      before: undefined,
      since: bornAt,
      first: undefined,
      last: undefined,
      steps: 0,
      hasEnded: false,
    }
    this.#living.add(kept)
    return kept
  }

  /** An actor that was there before is in this state: since when is not known. */
  found(actor: ChartActor, parent: ChartActor | undefined): KeptActor {
    const kept = this.born(actor, parent)
    const { status, value, context }: AnyMachineSnapshot = actor.getSnapshot()
    kept.before = { status, value: this.#sharedValue(value), context, since: kept.since, number: this.#next - 1 }
    return kept
  }

  /** It took a step that changed it. Answers the step's number. */
  note(actor: KeptActor, { at, source, event, snapshot, taken, actions }: SeenStep): number {
    const former = stateNow(actor)
    const { status, context } = snapshot
    const value = this.#sharedValue(snapshot.value)
    if (former === undefined || value !== former.value) actor.since = at
    let step = actor.steps >= this.#limits.stepsPerActor ? this.#forgetFirst(actor) : undefined
    step ??= newStep(actor)
    step.number = this.#next++
    step.at = at
    step.source = source
    step.status = status
    step.value = value
    step.context = context
    step.taken = this.#sharedNames(taken)
    step.actions = this.#sharedNames(actions)
    step.bytes = stepBytes + (context === former?.context ? 0 : contextBytes)
    this.#setEvent(step, event)
    this.#append(step)
    while (this.#bytes > this.#limits.maxBytes && this.#oldest) this.#forgetFirst(this.#oldest.actor)
    if (status !== 'active') this.#end(actor)
    return this.#next - 1
  }

  /** The steps after the one with this number, the oldest first, so many at most. */
  stepsAfter(number: number, most: number): readonly ToldStep[] {
    const told: ToldStep[] = []
    let step = this.#oldest
    while (step !== undefined && step.number <= number) step = step.newer
    for (; step !== undefined && told.length < most; step = step.newer) {
      told.push({ actor: step.actor, record: stepRecordOf(step) })
    }
    return told
  }

  #append(step: KeptStep): void {
    const { actor } = step
    step.older = this.#newest
    if (this.#newest) this.#newest.newer = step
    this.#newest = step
    this.#oldest ??= step
    if (actor.last) actor.last.next = step
    actor.last = step
    actor.first ??= step
    actor.steps++
    this.#bytes += step.bytes
  }

  #end(actor: KeptActor): void {
    if (actor.hasEnded) return
    actor.hasEnded = true
    this.#living.delete(actor)
    if (actor.steps > 0) this.#ended.add(actor)
    const [first] = this.#ended
    if (this.#ended.size <= this.#limits.maxEnded || first === undefined) return
    while (first.first) this.#forgetFirst(first)
  }

  /** Forgets the first step of an actor, which is the oldest of its own in the order of all. Answers it, to be used again. */
  #forgetFirst(actor: KeptActor): KeptStep | undefined {
    const { first: step } = actor
    if (step === undefined) return undefined
    const { status, value, context, number, at, older, newer } = step
    const since = actor.before !== undefined && actor.before.value === value ? actor.before.since : at
    actor.before = { status, value, context, since, number }
    actor.first = step.next
    if (actor.first === undefined) actor.last = undefined
    actor.steps--
    if (older) older.newer = newer
    else this.#oldest = newer
    if (newer) newer.older = older
    else this.#newest = older
    this.#bytes -= step.bytes
    step.older = undefined
    step.newer = undefined
    step.next = undefined
    if (actor.hasEnded && actor.steps === 0) this.#ended.delete(actor)
    return step
  }

  #sharedValue(value: AnyMachineSnapshot['value']): AnyMachineSnapshot['value'] {
    return typeof value === 'string' ? value : shared(this.#values, JSON.stringify(value), () => value)
  }

  #sharedNames(names: readonly string[]): readonly string[] {
    return names.length === 0 ? none : shared(this.#names, names.join(), () => names)
  }

  /** What an event carries is copied, as far as it is shown: who holds the event may hold messages by it. */
  #setEvent(step: KeptStep, event: AnyEventObject): void {
    const { type } = event
    step.event = shared(this.#bareEvents, type, () => ({ type }))
    if (!carries(event)) return
    const projected = projectedEvent(event)
    const { length } = JSON.stringify(projected)
    if (length > maxCharacters) return
    step.event = projected
    step.bytes += characterBytes * length
  }
}

const none: readonly string[] = []

function newStep(actor: KeptActor): KeptStep {
  return {
    number: 0,
    at: 0,
    actor,
    source: undefined,
    event: { type: '' },
    status: 'active',
    value: '',
    context: undefined,
    taken: none,
    actions: none,
    bytes: 0,
    older: undefined,
    newer: undefined,
    next: undefined,
  }
}

/** Does it carry more than its type? What an actor is born with is in its context. */
function carries(event: AnyEventObject): boolean {
  if (event.type === 'xstate.init') return false
  for (const key in event) if (key !== 'type') return true
  return false
}

/** What an actor is in. */
function stateNow({ last, before }: KeptActor): Readonly<KeptState & Pick<KeptStep, 'number'>> | undefined {
  return last ?? before
}

/** What is kept once. */
function shared<Kept>(all: Map<string, Kept>, key: string, make: () => Kept): Kept {
  const known = all.get(key)
  if (known !== undefined) return known
  // What is in use already stays what it is; it is only not shared with what comes.
  if (all.size >= maxShared) all.clear()
  const kept = make()
  all.set(key, kept)
  return kept
}

/** An actor as it was before the steps that are kept of it, or as it is now. */
export function actorRecordOf(kept: KeptActor, when: 'before' | 'now'): ActorRecord {
  const { actor, id, logic, parent, about, before, bornAt } = kept
  const state = when === 'now' ? stateNow(kept) : before
  const since = (when === 'before' && before?.since) || kept.since
  const told = { type: '@xstate.actor', at: bornAt, actor, id, chart: logic.id, parent, about } as const
  return { ...told, ...(state && { since, step: state.number, snapshot: projectedState(state) }) }
}

/** A step as it is told. */
function stepRecordOf(step: KeptStep): ToldStep['record'] {
  const { number, at, actor, source, event, taken, actions } = step
  return {
    ...{ type: '@xstate.snapshot', at, actor: actor.actor, step: number },
    ...(source !== undefined && { source }),
    event: projectedEvent(event),
    snapshot: projectedState(step),
    ...(taken.length > 0 && { taken }),
    ...(actions.length > 0 && { actions }),
  }
}

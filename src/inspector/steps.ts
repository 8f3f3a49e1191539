import type { AnyEventObject, AnyMachineSnapshot, InspectionEvent } from 'xstate'
import type { FlightRecorder, KeptActor } from './flight-recorder.ts'
import { type ChartActor, runsChart } from './inspected.ts'
import { nameOf, transitionKey } from './trace/definition.ts'

/** An event that an actor took, as it was seen. Turned into a record only when the batch is. */
export interface SeenStep {
  readonly at: number
  readonly actor: ChartActor
  /** Undefined: it came from no actor. */
  readonly source: ChartActor | undefined
  readonly event: AnyEventObject
  /** Undefined: nothing changed. */
  readonly snapshot: AnyMachineSnapshot | undefined
  readonly taken: readonly string[]
  readonly actions: readonly string[]
  /** Its number among all that are kept; undefined: it changed nothing. */
  readonly number?: number
  /** So many events of this type changed nothing. */
  count: number
  /** Steps of this actor before this one that were not kept. */
  readonly skipped: number
}

/** What was seen since the last batch. */
export interface SeenBatch {
  readonly born: readonly ChartActor[]
  readonly steps: readonly SeenStep[]
}

/** Steps that one batch has at most. Beyond, each actor has one more, with what it came to. */
const maxSteps = 200

/** Actions and transitions of one step that are kept. */
const maxNames = 16

/** An actor in the middle of a step. */
interface Frame {
  readonly taken: string[]
  readonly actions: string[]
}

/** What is remembered of an actor from step to step. */
interface Seen {
  readonly kept: KeptActor
  snapshot: AnyMachineSnapshot | undefined
  /** Steps in the present batch that changed nothing, by their event's type. */
  quiet: Map<string, SeenStep> | undefined
  skipped: number
}

/** Who hears of what was seen. */
export interface StepsEvents {
  /** An actor was born, or took a step which changed something; only while batches are made. */
  changed(actor: ChartActor): void
  /** What is known of an actor that its chart does not hold. */
  about(actor: ChartActor): KeptActor['about']
}

/** What is remembered of an actor is kept with it: a map of all would be looked through whenever garbage is collected. */
const seenKey = Symbol('seen')

interface Seeable extends ChartActor {
  [seenKey]?: Seen
}

const nothing: readonly string[] = []

/**
 * Makes steps of XState's inspection events. It is called in the middle of whatever actors do, so it never throws: an observer
 * that throws wedges an actor's mailbox for good. What changes an actor is kept by the flight recorder, always; batches of all
 * that happens are made while somebody looks, of references only, bounded in number.
 */
export class Steps {
  readonly #flight: FlightRecorder
  readonly #first: ChartActor
  readonly #events: StepsEvents
  #isBatching = false
  /** Actors whose actions are being carried out, the innermost last. What is sent meanwhile is sent by them. */
  #acting: ChartActor[] = []
  readonly #frames = new Map<ChartActor, Frame>()
  #sources = new WeakMap<AnyEventObject, ChartActor>()
  readonly #transitionKeys = new WeakMap<object, string>()
  #born: ChartActor[] = []
  #steps: SeenStep[] = []
  #withQuietSteps = new Set<Seen>()
  /** Actors with steps that were not kept. */
  #crowded = new Map<ChartActor, Seen>()

  /** @param first the actor that those without a parent are shown below */
  constructor(flight: FlightRecorder, first: ChartActor, events: StepsEvents) {
    this.#flight = flight
    this.#first = first
    this.#events = events
  }

  /** Takes an inspection event. Never throws. */
  see(event: InspectionEvent): void {
    try {
      this.#see(event)
    } catch {
      // What can't be shown isn't shown.
    }
  }

  /** From now on batches are made, to be taken. */
  begin(): void {
    this.#isBatching = true
  }

  /** No batches are made any more. */
  end(): void {
    this.take()
    this.#isBatching = false
  }

  /** What is kept of an actor. */
  keptOf(actor: ChartActor): KeptActor {
    return this.#know(actor).kept
  }

  /** What was seen since the last time. Not to be called in the middle of anything. */
  take(): SeenBatch {
    const crowded = [...this.#crowded].map(([actor, seen]) => stateAfter(actor, seen))
    const batch = { born: this.#born, steps: [...this.#steps, ...crowded] }
    for (const seen of this.#withQuietSteps) seen.quiet = undefined
    for (const seen of this.#crowded.values()) seen.skipped = 0
    this.#withQuietSteps.clear()
    this.#crowded.clear()
    this.#born = []
    this.#steps = []
    this.settle()
    return batch
  }

  /** Nobody is in the middle of anything: what an error left lying around goes. */
  settle(): void {
    this.#acting = []
    this.#frames.clear()
  }

  #see(event: InspectionEvent): void {
    const { actorRef } = event
    // Looked up first: most events are of actors that are known.
    const actor = actorRef as Seeable
    const known = actor[seenKey]
    if (known === undefined && !runsChart(actorRef)) return
    switch (event.type) {
      case '@xstate.actor':
        remember(actor, this.#flight.born(actor, this.#parentOf(actor)), undefined)
        if (!this.#isBatching) break
        this.#born.push(actor)
        this.#events.changed(actor)
        break
      case '@xstate.event': {
        if (known === undefined) this.#know(actor)
        const source = event.sourceRef && runsChart(event.sourceRef) ? event.sourceRef : this.#acting.at(-1)
        if (source) this.#sources.set(event.event, source)
        break
      }
      case '@xstate.action': {
        if (this.#acting.at(-1) !== actor) this.#acting.push(actor)
        const name = nameOf(event.action)
        const { actions } = this.#frameOf(actor)
        if (name !== undefined && actions.length < maxNames) actions.push(name)
        break
      }
      case '@xstate.microstep':
        for (const transition of event._transitions) this.#note(this.#frameOf(actor), transition)
        break
      case '@xstate.snapshot':
        this.#step(actor, known ?? this.#know(actor), event.event, event.snapshot as AnyMachineSnapshot)
    }
  }

  /** An actor that was there before anybody looked is in this state, before its first event that is seen. */
  #know(actor: Seeable): Seen {
    const known = actor[seenKey]
    if (known) return known
    const kept = this.#flight.found(actor, this.#parentOf(actor))
    kept.about = this.#events.about(actor)
    return remember(actor, kept, actor.getSnapshot())
  }

  #parentOf(actor: ChartActor): ChartActor | undefined {
    return (actor._parent as ChartActor | undefined) ?? (actor === this.#first ? undefined : this.#first)
  }

  #frameOf(actor: ChartActor): Frame {
    let frame = this.#frames.get(actor)
    if (frame === undefined) {
      frame = { taken: [], actions: [] }
      this.#frames.set(actor, frame)
    }
    return frame
  }

  #note({ taken }: Frame, transition: Parameters<typeof transitionKey>[0]): void {
    let key = this.#transitionKeys.get(transition)
    if (key === undefined) {
      key = transitionKey(transition) ?? ''
      this.#transitionKeys.set(transition, key)
    }
    if (key !== '' && taken.length < maxNames) taken.push(key)
  }

  #step(actor: ChartActor, seen: Seen, event: AnyEventObject, snapshot: AnyMachineSnapshot): void {
    const at = this.#acting.lastIndexOf(actor)
    if (at >= 0) this.#acting.length = at
    const { taken, actions } = this.#frames.get(actor) ?? { taken: nothing, actions: nothing }
    this.#frames.delete(actor)
    const before = seen.snapshot
    seen.snapshot = snapshot
    const isQuiet =
      before !== undefined &&
      before.value === snapshot.value &&
      before.context === snapshot.context &&
      isAlive(snapshot)
    if (isQuiet && !this.#isBatching) return
    const source = this.#sources.get(event)
    const step = { at: Date.now(), source, event, snapshot, taken, actions }
    if (isQuiet) this.#addQuiet(actor, seen, { ...step, snapshot: undefined })
    else {
      if (before === undefined) seen.kept.about = this.#events.about(actor)
      const number = this.#flight.note(seen.kept, { ...step, source: source?.sessionId })
      if (this.#isBatching) this.#add(actor, seen, { ...step, number })
    }
  }

  #addQuiet(actor: ChartActor, seen: Seen, step: NewStep): void {
    const { type } = step.event
    const same = seen.quiet?.get(type)
    if (same) {
      same.count++
      return
    }
    const added = this.#batched(actor, seen, step)
    if (added === undefined) return
    seen.quiet ??= new Map()
    seen.quiet.set(type, added)
    this.#withQuietSteps.add(seen)
  }

  #add(actor: ChartActor, seen: Seen, step: NewStep): void {
    this.#events.changed(actor)
    if (this.#batched(actor, seen, step)) seen.quiet?.clear()
  }

  /** Adds a step to the batch, if there is room. */
  #batched(actor: ChartActor, seen: Seen, step: NewStep): SeenStep | undefined {
    if (this.#steps.length >= maxSteps) {
      seen.skipped++
      this.#crowded.set(actor, seen)
      return undefined
    }
    const { skipped } = seen
    seen.skipped = 0
    const added: SeenStep = { ...step, actor, skipped, count: 1 }
    this.#steps.push(added)
    return added
  }
}

/** A step, before it is known whether there is room for it. */
type NewStep = Omit<SeenStep, 'actor' | 'skipped' | 'count'>

function remember(actor: Seeable, kept: KeptActor, snapshot: AnyMachineSnapshot | undefined): Seen {
  const seen: Seen = { kept, snapshot, quiet: undefined, skipped: 0 }
  actor[seenKey] = seen
  return seen
}

function isAlive({ status }: AnyMachineSnapshot): boolean {
  return status === 'active'
}

/** Stands for the steps of an actor that were not kept: what it came to. */
function stateAfter(actor: ChartActor, { snapshot, skipped }: Seen): SeenStep {
  const event = { type: 'skipped' }
  return { at: Date.now(), actor, source: undefined, event, snapshot, taken: [], actions: [], count: 1, skipped }
}

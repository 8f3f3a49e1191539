import type { AnyEventObject, AnyMachineSnapshot, InspectionEvent } from 'xstate'
import { type ChartActor, runsChart } from './inspected.ts'
import { nameOf, transitionKey } from './trace/definition.ts'

/** An event that an actor took, as it was seen. Turned into a record only when the batch is: most are never shown. */
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
  snapshot: AnyMachineSnapshot | undefined
  /** Steps in the present batch that changed nothing, by their event's type. */
  readonly quiet: Map<string, SeenStep>
  skipped: number
}

/**
 * Makes steps of XState's inspection events. It is called in the middle of whatever actors do, so it keeps references only,
 * bounded in number, and never throws: an observer that throws wedges an actor's mailbox for good.
 */
export class Steps {
  readonly #changed: (actor: ChartActor) => void
  /** Actors whose actions are being carried out, the innermost last. What is sent meanwhile is sent by them. */
  #acting: ChartActor[] = []
  readonly #frames = new Map<ChartActor, Frame>()
  #sources = new WeakMap<AnyEventObject, ChartActor>()
  #actors = new WeakMap<ChartActor, Seen>()
  #transitionKeys = new WeakMap<object, string>()
  #born: ChartActor[] = []
  #steps: SeenStep[] = []
  #withQuietSteps = new Set<Seen>()
  /** Actors with steps that were not kept. */
  #crowded = new Map<ChartActor, Seen>()

  /** @param changed hears of each actor that was born or took a step which changed something. */
  constructor(changed: (actor: ChartActor) => void) {
    this.#changed = changed
  }

  /** Takes an inspection event. Never throws. */
  see(event: InspectionEvent): void {
    try {
      this.#see(event)
    } catch {
      // What can't be shown isn't shown.
    }
  }

  /** Nobody looks any more: forgets everything. */
  forget(): void {
    this.take()
    this.#actors = new WeakMap()
    this.#sources = new WeakMap()
  }

  /** What was seen since the last time. */
  take(): SeenBatch {
    const crowded = [...this.#crowded].map(([actor, seen]) => stateAfter(actor, seen))
    const batch = { born: this.#born, steps: [...this.#steps, ...crowded] }
    for (const seen of this.#withQuietSteps) seen.quiet.clear()
    for (const seen of this.#crowded.values()) seen.skipped = 0
    this.#withQuietSteps.clear()
    this.#crowded.clear()
    this.#born = []
    this.#steps = []
    // Nobody is in the middle of anything here. What an error left lying around goes.
    this.#acting = []
    this.#frames.clear()
    return batch
  }

  #see(event: InspectionEvent): void {
    const { actorRef } = event
    if (!runsChart(actorRef)) return
    switch (event.type) {
      case '@xstate.actor':
        this.#born.push(actorRef)
        this.#actors.set(actorRef, { snapshot: undefined, quiet: new Map(), skipped: 0 })
        this.#changed(actorRef)
        break
      case '@xstate.event': {
        this.#know(actorRef)
        const source = event.sourceRef && runsChart(event.sourceRef) ? event.sourceRef : this.#acting.at(-1)
        if (source) this.#sources.set(event.event, source)
        break
      }
      case '@xstate.action': {
        if (this.#acting.at(-1) !== actorRef) this.#acting.push(actorRef)
        const name = nameOf(event.action)
        const { actions } = this.#frameOf(actorRef)
        if (name !== undefined && actions.length < maxNames) actions.push(name)
        break
      }
      case '@xstate.microstep':
        for (const transition of event._transitions) this.#note(this.#frameOf(actorRef), transition)
        break
      case '@xstate.snapshot':
        this.#step(actorRef, event.event, event.snapshot as AnyMachineSnapshot)
    }
  }

  /** An actor that was there before anybody looked is in this state, before its first event that is seen. */
  #know(actor: ChartActor): void {
    if (this.#actors.has(actor)) return
    this.#actors.set(actor, { snapshot: actor.getSnapshot(), quiet: new Map(), skipped: 0 })
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

  #step(actor: ChartActor, event: AnyEventObject, snapshot: AnyMachineSnapshot): void {
    const at = this.#acting.lastIndexOf(actor)
    if (at >= 0) this.#acting.length = at
    const { taken, actions } = this.#frames.get(actor) ?? { taken: [], actions: [] }
    this.#frames.delete(actor)
    const seen = this.#actors.get(actor) ?? { snapshot: undefined, quiet: new Map(), skipped: 0 }
    const before = seen.snapshot
    if (before === undefined) this.#actors.set(actor, seen)
    seen.snapshot = snapshot
    const isQuiet =
      before !== undefined &&
      before.value === snapshot.value &&
      before.context === snapshot.context &&
      isAlive(snapshot)
    if (!isQuiet) this.#changed(actor)
    const same = isQuiet ? seen.quiet.get(event.type) : undefined
    if (same) {
      same.count++
      return
    }
    if (this.#steps.length >= maxSteps) {
      seen.skipped++
      this.#crowded.set(actor, seen)
      return
    }
    const { skipped } = seen
    seen.skipped = 0
    const source = this.#sources.get(event)
    const step: SeenStep = {
      ...{ at: Date.now(), actor, source, event, taken, actions, skipped },
      ...{ snapshot: isQuiet ? undefined : snapshot, count: 1 },
    }
    this.#steps.push(step)
    if (isQuiet) {
      seen.quiet.set(event.type, step)
      this.#withQuietSteps.add(seen)
    } else seen.quiet.clear()
  }
}

function isAlive({ status }: AnyMachineSnapshot): boolean {
  return status === 'active'
}

/** Stands for the steps of an actor that were not kept: what it came to. */
function stateAfter(actor: ChartActor, { snapshot, skipped }: Seen): SeenStep {
  const event = { type: 'skipped' }
  return { at: Date.now(), actor, source: undefined, event, snapshot, taken: [], actions: [], count: 1, skipped }
}

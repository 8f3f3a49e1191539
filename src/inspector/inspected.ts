import type { ActorRefLike, AnyActorRef, AnyStateMachine } from 'xstate'
import type { ActorFigures, JsonValue, TotalFigures } from './trace/records.ts'

/** An actor that runs a chart. */
export interface ChartActor extends AnyActorRef {
  readonly logic: AnyStateMachine
}

/** A program whose actors can be watched. */
export interface Inspected {
  /** Name and version. */
  readonly program: string
  /**
   * The actors at the top, each of a system of its own that the others are in. The first one is shown as the parent of the
   * rest: they are parts of one program.
   */
  readonly roots: readonly [ChartActor, ...ChartActor[]]
  /** Every actor that runs a chart at present, parents first. */
  actors(): Iterable<ChartActor>
  /** What is known of an actor that its chart does not hold. */
  about(actor: ChartActor): { readonly [fact: string]: JsonValue } | undefined
  /** What is counted of single actors. Asked once a second while somebody looks. */
  figures(): Iterable<readonly [actor: ChartActor, figures: ActorFigures]>
  /** What is counted of the whole. */
  totals(): TotalFigures
}

/** Does the actor run a chart? Others are promises and the like, which a chart shows as what it does in a state. */
export function runsChart(actor: ActorRefLike): actor is ChartActor {
  if (!('logic' in actor) || typeof actor.logic !== 'object' || actor.logic === null) return false
  return 'root' in actor.logic && 'definition' in actor.logic
}

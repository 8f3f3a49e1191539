import type { ChartDefinition } from './definition.ts'

/**
 * The trace format: JSON lines, each a record. The first one is the {@link TraceHead}; a chart's definition comes before the
 * first actor that runs it, and an actor before its first step. INSPECTOR "Traces" documents it for others.
 */
export type TraceRecord = TraceHead | DefinitionRecord | ActorRecord | StepRecord | ReadingRecord | SkippedRecord

/** The version of the format: a reader refuses what it doesn't know. */
export const traceVersion = 1

/** A value as JSON has it. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [key: string]: JsonValue }

/** What every record may say beside its own. */
export interface Originated {
  /**
   * Of which program it is, where a trace is of several: the head of that program says the same. Actors are then named
   * `ORIGIN/…`, so that no two have one name. Left out in a trace of one program.
   */
  readonly origin?: string
}

/** The beginning of a trace, also where it begins anew after the file was full. */
export interface TraceHead extends Originated {
  readonly type: 'trace'
  readonly version: typeof traceVersion
  /** Name and version of the program that was watched, and its process. */
  readonly program: string
  readonly pid: number
  /** When the trace began, in milliseconds since the epoch, as every `at`. */
  readonly at: number
}

/** A chart, before the first actor that runs it. */
export interface DefinitionRecord extends Originated {
  readonly type: 'definition'
  readonly chart: string
  readonly definition: ChartDefinition
}

/** What an actor is in. */
export interface StateProjection {
  readonly status: 'active' | 'done' | 'error' | 'stopped'
  readonly value: JsonValue
  /** Without messages; p2p topics are shortened. */
  readonly context: JsonValue
}

/** A delayed transition that is waited for. */
export interface Timer {
  /** The delay's name in the chart. */
  readonly delay: string
  readonly startedAt: number
  /** In milliseconds. */
  readonly ms: number
}

/** An actor: when it is born, or how it was found when somebody began to look. */
export interface ActorRecord extends Originated {
  readonly type: '@xstate.actor'
  readonly at: number
  /** XState's session id: what other records name the actor by. */
  readonly actor: string
  /** Its id, for people. */
  readonly id: string
  readonly chart: string
  readonly parent: string | undefined
  /** What is known of it that its chart does not hold, such as the topics of a subscriber. */
  readonly about: { readonly [fact: string]: JsonValue } | undefined
  /** Left out of an actor that is just being born: its first step, `xstate.init`, says. */
  readonly snapshot?: StateProjection
  /** Since when its state has had the value that it has in `snapshot`. */
  readonly since?: number
  /** The number of the step that led to `snapshot`, as steps have it. */
  readonly step?: number
}

/** An event that an actor took: XState's `@xstate.snapshot`, with what `@xstate.event` and `@xstate.microstep` said of it. */
export interface StepRecord extends Originated {
  readonly type: '@xstate.snapshot'
  readonly at: number
  readonly actor: string
  /**
   * Its number among the steps of its program that changed something: it rises. Whoever has it already was told it again, after
   * its connection broke. Left out if nothing changed.
   */
  readonly step?: number
  /** The actor that sent it, or in whose action it was sent. Left out if it came from elsewhere: a socket, a queue, a timer. */
  readonly source?: string
  readonly event: { readonly type: string } & { readonly [key: string]: JsonValue }
  /** Left out if nothing changed. */
  readonly snapshot?: StateProjection
  /** The transitions it took, by their keys in the definition. */
  readonly taken?: readonly string[]
  /** The actions that were carried out. */
  readonly actions?: readonly string[]
  /** So many events of this type came until the next batch, and changed nothing. Left out if it was one. */
  readonly count?: number
  /** So many steps of this actor before this one were not recorded, because there were too many at once. */
  readonly skipped?: number
}

/** What is counted of one actor. */
export interface ActorFigures {
  /** Messages of the log that it has not looked at yet. */
  readonly lag: number
  /** Frames that it was sent since the subscribe reply. */
  readonly sent: number
  /** Messages that were not there any more when it came to them. */
  readonly missed: number
  /** Frames that it was sent and that are not known to be received; absent where nobody can know. */
  readonly unreceived?: number
  /** The snapshot from the history, while it is being sent: sequence numbers. */
  readonly replaying?: { readonly position: number; readonly upTo: number }
}

/** What is counted of the whole. All are totals since the program began. */
export interface TotalFigures {
  /** Sequence number that the next message in the log gets: it rises with each that was accepted. */
  readonly accepted: number
  /** Messages that were refused, by reason. */
  readonly refused: Readonly<Record<string, number>>
  readonly delivered: number
  /** Messages that wait in all queues together: no total, but as many as there are. */
  readonly waiting: number
  /** Times that nothing was sent because a connection held as much as it may. */
  readonly refusedSends: number
  /** Subscriptions on `pub` that were not admitted. */
  readonly refusedPeers: number
}

/** Once a second: what changed of the figures and timers. */
export interface ReadingRecord extends Originated {
  readonly type: 'reading'
  readonly at: number
  readonly totals: TotalFigures
  readonly actors: { readonly [actor: string]: Partial<ActorFigures> & { readonly timers?: readonly Timer[] } }
}

/** Batches were left out, because whoever reads this did not keep up. Actors that changed meanwhile follow as they are. */
export interface SkippedRecord extends Originated {
  readonly type: 'skipped'
  readonly at: number
  readonly batches: number
}

/** How it is going with one of several programs that are looked at. */
export interface SourceState {
  /** What its records say. */
  readonly origin: string
  /** Where it comes from: a file, or an address without its token. */
  readonly name: string
  readonly state: 'trace' | 'connecting' | 'live' | 'broken'
  /** Why it is broken. */
  readonly because?: string
}

/** How it is going with each program. In the live view of several only, never in a file. */
export interface SourcesRecord {
  readonly type: 'sources'
  readonly sources: readonly SourceState[]
}

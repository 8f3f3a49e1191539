import type { ActorFigures, ActorRecord, ReadingRecord, Timer, TraceRecord } from '../trace/records.ts'
import type { Chronicle } from './chronicle.ts'
import type { Life, LifeFigures, LifeState } from './life.ts'

/** Figures over time that are told of an actor that is not looked at: as many as its rate needs. */
const maxFigures = 10

/** Everything that a chronicle keeps, as a trace. Of the actors whose names are in `closely` all figures are told. */
export function* retold(chronicle: Chronicle, closely: ReadonlySet<string>): Generator<TraceRecord> {
  yield* chronicle.heads.values()
  yield* chronicle.definitions
  for (const life of chronicle.lives.values()) yield actorRecord(life, firstState(life))
  for (const { index: _, ...step } of chronicle.steps) yield step
  for (const life of chronicle.lives.values()) {
    const now = life.stateAt(chronicle.lastIndex)
    // It was found in another state than its last step led to: steps between were skipped.
    if (
      now !== undefined &&
      now.snapshot !== (life.steps.findLast(({ snapshot }) => snapshot)?.snapshot ?? firstState(life)?.snapshot)
    ) {
      yield actorRecord(life, now)
    }
  }
  for (const origin of chronicle.heads.keys()) yield* readings(chronicle, origin, closely)
}

/** What an actor was in before the first step that is kept. */
function firstState(life: Life): LifeState | undefined {
  return life.stateBefore(life.steps[0]?.index ?? Number.POSITIVE_INFINITY)
}

function actorRecord(life: Life, state: LifeState | undefined): ActorRecord {
  const { origin, actor, id, chart, parent, about, firstSeenAt } = life
  return {
    ...{ type: '@xstate.actor', at: firstSeenAt, ...originOf(origin), actor, id, chart, parent, about },
    ...(state && { since: state.at, snapshot: state.snapshot }),
  }
}

function* readings(chronicle: Chronicle, origin: string, closely: ReadonlySet<string>): Generator<ReadingRecord> {
  const lives = [...chronicle.lives.values()].filter(life => life.origin === origin)
  const all = chronicle.readingsOf(origin)
  const byTime = new Map<number, Record<string, Partial<ActorFigures> & { timers?: readonly Timer[] }>>()
  for (const { at } of all) byTime.set(at, {})
  for (const life of lives) {
    for (const { at, ...figures } of told(life, closely)) {
      const then = byTime.get(at) ?? {}
      then[life.actor] = figures
      byTime.set(at, then)
    }
  }
  const last = Math.max(...byTime.keys())
  const withTimers = byTime.get(last) ?? {}
  for (const { actor, timers } of lives) {
    if (timers.length > 0) withTimers[actor] = { ...withTimers[actor], timers }
  }
  for (const [at, actors] of [...byTime].toSorted(([one], [other]) => one - other)) {
    const totals = (chronicle.readingAt(at, origin) ?? all[0])?.totals
    if (totals) yield { type: 'reading', at, ...originOf(origin), totals, actors }
  }
}

function told({ actor, figuresOverTime }: Life, closely: ReadonlySet<string>): readonly LifeFigures[] {
  return closely.has(actor) ? figuresOverTime : figuresOverTime.slice(-maxFigures)
}

function originOf(origin: string): { readonly origin?: string } {
  return origin === '' ? {} : { origin }
}

import type { Verdict } from './health.ts'
import type { Life, LifeFigures } from './life.ts'

/** An actor with something wrong. */
export interface Troubled {
  readonly life: Life
  readonly verdict: Verdict
  readonly figures: LifeFigures | undefined
}

/** What is wrong in the same way with one actor or several: those with the most at stake first. */
export interface Alarm<Actor extends Troubled> {
  /** Unlike that of any other alarm. */
  readonly kind: string
  readonly brief: string
  readonly actors: readonly Actor[]
  /** Messages that wait for all of them. */
  readonly waiting: number
}

/** Everything that is wrong, as alarms: the one with the most at stake first. What is told of a connection is not told again of its subscriber. */
export function alarmsOf<Actor extends Troubled>(troubled: readonly Actor[]): readonly Alarm<Actor>[] {
  const told = new Set(troubled.map(({ life, verdict }) => `${life.parent} ${verdict.brief}`))
  const kinds = new Map<string, Actor[]>()
  for (const actor of troubled.toSorted(byStake)) {
    const { life, verdict } = actor
    if (told.has(`${life.actor} ${verdict.brief}`)) continue
    const kind = `${life.chart} ${verdict.brief}`
    const same = kinds.get(kind)
    if (same) same.push(actor)
    else kinds.set(kind, [actor])
  }
  const alarms = [...kinds].map(([kind, actors]) => ({
    kind,
    brief: actors[0]?.verdict.brief ?? '',
    actors,
    waiting: actors.reduce((sum, { figures }) => sum + (figures?.lag ?? 0), 0),
    amount: actors.reduce((sum, actor) => sum + amountOf(actor), 0),
    rank: Math.max(...actors.map(rankOf)),
  }))
  return alarms
    .toSorted((one, other) => other.rank - one.rank || other.amount - one.amount)
    .map(({ amount: _, rank: __, ...alarm }) => alarm)
}

/** Orders those with more at stake before the others; the rest stays as it was. */
export function byStake(one: Troubled, other: Troubled): number {
  return rankOf(other) - rankOf(one) || amountOf(other) - amountOf(one)
}

/**
 * Whose trouble it is says most of what is at stake: a whole program's or endpoint's concerns everybody; then an application that
 * is connected and lacks what it came for; then one that is not there. What is only counted, such as refusals, is over.
 */
function rankOf({ life: { chart }, verdict }: Troubled): number {
  if (verdict.occurrences !== undefined) return 0
  if (chart === 'subscriber' || chart === 'snapshotExchange') return 1
  return chart === 'connection' ? 2 : 3
}

/** Messages that wait or are lost; how often it happened where that is counted. */
function amountOf({ figures, verdict: { occurrences } }: Troubled): number {
  return occurrences ?? (figures ? figures.lag + figures.missed : 0)
}

/** What several sentences have in common, clause by clause, and what is each one's own. */
export interface Telling {
  readonly common: string
  /** In the order of the sentences. */
  readonly own: readonly string[]
}

/** Tells sentences of one kind apart: what all of them say is said once. */
export function toldApart(sentences: readonly string[]): Telling {
  const clauses = sentences.map(clausesOf)
  const [first = []] = clauses
  const inAll = new Set(first.filter(clause => clauses.every(each => each.includes(clause))))
  return {
    common: joined(first, inAll),
    own: clauses.map(each => each.filter(clause => !inAll.has(clause)).join(' ')),
  }
}

/** What is common of a sentence's clauses; where something of it is left out, it says so. */
function joined(clauses: readonly string[], common: ReadonlySet<string>): string {
  const told = clauses.map((clause, place) => {
    const next = clauses[place + 1]
    const isBroken = next !== undefined && common.has(clause) && !common.has(next)
    return isBroken ? clause.replace(/[:;]$/, ' …') : clause
  })
  return told.filter((_, place) => common.has(clauses[place] ?? '')).join(' ')
}

/** The parts of sentences that end in a full stop, a colon or a semicolon. */
function clausesOf(sentences: string): readonly string[] {
  return sentences.split(/(?<=[.:;]) /)
}

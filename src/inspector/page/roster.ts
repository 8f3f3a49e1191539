import { computed, signal } from '@preact/signals'
import { byStake } from '../story/alarms.ts'
import type { Health, Moment, Verdict } from '../story/health.ts'
import type { Life, LifeFigures } from '../story/life.ts'
import { stateText } from '../story/state-value.ts'
import { verdictOn } from '../story/verdict.ts'
import { chronicle, cursor, moment, revision, slowRevision, sources } from './inspection.ts'
import { programOf } from './words.ts'

/** An actor in the list. */
export interface Entry {
  readonly life: Life
  readonly state: string
  readonly verdict: Verdict
  readonly figures: LifeFigures | undefined
  /** Frames it is sent in a second. */
  readonly rate: number
  readonly heartbeatAt: number | undefined
  /** How deep it stands in the tree. */
  readonly depth: number
}

/** What the list is sorted by. */
export const orders = {
  trouble: 'trouble first',
  tree: 'in the tree',
  queue: 'queue depth',
  rate: 'rate',
  heartbeat: 'oldest heartbeat',
  newest: 'newest first',
} as const

/** What it is sorted by. */
export const order = signal<keyof typeof orders>('trouble')
/** What listed actors have to contain, in words. */
export const search = signal('')
/** The group that listed actors are in; empty: any. */
export const stateFilter = signal('')
/** The topic that listed subscribers have; empty: any. */
export const topicFilter = signal('')
/** Are actors listed that have ended? */
export const showsEnded = signal(true)

/** An actor at a moment. */
export function entryOf(life: Life, at: Moment): Entry {
  const verdict = unreachable(life) ?? verdictOn(life, chronicle(), at)
  const state = life.stateAt(at.index)?.snapshot
  const figures = life.figuresAt(at.at)
  return {
    life,
    state: state ? stateText(state.value) : '–',
    verdict,
    figures,
    rate: rateOf(life, at.at),
    heartbeatAt: heartbeatOf(life),
    depth: depthOf(life),
  }
}

/** How many actors stand above it in the tree. */
function depthOf({ parent }: Life): number {
  let depth = 0
  for (let above = parent; above !== undefined && depth < maxDepth; depth++) {
    above = chronicle().lives.get(above)?.parent
  }
  return depth
}

/** The tree is no deeper; a trace that says otherwise is wrong. */
const maxDepth = 8

/** What is wrong with the topmost actor of a program that is not there to be asked. */
function unreachable({ origin, parent }: Life): Verdict | undefined {
  const source = sources.value.find(each => each.origin === origin)
  if (parent !== undefined || source?.state !== 'broken' || cursor.value !== undefined) return undefined
  const sentence = `The inspector at ${source.name} does not answer: ${source.because}. It is asked again; its actors are shown as they were.`
  return { health: 'trouble', brief: 'program is away', sentence }
}

/** Every actor that was there at the moment that is looked at. */
export const roster = computed<readonly Entry[]>(() => {
  slowRevision.value
  // Single steps are followed at once while time stands still.
  const at = cursor.value === undefined ? { index: chronicle().lastIndex, at: moment.peek().at } : moment.value
  return [...chronicle().lives.values()]
    .filter(life => life.stateAt(at.index) !== undefined || life.steps.length === 0)
    .map(life => entryOf(life, at))
})

/** Those that the list shows. */
export const listed = computed<readonly Entry[]>(() => {
  const words = search.value
    .toLowerCase()
    .split(' ')
    .filter(word => word !== '')
  const [wantedState, wantedTopic] = [stateFilter.value, topicFilter.value]
  const shown = roster.value.filter(entry => {
    if (!showsEnded.value && entry.verdict.health === 'ended') return false
    if (wantedState !== '' && groupOf(entry) !== wantedState) return false
    if (wantedTopic !== '' && !topicsOf(entry).includes(wantedTopic)) return false
    const text =
      `${programOf(entry.life.origin)} ${entry.life.id} ${entry.life.chart} ${entry.state} ${topicsOf(entry).join(' ')} ${entry.verdict.brief}`.toLowerCase()
    return words.every(word => text.includes(word))
  })
  return sorted(shown)
})

function sorted(entries: readonly Entry[]): readonly Entry[] {
  const by = (of: (entry: Entry) => number) => entries.toSorted((one, other) => of(other) - of(one))
  switch (order.value) {
    case 'tree':
      return inTree(entries)
    case 'trouble':
      return inTree(entries).toSorted(
        (one, other) => urgency[other.verdict.health] - urgency[one.verdict.health] || byUrgentStake(one, other),
      )
    case 'queue':
      return by(({ figures }) => figures?.lag ?? -1)
    case 'rate':
      return by(({ rate }) => rate)
    case 'heartbeat':
      return by(({ heartbeatAt }) => -(heartbeatAt ?? Number.POSITIVE_INFINITY))
    case 'newest':
      return by(({ life }) => life.firstSeenAt)
  }
}

const urgency: Readonly<Record<Health, number>> = { trouble: 3, waiting: 2, well: 1, ended: 0 }

/** Where nothing is wrong, nothing is at stake. */
function byUrgentStake(one: Entry, other: Entry): number {
  return one.verdict.health === 'trouble' ? byStake(one, other) : 0
}

/** Each program by itself, and every actor behind the one that it belongs to. */
function inTree(entries: readonly Entry[]): readonly Entry[] {
  const below = new Map<string, Entry[]>()
  const tops = new Map<string, Entry[]>()
  const present = new Set(entries.map(({ life }) => life.actor))
  for (const entry of entries) {
    const { origin, parent } = entry.life
    const [map, key] = parent !== undefined && present.has(parent) ? [below, parent] : [tops, origin]
    const group = map.get(key)
    if (group) group.push(entry)
    else map.set(key, [entry])
  }
  const ordered: Entry[] = []
  const visit = (entry: Entry, depth: number) => {
    ordered.push(entry)
    if (depth < maxDepth) for (const child of below.get(entry.life.actor) ?? []) visit(child, depth + 1)
  }
  for (const origin of [...tops.keys()].toSorted()) for (const entry of tops.get(origin) ?? []) visit(entry, 0)
  return ordered
}

/** What the filter by state goes by: the chart, and the outermost state. */
export function groupOf({ life, state }: Entry): string {
  const inner = life.chart === 'subscriber' && state.includes(',') ? 'joined' : state
  return `${life.chart}: ${inner.split(' ')[0]}`
}

/** The topics of a subscriber. */
export function topicsOf({ life }: Entry): readonly string[] {
  const { topics } = life.about
  return Array.isArray(topics) ? topics.map(String) : []
}

/** The groups and topics that there are. */
export const choices = computed(() => ({
  groups: [...new Set(roster.value.map(groupOf))].sort(),
  topics: [...new Set(roster.value.flatMap(topicsOf))].sort().slice(0, 100),
}))

/** Everything that is wrong at present. */
export const troubles = computed(() => roster.value.filter(({ verdict }) => verdict.health === 'trouble'))

/** How many are how. */
export const tally = computed(() => {
  const subscribers = roster.value.filter(({ life }) => life.chart === 'subscriber')
  const count = (health: string) => subscribers.filter(({ verdict }) => verdict.health === health).length
  return {
    subscribers: subscribers.length - count('ended'),
    well: count('well'),
    waiting: count('waiting'),
    trouble: count('trouble'),
  }
})

/** The actor that is looked at, at the moment that is looked at. */
export function entryNow(actor: string | undefined): Entry | undefined {
  revision.value
  const life = actor === undefined ? undefined : chronicle().lives.get(actor)
  return life && entryOf(life, moment.value)
}

const rateWindowMs = 5000

function rateOf(life: Life, at: number): number {
  const now = life.figuresAt(at)
  const before = life.figuresAt(at - rateWindowMs) ?? life.figuresOverTime[0]
  if (now === undefined || before === undefined || now.at <= before.at || at - now.at > rateWindowMs) return 0
  return Math.max(
    0,
    ((now.sent - before.sent) * 1000) / Math.max(1000, now.at - Math.max(before.at, at - rateWindowMs - 1000)),
  )
}

/** When the last heartbeat came: as it was seen, or since when its timer runs. */
function heartbeatOf(life: Life): number | undefined {
  const seen = life.lastAt.get('heartbeat.received')
  const timer = life.timers.find(({ delay }) => delay === 'heartbeatTimeout')?.startedAt
  return seen === undefined ? timer : Math.max(seen, timer ?? 0)
}

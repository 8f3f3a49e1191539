import type { Life } from '../story/life.ts'
import { eventWords, type StateDefinition } from '../trace/definition.ts'
import type { JsonValue, StepRecord } from '../trace/records.ts'
import { chronicle } from './inspection.ts'

/** A time of day, to the millisecond. */
export function clockTime(at: number): string {
  const date = new Date(at)
  const part = (value: number, digits = 2) => String(value).padStart(digits, '0')
  return `${part(date.getHours())}:${part(date.getMinutes())}:${part(date.getSeconds())}.${part(date.getMilliseconds(), 3)}`
}

/** A value in words: a text as it is, and when it was instead of milliseconds since the epoch. */
export function valueWords(name: string, value: JsonValue): string {
  if (typeof value === 'string') return value
  const isTime = name.endsWith('Ms') && typeof value === 'number' && value > leastTime
  return isTime ? clockTime(value) : JSON.stringify(value)
}

/** No actor of ours was there earlier, and no duration is longer. */
const leastTime = Date.UTC(2020)

/** A number that has to fit: `1,204`, `12.3k`, `4.5M`. */
export function shortNumber(value: number): string {
  if (value < 10_000) return Math.round(value).toLocaleString('en-US')
  if (value < 1_000_000) return `${(value / 1000).toFixed(1)}k`
  return `${(value / 1_000_000).toFixed(1)}M`
}

/** The event of a step in words, as the actor's chart names it. */
export function eventOf(step: StepRecord): string {
  if (step.event.type === 'skipped') return `${step.skipped ?? 0} steps that were too many to show`
  const life = chronicle().lives.get(step.actor)
  const chart = life && chronicle().chartOf(life)
  const invoked = new Map(chart ? invokedNames(chart.root) : [])
  return eventWords(step.event.type, invoked)
}

function invokedNames(state: StateDefinition): [string, string][] {
  return [
    ...state.invoke.map((name, index): [string, string] => [`${index}.${state.id}`, name]),
    ...state.states.flatMap(invokedNames),
  ]
}

/** An actor's name; one that sent from outside of all actors has none. */
export function nameOf(actor: string | undefined): string {
  if (actor === undefined) return 'outside'
  const life = chronicle().lives.get(actor)
  if (life === undefined) return actor
  const program = programOf(life.origin)
  return program === '' ? idOf(life) : `${program}: ${idOf(life)}`
}

/** An actor's id; a snapshot's with as much of it as tells it from others. */
export function idOf({ id, chart }: Pick<Life, 'id' | 'chart'>): string {
  return chart === 'snapshotExchange' ? id.slice(0, 'snapshot.'.length + 4) : id
}

/** An actor's name among its kind: of a subscriber and its connections what tells them from others. */
export function nameWithin(life: Pick<Life, 'id' | 'chart'>): string {
  return idOf(life).replace(/^(subscriber|connection)\./, '')
}

/** What a program is called where several are shown, without its version; empty if there is one only. */
export function programOf(origin: string): string {
  const { heads } = chronicle()
  const program = heads.get(origin)?.program
  if (heads.size < 2 || program === undefined) return ''
  const name = withoutVersion(program)
  const namesakes = [...heads].filter(([, head]) => withoutVersion(head.program) === name)
  const place = namesakes.findIndex(([other]) => other === origin)
  return place > 0 ? `${name} #${place + 1}` : name
}

function withoutVersion(program: string): string {
  return program.replace(/ (with .*|\d\S*)$/, '')
}

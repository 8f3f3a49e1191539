import { computed, signal } from '@preact/signals'
import { Chronicle, liveLimits, traceLimits } from '../story/chronicle.ts'
import type { Moment } from '../story/health.ts'
import type { SourceState, SourcesRecord, TraceRecord } from '../trace/records.ts'
import { note } from './recording.ts'

/** Where what is shown comes from, and how that is going. */
export type Connection =
  | { readonly state: 'connecting' | 'live' | 'broken' | 'loading' | 'trace' }
  | { readonly state: 'failed'; readonly because: string }

/** Everything that was seen. It changes in place: whoever shows something of it reads {@link revision} as well. */
let kept = new Chronicle()

/** Counts the batches that were taken. */
export const revision = signal(0)

/** The same, twice a second at most: for what goes through thousands of actors. */
export const slowRevision = signal(0)

/** How it is going with where this comes from. */
export const connection = signal<Connection>({ state: 'connecting' })

/** How it is going with each of several programs; empty if there is one only. */
export const sources = signal<readonly SourceState[]>([])

/** The actor that is looked at closely. */
export const chosen = signal<string | undefined>(undefined)

/** The step that is looked at; undefined: now. */
export const cursor = signal<number | undefined>(undefined)

/** The parts of the main pane. */
export type Tab = 'chart' | 'sequence' | 'flows'

/** The part that is shown. */
export const tab = signal<Tab>('chart')

/** Everything that was seen. */
export function chronicle(): Chronicle {
  return kept
}

/** The moment that is looked at. */
export const moment = computed<Moment>(() => {
  revision.value
  const at = cursor.value === undefined ? undefined : kept.step(cursor.value)?.at
  return at === undefined || cursor.value === undefined
    ? { index: kept.lastIndex, at: now() }
    : { index: cursor.value, at }
})

let newestTakenAt = performance.now()

/** What time it is where the actors are. Their clock is the one that counts; between two records it is guessed. */
export function now(): number {
  if (connection.value.state !== 'live') return kept.now
  return kept.now + Math.min(performance.now() - newestTakenAt, 2000)
}

/** Begins with nothing. */
export function begin(source: 'live' | 'trace'): void {
  kept = new Chronicle(source === 'live' ? liveLimits : traceLimits)
}

/** Takes records. @throws {Error} in words, if they are of another version */
export function take(records: readonly (TraceRecord | SourcesRecord)[]): void {
  for (const record of records) {
    if (record.type === 'sources') {
      sources.value = record.sources
      continue
    }
    kept.take(record)
    note(record)
  }
  newestTakenAt = performance.now()
  const [first] = kept.lives.keys()
  chosen.value ??= first
  announce()
}

let isSlowDue = false

function announce(): void {
  revision.value++
  if (isSlowDue) return
  isSlowDue = true
  setTimeout(() => {
    isSlowDue = false
    slowRevision.value++
  }, 500)
}

// Ages in words move on although nothing happens.
setInterval(() => {
  if (connection.value.state === 'live' && cursor.value === undefined) announce()
}, 1000)

/** Chooses an actor. */
export function choose(actor: string): void {
  chosen.value = actor
}

/** Is the window so narrow that one thing stands below the other, as the style sheets have it? */
export function isOneColumn(): boolean {
  return matchMedia('(max-width: 860px)').matches
}

/** Chooses an actor, and brings what there is to see of it into sight where the page is one column. */
export function show(actor: string): void {
  choose(actor)
  if (isOneColumn()) document.querySelector('.panel')?.scrollIntoView()
}

/** Looks at a step; undefined: at what happens now. */
export function lookAt(index: number | undefined): void {
  cursor.value = index
}

/** Stops or goes on. */
export function togglePause(): void {
  lookAt(cursor.value === undefined ? kept.lastIndex : undefined)
}

/** Goes so many steps back or forth, among those of the chosen actor if `ofChosen`. */
export function stepBy(by: number, ofChosen: boolean): void {
  const life = ofChosen && chosen.value !== undefined ? kept.lives.get(chosen.value) : undefined
  const steps = life?.steps ?? kept.steps
  const from = cursor.value ?? kept.lastIndex
  const next = by > 0 ? steps.find(step => step.index > from) : steps.findLast(step => step.index < from)
  if (next) lookAt(next.index)
}

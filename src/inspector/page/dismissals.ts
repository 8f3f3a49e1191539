import { computed, effect, signal } from '@preact/signals'
import { chosen, cursor } from './inspection.ts'
import { type Entry, troubles } from './roster.ts'

/*
 * Troubles that were read and put away. Nobody but this page knows of it: what is wrong stays wrong, in the list as well.
 */

/** What was put away of an actor. */
interface Dismissal {
  readonly brief: string
  /** How often it had happened by then, where that is counted. */
  readonly occurrences: number
}

const dismissals = signal<ReadonlyMap<string, Dismissal>>(new Map())

/** What is wrong and was not put away. */
export const openTroubles = computed(() => troubles.value.filter(entry => !isDismissed(entry)))

/** So many were put away. */
export const dismissedCount = computed(() => troubles.value.length - openTroubles.value.length)

/** Puts away what is wrong with an actor, until it happens again. */
export function dismiss({ life, verdict: { brief, occurrences = 0 } }: Entry): void {
  dismissals.value = new Map(dismissals.value).set(life.actor, { brief, occurrences })
}

/** Puts away what is wrong with the chosen actor. */
export function dismissChosen(): void {
  const entry = openTroubles.value.find(({ life }) => life.actor === chosen.value)
  if (entry) dismiss(entry)
}

/** Shows again what was put away. */
export function recallDismissed(): void {
  dismissals.value = new Map()
}

function isDismissed({ life, verdict }: Entry): boolean {
  const dismissal = dismissals.value.get(life.actor)
  return (
    dismissal !== undefined && dismissal.brief === verdict.brief && (verdict.occurrences ?? 0) <= dismissal.occurrences
  )
}

// What is over is told when it comes again. A look at the past decides nothing.
effect(() => {
  const wrong = troubles.value
  if (cursor.value !== undefined || dismissals.peek().size === 0) return
  const lasting = wrong.filter(entry => isDismissed(entry)).map(({ life }) => life.actor)
  if (lasting.length === dismissals.peek().size) return
  dismissals.value = new Map([...dismissals.peek()].filter(([actor]) => lasting.includes(actor)))
})

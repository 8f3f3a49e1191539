import { effect, signal } from '@preact/signals'
import { cursor } from './inspection.ts'
import { type Entry, roster } from './roster.ts'

/** A trouble that somebody has read and does not want to see any more. */
interface Dismissed {
  readonly brief: string
  /** How often it had happened by then, where that is counted. */
  readonly occurrences: number
}

/** By actor. It is known on this page only. */
const dismissed = signal<ReadonlyMap<string, Dismissed>>(new Map())

/** Is this trouble dismissed? Not if it happened again since. */
export function isDismissed({ life, verdict }: Entry): boolean {
  const known = dismissed.value.get(life.actor)
  return known !== undefined && known.brief === verdict.brief && (verdict.occurrences ?? 0) <= known.occurrences
}

/** Puts troubles aside until they happen again. */
export function dismiss(entries: readonly Entry[]): void {
  const more = entries
    .filter(({ verdict }) => verdict.health === 'trouble')
    .map(({ life, verdict: { brief, occurrences = 0 } }) => [life.actor, { brief, occurrences }] as const)
  dismissed.value = new Map([...dismissed.value, ...more])
}

/** Shows again what was dismissed. */
export function recall(): void {
  dismissed.value = new Map()
}

// What is over is not dismissed any more: the next time is another.
effect(() => {
  const all = roster.value
  if (cursor.value !== undefined || dismissed.value.size === 0) return
  const briefs = new Map(all.map(({ life, verdict }) => [life.actor, verdict.brief]))
  const lasting = [...dismissed.value].filter(([actor, { brief }]) => briefs.get(actor) === brief)
  if (lasting.length < dismissed.value.size) dismissed.value = new Map(lasting)
})

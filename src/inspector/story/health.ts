import type { JsonValue } from '../trace/records.ts'
import type { Life } from './life.ts'

/** How an actor is. */
export type Health = 'well' | 'waiting' | 'trouble' | 'ended'

/** What is wrong with an actor, or that nothing is. */
export interface Verdict {
  readonly health: Health
  /** In a few words, for a list. */
  readonly brief: string
  /** One or two sentences: what is the matter, and what it means. */
  readonly sentence: string
  /** How often it has happened, where that is counted: more than before means that it happened again. */
  readonly occurrences?: number
}

/** The moment that is looked at. */
export interface Moment {
  /** Index of the latest step that counts. */
  readonly index: number
  readonly at: number
}

/** Nothing is wrong. */
export function well(sentence: string): Verdict {
  return { health: 'well', brief: '', sentence }
}

/** It waits for something that comes by itself. */
export function wait(brief: string, sentence: string): Verdict {
  return { health: 'waiting', brief, sentence }
}

/** Somebody should do something about it. */
export function trouble(brief: string, sentence: string, occurrences?: number): Verdict {
  return { health: 'trouble', brief, sentence, ...(occurrences !== undefined && { occurrences }) }
}

/** It is over. */
export function ended(sentence: string): Verdict {
  return { health: 'ended', brief: 'ended', sentence }
}

/** What an actor knew at a moment. */
export function contextOf(life: Life, index: number): { readonly [key: string]: JsonValue } {
  const context = life.stateAt(index)?.snapshot.context
  return typeof context === 'object' && context !== null && !Array.isArray(context)
    ? (context as { readonly [key: string]: JsonValue })
    : {}
}

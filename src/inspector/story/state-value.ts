import type { ChartDefinition, StateDefinition } from '../trace/definition.ts'
import type { JsonValue } from '../trace/records.ts'

/** The ids of all states that are active, the root included. */
export function activeStates(chart: ChartDefinition, value: JsonValue): Set<string> {
  const active = new Set<string>()
  const visit = (state: StateDefinition, inside: JsonValue): void => {
    active.add(state.id)
    if (typeof inside === 'string') {
      const child = state.states.find(({ key }) => key === inside)
      if (child) visit(child, {})
    } else if (typeof inside === 'object' && inside !== null) {
      for (const [key, below] of Object.entries(inside)) {
        const child = state.states.find(candidate => candidate.key === key)
        if (child) visit(child, below as JsonValue)
      }
    }
  }
  visit(chart.root, value)
  return active
}

/** A state's value as people write it: `joined (live, flowing, monitored)`, `stale.never_joined`. */
export function stateText(value: JsonValue): string {
  if (typeof value === 'string') return value
  if (typeof value !== 'object' || value === null) return ''
  const parts = Object.entries(value)
  const [only] = parts
  if (parts.length === 1 && only) {
    const [key, below] = only
    const inner = stateText(below as JsonValue)
    return inner.includes(' ') || inner.includes('(') ? `${key} (${inner.replace(/^\(|\)$/g, '')})` : `${key}.${inner}`
  }
  return parts.map(([, below]) => stateText(below as JsonValue)).join(', ')
}

/** Is `path`, such as `stale.never_joined`, active? */
export function matches(value: JsonValue, path: string): boolean {
  let inside = value
  for (const key of path.split('.')) {
    if (inside === key) inside = {}
    else if (typeof inside === 'object' && inside !== null && key in inside) {
      inside = (inside as { readonly [key: string]: JsonValue })[key] ?? {}
    } else return false
  }
  return true
}

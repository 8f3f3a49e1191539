import type { JsonValue } from '../trace/records.ts'

/** A place where two values differ. */
export interface Difference {
  /** `context.staleSinceMs`. */
  readonly path: string
  /** As JSON; undefined: it was not there. */
  readonly before: string | undefined
  readonly after: string | undefined
}

/** Where two values differ, in the order of the later one. */
export function differences(before: JsonValue | undefined, after: JsonValue | undefined, path = ''): Difference[] {
  if (JSON.stringify(before) === JSON.stringify(after)) return []
  if (!isObject(before) || !isObject(after)) return [{ path, before: textOf(before), after: textOf(after) }]
  const keys = new Set([...Object.keys(after), ...Object.keys(before)])
  return [...keys].flatMap(key => differences(before[key], after[key], path === '' ? key : `${path}.${key}`))
}

function isObject(value: JsonValue | undefined): value is { readonly [key: string]: JsonValue } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function textOf(value: JsonValue | undefined): string | undefined {
  return value === undefined ? undefined : JSON.stringify(value)
}

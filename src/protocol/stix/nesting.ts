/** Deepest nesting of a body, in levels of objects and lists, the body's own included (OPERATION "Messages"). */
export const deepestNesting = 256

/**
 * Does a value have more than this many levels of objects and lists? Looks at each value once and no deeper than
 * `levels`, so that neither time nor stack run out.
 */
export function nestsDeeperThan(levels: number, value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  if (levels === 0) return true
  if (Array.isArray(value)) {
    for (const item of value) if (nestsDeeperThan(levels - 1, item)) return true
    return false
  }
  for (const name in value) {
    const inner = (value as Record<string, unknown>)[name]
    if (typeof inner === 'object' && nestsDeeperThan(levels - 1, inner)) return true
  }
  return false
}

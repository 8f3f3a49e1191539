import { shortened } from '../../protocol/topics.ts'
import type { JsonValue, StateProjection } from './records.ts'

/** Levels of nesting that are shown. */
const maxDepth = 5

/** Entries of a list or an object that are shown. */
const maxEntries = 32

/** Characters of a text that are shown. */
const maxCharacters = 256

/**
 * A value of an event or a context as it may leave the process: plain JSON, bounded, without bytes, functions and actors.
 *
 * Whatever looks like a p2p topic, 32 letters in a row wherever they stand, is shortened: it is a secret, and it is
 * recognised by what it is, not by where a chart keeps it.
 */
export function projected(value: unknown, depth = 0): JsonValue {
  switch (typeof value) {
    case 'boolean':
      return value
    case 'number':
      // JSON has no -0.
      return Number.isFinite(value) ? value + 0 : String(value)
    case 'string':
      return shownText(value)
    case 'bigint':
      return String(value)
    case 'object':
      return value === null ? null : projectedSafely(value, depth)
    default:
      return null
  }
}

/** An event: its type, and what else it carries. */
export function projectedEvent(event: {
  readonly type: string
}): { readonly type: string } & Record<string, JsonValue> {
  const shown = projected(event)
  const carried = typeof shown === 'object' && shown !== null && !Array.isArray(shown) ? shown : {}
  return { ...(carried as Record<string, JsonValue>), type: shownText(event.type) }
}

/** A snapshot of a chart's actor. */
export function projectedState(snapshot: {
  readonly status: StateProjection['status']
  readonly value?: unknown
  readonly context?: unknown
}): StateProjection {
  return { status: snapshot.status, value: projected(snapshot.value), context: projected(snapshot.context) }
}

/** What can't be read, such as a getter that throws, is no reason to fail: this runs where nobody catches. */
function projectedSafely(value: object, depth: number): JsonValue {
  try {
    return projectedObject(value, depth)
  } catch {
    return '(unreadable)'
  }
}

function projectedObject(value: object, depth: number): JsonValue {
  if (ArrayBuffer.isView(value)) return `(${value.byteLength} bytes)`
  if (value instanceof Error) {
    const { code } = value as NodeJS.ErrnoException
    return { error: shownText(value.message), ...(code !== undefined && { code: shownText(String(code)) }) }
  }
  if (depth >= maxDepth) return '…'
  if (Array.isArray(value)) {
    const shown = value.slice(0, maxEntries).map(entry => projected(entry, depth + 1))
    return value.length > maxEntries ? [...shown, `… ${value.length - maxEntries} more`] : shown
  }
  if ('sessionId' in value && 'id' in value) return `(actor ${shownText(String(value.id))})`
  const shown: Record<string, JsonValue> = {}
  for (const [key, inner] of Object.entries(value).slice(0, maxEntries)) {
    if (inner !== undefined && typeof inner !== 'function') shown[shownText(key)] = projected(inner, depth + 1)
  }
  return shown
}

/** A text without secrets, and not too long. */
export function shownText(text: string): string {
  // Cut first: what a stranger wrote may be megabytes. A topic that the cut goes through is shortened as well.
  const cut = text.length > maxCharacters ? text.slice(0, maxCharacters) : text
  const safe = cut.replace(/[a-z]{32,}/g, shortened)
  return cut === text ? safe : `${safe.replace(/[a-z]{7,31}$/, shortened)}…`
}

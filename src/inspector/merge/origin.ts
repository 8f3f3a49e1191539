import type { ReadingRecord, TraceRecord } from '../trace/records.ts'

/** The same record, said to be of the program `origin`: its actors get names that no other program's have. */
export function withOrigin(record: TraceRecord, origin: string): TraceRecord {
  const name = (actor: string) => `${origin}/${actor}`
  // What is of several programs already stays of several.
  const of = { origin: record.origin === undefined ? origin : `${origin}/${record.origin}` }
  switch (record.type) {
    case '@xstate.actor':
      return { ...record, ...of, actor: name(record.actor), parent: record.parent && name(record.parent) }
    case '@xstate.snapshot':
      return {
        ...{ ...record, ...of, actor: name(record.actor) },
        ...(record.source !== undefined && { source: name(record.source) }),
      }
    case 'reading': {
      const actors = Object.entries(record.actors).map(([actor, figures]) => [name(actor), figures])
      return { ...record, ...of, actors: Object.fromEntries(actors) as ReadingRecord['actors'] }
    }
    default:
      return { ...record, ...of }
  }
}

/** A record, if it has what a reader counts on; what comes from another program may be anything. */
export function checkedRecord(value: unknown): TraceRecord | undefined {
  if (!isObject(value)) return undefined
  const { type, at, origin, actor, event } = value
  if (origin !== undefined && typeof origin !== 'string') return undefined
  const isTimed = typeof at === 'number' && Number.isFinite(at)
  const isSound =
    (type === 'trace' && isTimed && typeof value.program === 'string') ||
    (type === 'definition' && typeof value.chart === 'string' && isObject(value.definition)) ||
    (type === '@xstate.actor' && isTimed && typeof actor === 'string' && typeof value.chart === 'string') ||
    (type === '@xstate.snapshot' && isTimed && typeof actor === 'string' && isObject(event) && hasType(event)) ||
    (type === 'reading' && isTimed && isObject(value.totals) && isObject(value.actors)) ||
    (type === 'skipped' && isTimed && typeof value.batches === 'number')
  return isSound ? (value as unknown as TraceRecord) : undefined
}

function hasType({ type }: Readonly<Record<string, unknown>>): boolean {
  return typeof type === 'string'
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

import type { TestContext } from 'node:test'
import type { TraceRecord } from '../../src/inspector/trace/records.ts'

/** What an inspector's live view has told so far. */
export interface LiveEvents {
  readonly records: readonly TraceRecord[]
  /** Fulfilled once this holds of them. */
  until(holds: (records: readonly TraceRecord[]) => boolean): Promise<readonly TraceRecord[]>
}

/** Follows an inspector's live view until the test ends. */
export async function liveEvents(
  t: Pick<TestContext, 'after'>,
  address: string,
  headers: Record<string, string> = {},
): Promise<LiveEvents> {
  const ending = new AbortController()
  t.after(() => ending.abort())
  const response = await fetch(new URL('/inspector/live', address), { headers, signal: ending.signal })
  const records: TraceRecord[] = []
  const watchers = new Set<() => void>()
  const read = async () => {
    let rest = ''
    for await (const part of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      const events = (rest + part).split('\n\n')
      rest = events.pop() ?? ''
      for (const event of events) if (event.startsWith('data: ')) records.push(...JSON.parse(event.slice(6)))
      for (const watch of [...watchers]) watch()
    }
  }
  read().catch(() => {})
  return {
    records,
    until: holds =>
      new Promise(resolve => {
        const watch = () => {
          if (!holds(records)) return
          watchers.delete(watch)
          resolve(records)
        }
        watchers.add(watch)
        watch()
      }),
  }
}

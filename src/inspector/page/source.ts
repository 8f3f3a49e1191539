import type { SourcesRecord, TraceRecord } from '../trace/records.ts'
import { begin, connection, take } from './inspection.ts'
import { held } from './saved.ts'

/** How long it waits until it asks a server again that answered with something else. */
const retryPauseMs = 2000

/** Connects to whatever serves this page: a program, several, or a trace. */
export async function connect(): Promise<void> {
  try {
    const saved = held('trace')
    if (saved !== undefined) return readSaved(saved)
    const { source } = (await (await fetch('/inspector/source')).json()) as { source: 'live' | 'trace' }
    begin(source)
    if (source === 'live') follow()
    else await readTrace()
  } catch (error) {
    connection.value = { state: 'failed', because: (error as Error).message }
  }
}

/** Follows what happens. The browser connects again by itself when the other side was away. */
function follow(): void {
  const events = new EventSource('/inspector/live')
  events.onopen = () => {
    connection.value = { state: 'live' }
  }
  events.onerror = () => {
    connection.value = { state: 'broken' }
    // After an answer that is no event stream the browser gives up.
    if (events.readyState === EventSource.CLOSED) setTimeout(follow, retryPauseMs)
  }
  events.onmessage = ({ data }: MessageEvent<string>) => {
    try {
      take(JSON.parse(data) as (TraceRecord | SourcesRecord)[])
    } catch (error) {
      events.close()
      connection.value = { state: 'failed', because: (error as Error).message }
    }
  }
}

/** Reads a whole trace, some thousand lines at a time, so that the page shows how far it is. */
async function readTrace(): Promise<void> {
  connection.value = { state: 'loading' }
  const { body } = await fetch('/inspector/trace')
  if (body === null) throw new Error('the trace is empty')
  const reader = body.pipeThrough(new TextDecoderStream()).getReader()
  let rest = ''
  for (;;) {
    const { done, value = '' } = await reader.read()
    const lines = (rest + value).split('\n')
    rest = done ? '' : (lines.pop() ?? '')
    take(lines.filter(line => line !== '').flatMap(recordOn))
    if (done) break
  }
  connection.value = { state: 'trace' }
}

/** Reads the trace that this page was saved with. */
function readSaved(text: string): void {
  begin('trace')
  take(text.split('\n').flatMap(recordOn))
  connection.value = { state: 'trace' }
}

/** The last line of a trace may be cut off, if its writer was killed. */
function recordOn(line: string): TraceRecord[] {
  try {
    return [JSON.parse(line) as TraceRecord]
  } catch {
    return []
  }
}

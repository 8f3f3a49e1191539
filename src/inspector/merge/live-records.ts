import { Readable } from 'node:stream'
import type { TraceRecord } from '../trace/records.ts'
import { checkedRecord, withOrigin } from './origin.ts'
import type { LiveSource } from './source.ts'

/** Characters that one batch may have. What a program has to tell at once is far less. */
const maxBatchCharacters = 16 * 1024 * 1024

/**
 * Follows the live view of a program: first what there is, then what happens, in batches. It reads no faster than it is
 * asked; the program then skips forward. Ends when the program does.
 *
 * @throws {Error} in words, if there is no live view
 */
export async function* liveRecords(
  { url, token, origin }: LiveSource,
  signal: AbortSignal,
): AsyncGenerator<readonly TraceRecord[], void, undefined> {
  const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` }
  const response = await fetch(new URL('/inspector/live', url), { headers, signal, redirect: 'error' }).catch(reachable)
  const type = response.headers.get('content-type') ?? ''
  if (response.status !== 200 || response.body === null || !type.startsWith('text/event-stream')) {
    await response.body?.cancel()
    if (response.status === 401) throw new Error('its token is missing or wrong')
    throw new Error(`it answers with ${response.status} instead of a live view`)
  }
  // fetch may forget its signal once it has answered (https://github.com/nodejs/undici/issues/4627): the body heeds it
  const body = Readable.fromWeb(response.body, { signal })
  for await (const batch of eventsOf(body)) {
    const records = batch.flatMap(value => checkedRecord(value) ?? [])
    yield origin === undefined ? records : records.map(record => withOrigin(record, origin))
  }
}

/** Says why nobody was reached. */
function reachable(error: unknown): never {
  const cause = error instanceof Error ? error.cause : undefined
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
  if (code === 'ECONNREFUSED') throw new Error('nothing listens there')
  throw new Error(cause instanceof Error ? cause.message : `${error}`)
}

/** The events of an event stream (https://html.spec.whatwg.org/multipage/server-sent-events.html), each a JSON list. */
async function* eventsOf(body: AsyncIterable<Uint8Array>): AsyncGenerator<readonly unknown[]> {
  const decoder = new TextDecoder()
  let parts: string[] = []
  let characters = 0
  for await (const bytes of body) {
    const text = decoder.decode(bytes, { stream: true })
    // The end of a line may be where one chunk ends and the next begins: lines are looked for, not pairs of them.
    const lines = text.split('\n')
    for (const [place, line] of lines.entries()) {
      characters += line.length
      if (characters > maxBatchCharacters) throw new Error('it tells more at once than can be taken')
      parts.push(line)
      if (place === lines.length - 1) continue
      const whole = parts.join('')
      parts = []
      characters = 0
      if (whole.startsWith('data: ')) yield listIn(whole.slice('data: '.length))
    }
  }
}

function listIn(text: string): readonly unknown[] {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new Error('it tells what is no JSON')
  }
  return Array.isArray(value) ? value : []
}

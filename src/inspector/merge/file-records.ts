import type { TraceRecord } from '../trace/records.ts'
import { linesOf, traceParts } from '../trace/trace-file.ts'
import { checkedRecord, withOrigin } from './origin.ts'
import type { FileSource } from './source.ts'
import { SourceClock } from './time-order.ts'

/** The next record of a file, and when it comes in the order of all. */
interface Next {
  readonly record: TraceRecord
  readonly time: number
  readonly rest: AsyncGenerator<Omit<Next, 'rest'>>
}

/** The records of trace files, all in the order in which it happened. @throws if one can't be read */
export async function* fileRecords(files: readonly FileSource[]): AsyncGenerator<TraceRecord> {
  const next: Next[] = []
  for (const file of files) await advance(timed(file), next)
  for (let first = earliest(next); first !== undefined; first = earliest(next)) {
    yield first.record
    next.splice(next.indexOf(first), 1)
    await advance(first.rest, next)
  }
}

/** Reads one more record of a file. It takes the place that its file has among those that are as old. */
async function advance(rest: AsyncGenerator<Omit<Next, 'rest'>>, next: Next[]): Promise<void> {
  const { done, value } = await rest.next()
  if (!done) next.push({ ...value, rest })
}

function earliest(next: readonly Next[]): Next | undefined {
  return next.reduce<Next | undefined>(
    (first, each) => (first === undefined || each.time < first.time ? each : first),
    undefined,
  )
}

async function* timed({ path, origin }: FileSource): AsyncGenerator<Omit<Next, 'rest'>> {
  const clock = new SourceClock()
  for await (const line of linesOf(traceParts(path))) {
    const record = recordOn(line)
    if (record === undefined) continue
    yield { record: origin === undefined ? record : withOrigin(record, origin), time: clock.timeOf(record) }
  }
}

/** The last line of a trace may be cut off, if its writer was killed. */
function recordOn(line: string): TraceRecord | undefined {
  try {
    return checkedRecord(JSON.parse(line))
  } catch {
    return undefined
  }
}

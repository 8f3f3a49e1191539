import { parentPort } from 'node:worker_threads'
import type { SnapshotCriteria } from '../../delivery/message-store.ts'
import { yieldToOthers } from '../../threads/yield-to-others.ts'
import { Segment, UnreadableSegmentError } from '../log/segment.ts'
import { codeOf } from '../reason.ts'
import { select } from './select.ts'
import { buffersOf, type Selected } from './selection.ts'

/** What the thread that selects is asked. */
export interface SelectionTask {
  /** The files that may have what belongs to the snapshot, in order. */
  readonly files: readonly { readonly path: string; readonly first: number }[]
  readonly criteria: SnapshotCriteria
  readonly maxAtOnce: number
  readonly unvisitedMs: number
}

/** What it is told; `cancel`: nobody wants the answer any more, it is to come at once, whatever it is. */
export type SelectionMessage = SelectionTask | 'cancel'

/** What it answers. */
export type SelectionAnswer = { readonly selected: Selected } | { readonly error: unknown }

/** Selects from files as they are now. One that retention has deleted meanwhile, or that can't be read any more, has nothing. */
async function answer({ files, criteria, ...search }: SelectionTask, signal: AbortSignal): Promise<SelectionAnswer> {
  const segments: Segment[] = []
  try {
    for (const { path, first } of files) {
      const segment = await Segment.open(path, first, 'r').catch(error => {
        if (codeOf(error) !== 'ENOENT' && !(error instanceof UnreadableSegmentError)) throw error
      })
      if (segment) segments.push(segment)
    }
    return { selected: await select(segments, criteria, { ...search, signal }) }
  } catch (error) {
    return { error }
  } finally {
    for (const segment of segments) await segment.retire()
  }
}

yieldToOthers()
let selecting = new AbortController()
parentPort?.on('message', async (task: SelectionMessage) => {
  if (task === 'cancel') {
    // The reason goes to the other thread, too.
    selecting.abort(new Error('cancelled'))
    return
  }
  selecting = new AbortController()
  const answered = await answer(task, selecting.signal)
  parentPort?.postMessage(answered, 'selected' in answered ? buffersOf(answered.selected) : [])
})

import { parentPort, workerData } from 'node:worker_threads'
import { decodeFrame } from '../protocol/frames.ts'
import { decodeRequest, type RequestLimit, type RequestLimits } from '../protocol/management.ts'
import { yieldToOthers } from '../threads/yield-to-others.ts'
import { type Crossing, crossing, memoryOf } from './crossing.ts'

/** What the thread that checks is asked: what a frame on `sub` is, or a request. */
export interface CheckingTask {
  readonly kind: 'frame' | 'request'
  readonly bytes: Uint8Array
}

const limits = workerData as RequestLimits

function answer({ kind, bytes }: CheckingTask): Crossing {
  const parts = [Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)]
  const reached: RequestLimit[] = []
  let upgraded = 0
  const rules = { ...limits, reached: (limit: RequestLimit) => reached.push(limit), upgraded: () => void upgraded++ }
  const decoded = kind === 'frame' ? decodeFrame(parts, rules) : decodeRequest(parts, rules)
  return crossing(decoded, { reached, upgraded })
}

// What is small, and live, has the right of way.
yieldToOthers()

parentPort?.on('message', (task: CheckingTask) => {
  const answered = answer(task)
  parentPort?.postMessage(answered, memoryOf(answered))
})

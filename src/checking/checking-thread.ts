import { Worker } from 'node:worker_threads'
import type { RequestLimits } from '../protocol/management.ts'
import { BackgroundThread } from '../threads/background-thread.ts'
import type { CheckingTask } from './checking-worker.ts'
import type { Crossing } from './crossing.ts'

// By the package, not by this file: in the bundled programs it is elsewhere.
const script = new URL(import.meta.resolve('#checking-worker'))

const mebibyte = 1_048_576

/**
 * What the thread's heap may have: so many MiB, and so many times the longest message. What messages are bounded by needs less
 * than a third of it, whatever they are made of. It is not there to be reached: V8 may end the process then, and not the thread.
 */
const spareHeapMiB = 128
const heapPerByte = 8

/** How a thread checks, and what. */
export interface CheckingSettings {
  readonly limits: RequestLimits
  /** Longest message in bytes. */
  readonly maxMessageBytes: number
}

/** A thread that decodes and checks. */
export function checkingThread(settings: CheckingSettings): BackgroundThread<CheckingTask, Crossing> {
  const { limits, maxMessageBytes } = settings
  const maxOldGenerationSizeMb = spareHeapMiB + Math.ceil((heapPerByte * maxMessageBytes) / mebibyte)
  const options = { workerData: limits, resourceLimits: { maxOldGenerationSizeMb } }
  return new BackgroundThread(() => new Worker(script, options), 'checks messages')
}

/** What can be handed over to the thread of a task: the memory of its bytes, if they have all of it. */
export function memoryOfTask({ bytes: { buffer, byteLength } }: CheckingTask): ArrayBuffer[] {
  return buffer.byteLength === byteLength ? [buffer as ArrayBuffer] : []
}

import fc from 'fast-check'
import { compare } from './compare.ts'
import { listed } from './listed.ts'
import { scripts } from './script-arbitraries.ts'

/** How many sequences are drawn, and in what. */
export interface SequencesOptions {
  readonly sequences: number
  /** Of a run that is to be repeated. */
  readonly seed?: number
  /** So long sequences are tried, and a failing one is made shorter, in milliseconds. */
  readonly limitMs?: number
}

/**
 * Draws so many scripts and compares what the broker's endpoints and libzmq's sockets do. Answers how often each listed
 * difference explained that they did not do the same. Throws if one was not explained, with the shortest script that was
 * found, or if the time was not enough.
 */
export async function compareSequences(options: SequencesOptions): Promise<Record<string, number>> {
  const { sequences, seed, limitMs } = options
  const occurred = new Map(listed.map(({ what }) => [what, 0]))
  const sequence = fc.asyncProperty(scripts, async script => {
    for (const { what } of await compare(script)) occurred.set(what, (occurred.get(what) ?? 0) + 1)
  })
  const found = await fc.check(sequence, {
    numRuns: sequences,
    ...(seed === undefined ? {} : { seed }),
    ...(limitMs === undefined ? {} : { interruptAfterTimeLimit: limitMs, markInterruptAsFailure: true }),
  })
  if (found.failed) {
    const why = found.errorInstance instanceof Error ? found.errorInstance.message : 'the time was not enough'
    throw new Error(`seed ${found.seed}, after ${found.numRuns} sequences: ${why}`)
  }
  return Object.fromEntries(occurred)
}

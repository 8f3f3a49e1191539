import { availableParallelism, cpus, loadavg, totalmem } from 'node:os'
import type { Table } from '../tables/table.ts'

/** When and where something was measured. */
export interface Circumstances {
  readonly date: string
  readonly node: string
  readonly processors: number
  readonly processor: string
  readonly memoryGiB: number
  /** Of the minute before it began: the benchmark keeps two processors busy by itself. */
  readonly loadAverage: number
}

/** Everything measured in one run. */
export interface Measured extends Circumstances {
  readonly tables: readonly Table[]
}

/** The circumstances at this moment. */
export function circumstances(): Circumstances {
  return {
    date: new Date().toISOString(),
    node: process.version,
    processors: processors(),
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    loadAverage: loadavg()[0] ?? 0,
  }
}

/** How many processors there are to use. */
export function processors(): number {
  return availableParallelism()
}

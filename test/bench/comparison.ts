import type { Measurement } from './load.ts'
import type { Account } from './receiver-threads.ts'
import { median } from './statistics.ts'

/** The two that are compared. */
export interface Both<Value> {
  readonly floor: Value
  readonly broker: Value
}

/** What came of one kind of load on both. */
export interface Comparison {
  readonly subscribers: number
  readonly bytes: number
  /** One of each directly after the other. */
  readonly measurements: readonly Both<Measurement>[]
  /** What became of the messages. */
  readonly accounts: Both<Account>
}

/** Medians. The ratio is broker/floor, of measurements that had the same share of a machine that others use as well. */
export interface Compared extends Both<number> {
  readonly ratio: number
}

/** What is measured by a number. */
export type Figure = keyof Measurement

/** Compares one figure, unless it could not be measured. */
export function compare(measurements: readonly Both<Measurement>[], figure: Figure): Compared | undefined {
  const values: Compared[] = []
  for (const { floor, broker } of measurements) {
    const [of, against] = [broker[figure], floor[figure]]
    if (of === undefined || against === undefined) return undefined
    values.push({ floor: against, broker: of, ratio: of / against })
  }
  return {
    floor: median(values.map(value => value.floor)),
    broker: median(values.map(value => value.broker)),
    ratio: median(values.map(value => value.ratio)),
  }
}

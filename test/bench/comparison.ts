import { median } from './statistics.ts'

/** The two that are compared. */
export interface Both<Value> {
  readonly floor: Value
  readonly broker: Value
}

/** Medians. The ratio is broker/floor, of measurements that had the same share of a machine that others use as well. */
export interface Compared extends Both<number> {
  readonly ratio: number
}

/** Figures by name, of which some may not be measurable. */
type Figures<Figure extends string> = Readonly<Record<Figure, number | undefined>>

/** Compares one figure, unless it could not be measured. */
export function compare<Figure extends string>(
  measurements: readonly Both<Figures<Figure>>[],
  figure: Figure,
): Compared | undefined {
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

/**
 * Measures both in turn, so that what else the machine does meets both alike. Each goes first as often as the other.
 * @param runs how often
 */
export async function measureInTurn<Value>(runs: number, measure: Both<() => Promise<Value>>): Promise<Both<Value>[]> {
  const measurements: Both<Value>[] = []
  while (measurements.length < runs) {
    if (measurements.length % 2 === 0) {
      const floor = await measure.floor()
      measurements.push({ floor, broker: await measure.broker() })
    } else {
      const broker = await measure.broker()
      measurements.push({ floor: await measure.floor(), broker })
    }
  }
  return measurements
}

/** The same of both. */
export async function forBoth<From, To>(both: Both<From>, make: (from: From) => Promise<To>): Promise<Both<To>> {
  const floor = await make(both.floor)
  return { floor, broker: await make(both.broker) }
}

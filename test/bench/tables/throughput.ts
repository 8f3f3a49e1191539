import { compare } from '../comparison.ts'
import { measureBoth } from './loads.ts'
import { type Plan, withBoth } from './plan.ts'
import { comparedCells, comparedColumns, type MeasuredTable } from './table.ts'

/** Deliveries, and what each costs the broker, as fast as it can. */
export function throughput(plan: Plan): MeasuredTable {
  return {
    name: 'throughput',
    title: 'Throughput, as fast as the broker can, at most 500 messages on their way to the slowest subscriber',
    columns: [
      { key: 'subscribers', title: 'subscribers', decimals: 0 },
      { key: 'bytes', title: 'bytes', decimals: 0 },
      ...comparedColumns('deliveries', 'deliveries/s', 0, plan.sides),
      ...comparedColumns('cpu', 'CPU µs a delivery', 1, plan.sides),
    ],
    rows: () =>
      withBoth(plan, async function* (both) {
        for (const bytes of plan.sizes) {
          for (const subscribers of plan.subscribers) {
            const measurements = await measureBoth(plan, both, { subscribers, bytes })
            yield {
              subscribers,
              bytes,
              ...comparedCells('deliveries', compare(measurements, 'deliveriesPerSecond')),
              ...comparedCells('cpu', compare(measurements, 'cpuPerDelivery')),
            }
          }
        }
      }),
  }
}

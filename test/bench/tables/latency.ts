import { compare } from '../comparison.ts'
import { measureBoth } from './loads.ts'
import { type Plan, withBoth } from './plan.ts'
import { comparedCells, comparedColumns, type MeasuredTable } from './table.ts'

const subscribers = 10
const bytes = 500

/** From the time at which a message was due to its receipt, while messages come by the clock. */
export function latency(plan: Plan): MeasuredTable {
  const { rate } = plan
  return {
    name: 'latency',
    title: `Latency in ms, by the clock, of ${bytes}-byte messages to ${subscribers} subscribers`,
    columns: [
      { key: 'rate', title: 'messages/s', decimals: 0 },
      ...comparedColumns('p50', 'p50', 2, plan.sides),
      ...comparedColumns('p99', 'p99', 2, plan.sides),
      ...comparedColumns('cpu', 'CPU µs a delivery', 1, plan.sides),
    ],
    rows: () =>
      withBoth(plan, async function* (both) {
        const measurements = await measureBoth(plan, both, { subscribers, bytes, rate })
        yield {
          rate,
          ...comparedCells('p50', compare(measurements, 'latencyP50')),
          ...comparedCells('p99', compare(measurements, 'latencyP99')),
          ...comparedCells('cpu', compare(measurements, 'cpuPerDelivery')),
        }
      }),
  }
}

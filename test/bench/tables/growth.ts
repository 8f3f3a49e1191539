import { compare, forBoth, measureInTurn } from '../comparison.ts'
import { Load } from '../load.ts'
import { endLoad } from './loads.ts'
import { type Plan, withBoth } from './plan.ts'
import { comparedCells, comparedColumns, type MeasuredTable } from './table.ts'

const counts = [10, 50, 100, 500, 1_000, 2_000, 5_000]
const bytes = 500
const runs = 5
/** Messages on their way at most: the same for all, or it would be their number that is measured. */
const window = 100
/** Deliveries of one measurement, so that it takes a second or so. */
const deliveries = 300_000

/** How the cost of a delivery grows with the number of subscribers. */
export function growth(plan: Plan): MeasuredTable {
  const { broker } = plan.sides
  return {
    name: 'growth',
    title: `Growth with subscribers, ${bytes} bytes, at most ${window} messages on their way to the slowest subscriber`,
    columns: [
      { key: 'subscribers', title: 'subscribers', decimals: 0 },
      ...comparedColumns('cpu', 'CPU µs a delivery', 1, plan.sides),
      { key: 'growth', title: `${broker.name}, to the first row`, decimals: 2 },
      ...comparedColumns('deliveries', 'deliveries/s', 0, plan.sides),
    ],
    rows: () =>
      withBoth(plan, async function* (both) {
        let first: number | undefined
        for (const subscribers of counts.filter(count => count <= plan.manySubscribers)) {
          const options = { subscribers, bytes, window }
          const messages = Math.max(window, Math.ceil(deliveries / subscribers))
          const loads = await forBoth(both, contestant => Load.start(contestant, options))
          await forBoth(loads, load => load.deliver(messages))
          const measurements = await measureInTurn(runs, {
            floor: () => loads.floor.deliver(messages),
            broker: () => loads.broker.deliver(messages),
          })
          await endLoad(plan, both.floor, loads.floor, options)
          await endLoad(plan, both.broker, loads.broker, options)
          const cpu = compare(measurements, 'cpuPerDelivery')
          first ??= cpu?.broker
          yield {
            subscribers,
            ...comparedCells('cpu', cpu),
            growth: cpu && first && cpu.broker / first,
            ...comparedCells('deliveries', compare(measurements, 'deliveriesPerSecond')),
          }
        }
      }),
  }
}

import { type Both, compare, forBoth, measureInTurn } from '../comparison.ts'
import { type Flow, Load } from '../load.ts'
import { endLoad } from './loads.ts'
import { type Plan, startBoth, stopBoth } from './plan.ts'
import { comparedCells, comparedColumns, type MeasuredTable } from './table.ts'

const counts = [10, 50, 100, 500, 1_000, 2_000, 5_000]
const bytes = 500
/** More than elsewhere: with thousands of subscribers, one measurement can be five times as dear as the next. */
const runs = 9
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
    async *rows() {
      let first: number | undefined
      for (const subscribers of counts.filter(count => count <= plan.manySubscribers)) {
        const measurements = await deliverBoth(plan, subscribers)
        const cpu = compare(measurements, 'cpuPerDelivery')
        first ??= cpu?.broker
        yield {
          subscribers,
          ...comparedCells('cpu', cpu),
          growth: cpu && first && cpu.broker / first,
          ...comparedCells('deliveries', compare(measurements, 'deliveriesPerSecond')),
        }
      }
    },
  }
}

/** On brokers that had no subscribers before: those that leave are work, too. */
async function deliverBoth(plan: Plan, subscribers: number): Promise<Both<Flow>[]> {
  const options = { subscribers, bytes, window }
  const messages = Math.max(window, Math.ceil(deliveries / subscribers))
  const both = await startBoth(plan)
  const loads = await forBoth(both, contestant => Load.start(contestant, options))
  await forBoth(loads, load => load.deliver(messages))
  const measurements = await measureInTurn(runs, {
    floor: () => loads.floor.deliver(messages),
    broker: () => loads.broker.deliver(messages),
  })
  await endLoad(plan, both.floor, loads.floor, options)
  await endLoad(plan, both.broker, loads.broker, options)
  await stopBoth(both)
  return measurements
}

import { type Both, forBoth } from '../comparison.ts'
import { type Scale, scaleCounts, scaleOf } from './many-subscribers.ts'
import type { Plan } from './plan.ts'
import { comparedCells, comparedColumns, type MeasuredTable, type Row } from './table.ts'

/** What thousands of subscribers cost. The floor and the broker are measured one after the other, each alone. */
export function scale(plan: Plan): MeasuredTable {
  const subscribers = plan.manySubscribers
  return {
    name: 'scale',
    title: `${subscribers.toLocaleString('en')} subscribers`,
    columns: [{ key: 'figure', title: 'figure', width: 55 }, ...comparedColumns('value', '', 2, plan.sides)],
    async *rows() {
      const scales = await forBoth(plan.sides, side => scaleOf(plan, side))
      for (const count of scaleCounts(subscribers)) {
        const at = `at ${count.toLocaleString('en')} subscribers`
        yield row(`subscribe, p50 in ms, ${at}`, scales, ({ subscribeP50 }) => subscribeP50.get(count))
        yield row(`subscribe, p99 in ms, ${at}`, scales, ({ subscribeP99 }) => subscribeP99.get(count))
      }
      yield row('memory of an idle subscriber, in KiB', scales, ({ memory }) => memory)
      yield row('one message to all, in ms', scales, ({ fanOut }) => fanOut)
      yield row('heartbeat when idle, p99 in ms', scales, ({ idleP99 }) => idleP99)
      yield row('heartbeat sent while one message goes to all, p99 in ms', scales, ({ busyP99 }) => busyP99)
    },
  }
}

function row(figure: string, { floor, broker }: Both<Scale>, value: (scale: Scale) => number | undefined): Row {
  const [of, against] = [value(broker), value(floor)]
  const known = of !== undefined && against !== undefined
  return { figure, ...comparedCells('value', known ? { floor: against, broker: of, ratio: of / against } : undefined) }
}

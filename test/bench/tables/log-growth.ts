import { type Flow, Load } from '../load.ts'
import { median } from '../statistics.ts'
import { endLoad } from './loads.ts'
import type { Plan } from './plan.ts'
import type { MeasuredTable } from './table.ts'

const options = { subscribers: 10, bytes: 500 }
/** Where it begins: fewer messages would measure code that is not compiled yet. */
const smallest = 10_000
const runs = 5
/** Messages of one measurement: they make the log longer, too. */
const messages = 10_000
/** So that nothing is deleted meanwhile. */
const settings = { history: { max_bytes: 2 ** 40 } }

/** How the cost of a delivery grows with the number of messages in the log. */
export function logGrowth(plan: Plan): MeasuredTable {
  const { broker } = plan.sides
  return {
    name: 'log',
    title: `Growth with the log, ${options.bytes} bytes, ${options.subscribers} subscribers, ${broker.name} alone`,
    columns: [
      { key: 'logged', title: 'logged messages', decimals: 0 },
      { key: 'cpu', title: 'CPU µs a delivery', decimals: 1 },
      { key: 'growth', title: 'to the first row', decimals: 2 },
      { key: 'deliveries', title: 'deliveries/s', decimals: 0 },
    ],
    async *rows() {
      if (!broker.startable) return
      let first: number | undefined
      const contestant = await broker.start(settings)
      const load = await Load.start(contestant, options)
      await load.deliver(messages)
      let logged = messages
      for (let goal = smallest; goal <= plan.loggedMessages; goal *= 10) {
        await load.publish(Math.max(0, goal - logged))
        logged = Math.max(goal, logged)
        const before = logged
        const flows: Flow[] = []
        while (flows.length < runs) flows.push(await load.deliver(messages))
        logged += runs * messages
        const cpus = flows.flatMap(({ cpuPerDelivery }) => cpuPerDelivery ?? [])
        const cpu = cpus.length === 0 ? undefined : median(cpus)
        first ??= cpu
        const deliveries = median(flows.map(({ deliveriesPerSecond }) => deliveriesPerSecond))
        yield { logged: before, cpu, growth: cpu && first && cpu / first, deliveries }
      }
      await endLoad(plan, contestant, load, options)
      await contestant.stop()
    },
  }
}

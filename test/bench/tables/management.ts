import { compare, forBoth, measureInTurn } from '../comparison.ts'
import { indicatorTopic } from '../indicators.ts'
import { Requester } from '../requester.ts'
import { now } from '../shared-state.ts'
import { type Plan, warmUpSeconds, withBoth } from './plan.ts'
import { comparedCells, comparedColumns, type MeasuredTable } from './table.ts'

/** Numbers of clients that ask at the same time. */
const clientCounts = [1, 10]

/** Requests that `manage` answers: subscribe, heartbeat and unsubscribe in turn, each client one after the other. */
export function management(plan: Plan): MeasuredTable {
  return {
    name: 'management',
    title: 'Management: subscribe, heartbeat and unsubscribe in turn',
    columns: [
      { key: 'clients', title: 'clients', decimals: 0 },
      ...comparedColumns('requests', 'requests/s', 0, plan.sides),
    ],
    rows: () =>
      withBoth(plan, async function* (both) {
        for (const count of clientCounts) {
          const clients = await forBoth(both, ({ manage }) =>
            Promise.all(Array.from({ length: count }, () => Requester.connect(manage))),
          )
          await forBoth(clients, askFor(warmUpSeconds))
          const ask = askFor(plan.seconds)
          const measurements = await measureInTurn(plan.runs, {
            floor: () => ask(clients.floor),
            broker: () => ask(clients.broker),
          })
          for (const client of [...clients.floor, ...clients.broker]) client.close()
          yield { clients: count, ...comparedCells('requests', compare(measurements, 'requestsPerSecond')) }
        }
      }),
  }
}

function askFor(seconds: number) {
  return async (clients: readonly Requester[]): Promise<{ requestsPerSecond: number }> => {
    const start = now()
    const counts = await Promise.all(clients.map(client => askUntil(client, start + seconds * 1_000)))
    const requests = counts.reduce((sum, count) => sum + count)
    return { requestsPerSecond: (requests / (now() - start)) * 1_000 }
  }
}

/** How many requests were answered. */
async function askUntil(client: Requester, end: number): Promise<number> {
  let requests = 0
  while (now() < end) {
    const { topic } = await client.ask({ action: 'subscribe', topic: indicatorTopic })
    await client.ask({ action: 'heartbeat', topic })
    await client.ask({ action: 'unsubscribe', topic })
    requests += 3
  }
  return requests
}

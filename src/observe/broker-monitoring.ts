import type { Monitored } from './http/monitoring.ts'
import type { Rates } from './rates.ts'
import { reasonsAgainst } from './readiness.ts'
import { type Observed, read, readReadiness } from './readings.ts'
import { statusOf } from './status.ts'

/** A broker as monitoring sees it. */
export function monitoredBroker(observed: Observed, rates: Rates, version: string): Monitored {
  return {
    reasonsAgainst: () => reasonsAgainst(readReadiness(observed)),
    status: () => statusOf(observed, rates, version),
    openMetrics: async () => {
      const [{ Metrics }, { brokerMetrics }] = await Promise.all([import('./metrics.ts'), import('./metrics-table.ts')])
      return new Metrics(brokerMetrics, () => read(observed), { prefix: 'threatbus', version })
    },
  }
}

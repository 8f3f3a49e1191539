import type { Monitored } from '../observe/http/monitoring.ts'
import { processStatus, withoutZeros } from '../observe/process-status.ts'
import { packageVersion } from '../observe/version.ts'
import type { ConnectorConfig } from './config.ts'
import { type ObservedConnector, type Reading, read, readReadiness, reasonsAgainst } from './readings.ts'

/** A connector as monitoring sees it. `dropped` says how many connections were closed because there were too many. */
export function monitoredConnector(
  config: ConnectorConfig,
  observed: ObservedConnector,
  dropped: () => number,
): Monitored {
  const version = packageVersion()
  return {
    reasonsAgainst: () => reasonsAgainst(readReadiness(observed)),
    status: () => statusOf(config, read(observed, dropped()), version),
    openMetrics: async () => {
      const [{ Metrics }, { connectorMetrics, metricsPrefix }] = await Promise.all([
        import('../observe/metrics.ts'),
        import('./metrics-table.ts'),
      ])
      return new Metrics(connectorMetrics, () => read(observed, dropped()), { prefix: metricsPrefix, version })
    },
  }
}

/** What `/status` says: names and numbers, and nothing of what is looked for. */
function statusOf(config: ConnectorConfig, reading: Reading, version: string) {
  const { bus, vast, matcher, total, queries, sightings } = reading
  const reasons = reasonsAgainst(reading)
  return {
    ...processStatus(version),
    state: reading.state,
    ready: reasons.length === 0,
    reasons,
    bus: { endpoint: config.threatbus, state: bus },
    vast: { endpoint: config.vast, state: vast },
    live_matcher:
      matcher === 'off' ? null : { name: config.matcher_name ?? '', state: matcher, iocs: reading.liveIocs },
    indicators: { taken: total.indicators, removed: total.removals, waiting: reading.backlog },
    queries: { made: queries.cumulative.at(-1) ?? 0, seconds: queries.seconds, calls: reading.calls },
    matches: { retro: total.retro_matches, live: total.live_matches },
    sightings: { reported: total.sightings, waiting: sightings.waiting, waiting_bytes: sightings.waitingBytes },
    losses: withoutZeros(reading.losses),
    limits_reached: withoutZeros(reading.limits),
  }
}

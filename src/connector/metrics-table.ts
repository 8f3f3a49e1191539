import { labelled, type MetricsTable, one } from '../observe/metric.ts'
import type { Reading } from './readings.ts'

/** What names of the connector's metrics begin with. */
export const metricsPrefix = 'vast_threatbus'

/** The metrics of the connector. Counters begin at 0 with the process. */
export const connectorMetrics: MetricsTable<Reading> = [
  {
    kind: 'gauge',
    name: 'vast_threatbus_running',
    help: '1 while the connector takes indicators; 0 while it stops.',
    values: ({ state }) => one(Number(state === 'running')),
  },
  {
    kind: 'gauge',
    name: 'vast_threatbus_bus_subscribed',
    help: '1 while the bus has granted the subscription and answers.',
    values: ({ bus }) => one(Number(bus === 'subscribed')),
  },
  {
    kind: 'gauge',
    name: 'vast_threatbus_vast_there',
    help: '1 while VAST answers; also while a call has failed and it is being asked whether it is there.',
    values: ({ vast }) => one(Number(vast === 'there' || vast === 'suspected')),
  },
  {
    kind: 'gauge',
    name: 'vast_threatbus_live_matcher_attached',
    help: "1 while the live matcher's process is attached. Absent without live_match.",
    values: ({ matcher }) => (matcher === 'off' ? [] : one(Number(matcher === 'attached'))),
  },
  {
    kind: 'counter',
    name: 'vast_threatbus_indicators_total',
    help: 'Indicators that were taken to be matched.',
    values: ({ total }) => one(total.indicators),
  },
  {
    kind: 'counter',
    name: 'vast_threatbus_removals_total',
    help: 'Indicators that the bus said are not wanted any more.',
    values: ({ total }) => one(total.removals),
  },
  {
    kind: 'gauge',
    name: 'vast_threatbus_retro_match_backlog',
    help: 'Indicators that wait for their query, or are being matched.',
    values: ({ backlog }) => one(backlog),
  },
  {
    kind: 'durations',
    name: 'vast_threatbus_query_duration_seconds',
    help: 'How long queries took that came to their end, or were ended at their deadline; their number is its _count.',
    durations: ({ queries }) => queries,
  },
  {
    kind: 'counter',
    name: 'vast_threatbus_matches_total',
    help: 'Events that match: stored ones (retro), and those that came in (live).',
    labels: ['type'],
    values: ({ total }) => labelled('type', { retro: total.retro_matches, live: total.live_matches }),
  },
  {
    kind: 'counter',
    name: 'vast_threatbus_sightings_total',
    help: 'Sightings that the bus took (if it gives no receipts, that were sent to it), or contexts that the sink took.',
    values: ({ total }) => one(total.sightings),
  },
  {
    kind: 'counter',
    name: 'vast_threatbus_losses_total',
    help: 'What was not matched or not reported, or not whole, by reason.',
    labels: ['reason'],
    values: ({ losses }) => labelled('reason', losses),
  },
  {
    kind: 'gauge',
    name: 'vast_threatbus_waiting_sightings',
    help: 'Sightings that wait for the bus.',
    values: ({ sightings }) => one(sightings.waiting),
  },
  {
    kind: 'gauge',
    name: 'vast_threatbus_waiting_sightings_bytes',
    help: 'Bytes of them.',
    values: ({ sightings }) => one(sightings.waitingBytes),
  },
  {
    kind: 'gauge',
    name: 'vast_threatbus_live_iocs',
    help: 'IoCs that the live matcher looks for, with those that are about to be removed. Absent without live_match.',
    values: ({ matcher, liveIocs }) => (matcher === 'off' ? [] : one(liveIocs)),
  },
  {
    kind: 'gauge',
    name: 'vast_threatbus_vast_calls',
    help: 'Calls of VAST, but for the live matcher: those that run, each a process, and those that wait for their turn.',
    labels: ['state'],
    values: ({ calls }) => labelled('state', calls),
  },
  {
    kind: 'counter',
    name: 'vast_threatbus_limit_reached_total',
    help: 'How often a limit was reached, by its key in the configuration; log_rate: lines that were summed up.',
    labels: ['limit'],
    values: ({ limits }) => labelled('limit', limits),
  },
]

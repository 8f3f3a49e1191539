import { type RefusalReason, refusalSentences } from '../protocol/refusal.ts'
import { type Labelled, labelled, type MetricsTable, one } from './metric.ts'
import type { Reading } from './readings.ts'

/** The metrics of the broker. Counters begin at 0 with the process. */
export const brokerMetrics: MetricsTable<Reading> = [
  {
    kind: 'gauge',
    name: 'threatbus_serving',
    help: '1 while the broker serves; 0 while it starts or stops.',
    values: ({ state }) => one(state === 'serving' ? 1 : 0),
  },
  {
    kind: 'counter',
    name: 'threatbus_messages_accepted_total',
    help: 'Messages that were accepted, by type and by how they came: on the sub endpoint, or by publish requests.',
    labels: ['type', 'way'],
    values: ({ accepted }) =>
      Object.entries(accepted).flatMap(([way, types]) =>
        Object.entries(types).map(([type, count]): Labelled => [{ type, way }, count]),
      ),
  },
  {
    kind: 'counter',
    name: 'threatbus_messages_upgraded_total',
    help: 'Of the accepted messages, those that were upgraded from STIX 2.0 (stix20).',
    values: ({ upgraded }) => one(upgraded),
  },
  {
    kind: 'counter',
    name: 'threatbus_messages_refused_total',
    help: 'Messages on the sub endpoint that were refused, by reason.',
    labels: ['reason'],
    values: ({ refused }) => {
      const reasons = Object.keys(refusalSentences) as RefusalReason[]
      return reasons.map(reason => [{ reason }, refused[reason] ?? 0])
    },
  },
  {
    kind: 'gauge',
    name: 'threatbus_unchecked_bytes',
    help: 'Bytes of large messages that are being checked, or wait for it.',
    values: ({ uncheckedBytes }) => one(uncheckedBytes),
  },
  {
    kind: 'counter',
    name: 'threatbus_deliveries_total',
    help: 'Frames that were sent, to all subscribers together.',
    values: ({ delivered }) => one(delivered),
  },
  {
    kind: 'counter',
    name: 'threatbus_sends_refused_total',
    help: 'Times that nothing was sent to a subscriber because its connection held as much as it may.',
    values: ({ refusedSends }) => one(refusedSends),
  },
  {
    kind: 'counter',
    name: 'threatbus_messages_missed_total',
    help: 'Messages that were not kept any more when a subscriber came to them.',
    values: ({ missed }) => one(missed),
  },
  {
    kind: 'gauge',
    name: 'threatbus_subscribers',
    help: 'Subscriptions, by state: joined ones by phase (replaying, gathering, live), stale ones by reason.',
    labels: ['state'],
    values: ({ census }) => labelled('state', census.states, ({ subscribers }) => subscribers),
  },
  {
    kind: 'gauge',
    name: 'threatbus_address_subscribers_max',
    help: 'Subscriptions of the address that has most of them.',
    values: ({ mostOfOneAddress }) => one(mostOfOneAddress),
  },
  {
    kind: 'counter',
    name: 'threatbus_subscriptions_ended_total',
    help: 'Subscriptions that ended, by reason; crowded_out: they never joined, and others needed the room.',
    labels: ['reason'],
    values: ({ departures }) => labelled('reason', departures),
  },
  {
    kind: 'gauge',
    name: 'threatbus_subscriber_connections',
    help: "Subscribers' connections, by what is done on them; waiting: as much is on its way as may be.",
    labels: ['flow'],
    values: ({ census }) => labelled('flow', census.flows),
  },
  {
    kind: 'gauge',
    name: 'threatbus_subscriber_peers',
    help: "Subscribers' connections, by whether their libraries acknowledge what arrives (silent: they do not).",
    labels: ['peer'],
    values: ({ census }) => labelled('peer', census.peers),
  },
  {
    kind: 'gauge',
    name: 'threatbus_unreceived_messages',
    help: 'Messages that were sent and are not known to be received: what may come again when connections break.',
    values: ({ census }) => one(census.unreceived.messages),
  },
  {
    kind: 'gauge',
    name: 'threatbus_unreceived_messages_max',
    help: 'The same for the subscriber with most of them.',
    values: ({ census }) => one(census.unreceived.mostMessages),
  },
  {
    kind: 'gauge',
    name: 'threatbus_unacknowledged_bytes',
    help: 'Bytes that were sent and that the libraries of subscribers have not acknowledged.',
    values: ({ census }) => one(census.unreceived.bytes),
  },
  {
    kind: 'gauge',
    name: 'threatbus_queue_messages',
    help: 'Messages that wait for subscribers: what they will be sent of what there is; the sum, by state.',
    labels: ['state'],
    values: ({ census }) => labelled('state', census.states, ({ messages }) => messages),
  },
  {
    kind: 'gauge',
    name: 'threatbus_queue_messages_max',
    help: 'The same for the subscriber that lags furthest behind, by state.',
    labels: ['state'],
    values: ({ census }) => labelled('state', census.states, ({ mostMessages }) => mostMessages),
  },
  {
    kind: 'gauge',
    name: 'threatbus_connections',
    help: 'Connections to the endpoints.',
    labels: ['endpoint'],
    values: ({ connections }) => labelled('endpoint', connections),
  },
  {
    kind: 'gauge',
    name: 'threatbus_peer_bytes',
    help: 'Bytes that connections hold together, of messages that have not come whole and of prefixes.',
    labels: ['what'],
    values: ({ peerBytes }) => labelled('what', peerBytes),
  },
  {
    kind: 'counter',
    name: 'threatbus_connections_broken_total',
    help: 'Connections that were ended because of what their peers did, or did not do in time, by reason.',
    labels: ['endpoint', 'reason'],
    values: ({ brokenConnections }) =>
      Object.entries(brokenConnections).flatMap(([endpoint, reasons]) =>
        Object.entries(reasons).map(([reason, count]): Labelled => [{ endpoint, reason }, count]),
      ),
  },
  {
    kind: 'counter',
    name: 'threatbus_eavesdroppers_refused_total',
    help: "Subscriptions on the pub endpoint to something that is nobody's p2p topic; not admitted.",
    values: ({ eavesdroppers }) => one(eavesdroppers),
  },
  {
    kind: 'counter',
    name: 'threatbus_management_requests_total',
    help: 'Management requests, by action (invalid: none that could be read) and status of the reply.',
    labels: ['action', 'status'],
    values: ({ replies }) =>
      Object.entries(replies).flatMap(([action, statuses]) =>
        Object.entries(statuses).map(([status, count]): Labelled => [{ action, status }, count]),
      ),
  },
  {
    kind: 'counter',
    name: 'threatbus_publish_receipts_total',
    help: 'Messages whose publishers were told that they are on disk.',
    values: ({ receipts }) => one(receipts),
  },
  {
    kind: 'gauge',
    name: 'threatbus_snapshots_open',
    help: 'Snapshot exchanges that are open.',
    values: ({ snapshots }) => one(snapshots.open),
  },
  {
    kind: 'counter',
    name: 'threatbus_snapshots_closed_total',
    help: 'Snapshot exchanges that ended, by outcome.',
    labels: ['outcome'],
    values: ({ snapshots }) => labelled('outcome', snapshots.outcomes),
  },
  {
    kind: 'durations',
    name: 'threatbus_snapshot_duration_seconds',
    help: 'How long snapshot exchanges were open, from their opening to their end.',
    durations: ({ snapshots }) => snapshots.durations,
  },
  {
    kind: 'gauge',
    name: 'threatbus_history_bytes',
    help: 'Bytes of the log of messages on disk.',
    values: ({ history }) => (history ? one(history.bytes) : []),
  },
  {
    kind: 'gauge',
    name: 'threatbus_history_segments',
    help: 'Files of the log of messages.',
    values: ({ history }) => (history ? one(history.segments) : []),
  },
  {
    kind: 'gauge',
    name: 'threatbus_history_oldest_age_seconds',
    help: 'Age of the oldest file of the log: messages are kept for at least so long. Absent while there is none.',
    values: ({ history }) => (history?.oldestMs ? one(Math.max(0, (Date.now() - history.oldestMs) / 1000)) : []),
  },
  {
    kind: 'gauge',
    name: 'threatbus_history_oldest_sequence',
    help: 'Sequence number of the oldest message in the log.',
    values: ({ history }) => (history ? one(history.oldest) : []),
  },
  {
    kind: 'gauge',
    name: 'threatbus_history_next_sequence',
    help: 'Sequence number that the next message gets.',
    values: ({ history }) => (history ? one(history.next) : []),
  },
  {
    kind: 'gauge',
    name: 'threatbus_history_journal_bytes',
    help: 'Bytes of the journal of subscriptions, which is rewritten when it has several times what they need.',
    values: ({ history }) => (history ? one(history.journalBytes) : []),
  },
  {
    kind: 'gauge',
    name: 'threatbus_history_unwritten_bytes',
    help: 'Bytes of messages that wait to be written.',
    values: ({ history }) => (history ? one(history.unwrittenBytes) : []),
  },
  {
    kind: 'gauge',
    name: 'threatbus_history_failing',
    help: '1 while it cannot be written: the log of messages, or the list of subscriptions.',
    labels: ['what'],
    values: ({ history }) => (history ? labelled('what', history.failing, Number) : []),
  },
  {
    kind: 'counter',
    name: 'threatbus_history_messages_lost_total',
    help: 'Messages that were given up because they could not be written: they are not in the log.',
    values: ({ history }) => (history ? one(history.lost) : []),
  },
  {
    kind: 'counter',
    name: 'threatbus_limit_reached_total',
    help: 'How often a limit was reached, by its key in the configuration; log_rate: lines that were summed up; change_rate: changes of subscriptions on pub that had to wait; file_descriptors: of the system.',
    labels: ['limit'],
    values: ({ limits }) => labelled('limit', limits),
  },
]

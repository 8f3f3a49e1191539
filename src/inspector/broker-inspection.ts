import type { SnapshotExchanges } from '../actors/snapshot-exchanges.ts'
import type { Subscribers } from '../actors/subscribers.ts'
import type { Egress } from '../delivery/egress.ts'
import type { Intake } from '../delivery/intake.ts'
import type { MessageLog } from '../delivery/message-log.ts'
import { type ChartActor, type Inspected, runsChart } from './inspected.ts'

/** The parts of a broker that can be looked at. */
export interface BrokerParts {
  readonly program: string
  readonly supervisor: ChartActor
  readonly subscribers: Subscribers
  readonly exchanges: SnapshotExchanges
  readonly log: MessageLog
  readonly intake: Intake
  readonly egress: Egress
  /** Subscriptions on `pub` that were not admitted so far. */
  refusedPeers(): number
}

/** A broker as the recorder sees it. */
export function inspectedBroker(parts: BrokerParts): Inspected {
  const { program, supervisor, subscribers, exchanges, log, intake, egress } = parts
  return {
    program,
    roots: [supervisor],
    *actors() {
      yield supervisor
      for (const child of Object.values(supervisor.getSnapshot().children as Record<string, ChartActor>)) {
        if (runsChart(child)) yield child
      }
      for (const { actor, connections } of subscribers) {
        yield actor
        for (const connection of connections) yield connection.actor
      }
      for (const actor of exchanges) yield actor
    },
    about: actor => {
      const { topic } = actor.getSnapshot()?.context ?? {}
      const subscription = typeof topic === 'string' ? subscribers.find(topic) : undefined
      return subscription && { topics: subscription.topics }
    },
    *figures() {
      for (const { actor, queue, connections } of subscribers) {
        const { lag, frames: sent, missed, replaying, position, unsettledFrames: unreceived } = queue
        const progress = replaying && { replaying: { position, upTo: replaying.upTo } }
        yield [actor, { lag, sent, missed, unreceived, ...progress }]
        for (const { actor: connection, open } of connections) {
          const { cursor, unsettledFrames = 0 } = open?.delivery ?? {}
          yield [
            connection,
            { lag: cursor?.lag ?? 0, sent: cursor?.frames ?? 0, missed: 0, unreceived: unsettledFrames },
          ]
        }
      }
    },
    totals: () => ({
      accepted: log.next,
      refused: { ...intake.refusals },
      delivered: egress.delivered,
      waiting: [...subscribers].reduce((sum, { queue }) => sum + queue.lag, 0),
      refusedSends: egress.refusals,
      refusedPeers: parts.refusedPeers(),
    }),
  }
}

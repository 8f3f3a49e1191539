import type { ChartActor, Inspected } from './inspected.ts'
import { shownText } from './trace/projection.ts'

/** One subscription of a client: its session's actor, and how much the application has read of it. */
export interface InspectedSession {
  readonly actor: ChartActor
  readonly taken: number
}

/** The parts of a client that can be looked at. */
export interface ClientParts {
  /** The connection's actor. */
  readonly client: ChartActor
  sessions(): Iterable<InspectedSession>
  /** Messages that the bus took from it since the beginning, and those that it has read. */
  readonly published: number
  readonly taken: number
}

/** A client as the recorder sees it: what came in is what it read, what went out is what it published. */
export function inspectedClient(program: string, parts: ClientParts): Inspected {
  const { client } = parts
  return {
    program,
    roots: [client],
    *actors() {
      yield client
      for (const { actor } of parts.sessions()) yield actor
    },
    about: aboutSession,
    figures: () => sessionFigures(parts.sessions()),
    totals: () => ({ ...noTotals, accepted: parts.taken, delivered: parts.published }),
  }
}

/** What is known of a session: its topics, as a subscriber's at the broker. */
export function aboutSession(actor: ChartActor): ReturnType<Inspected['about']> {
  const { topics } = actor.getSnapshot()?.context ?? {}
  return Array.isArray(topics) ? { topics: topics.map(topic => shownText(String(topic))) } : undefined
}

/** What is counted of sessions. */
export function* sessionFigures(sessions: Iterable<InspectedSession>): ReturnType<Inspected['figures']> & Generator {
  for (const { actor, taken } of sessions) yield [actor, { lag: 0, sent: taken, missed: 0 }] as const
}

/** The totals of a program that counts nothing. */
export const noTotals: ReturnType<Inspected['totals']> = {
  accepted: 0,
  refused: {},
  delivered: 0,
  waiting: 0,
  refusedSends: 0,
  refusedPeers: 0,
}

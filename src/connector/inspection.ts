import { aboutSession, type ClientParts, noTotals, sessionFigures } from '../inspector/client-inspection.ts'
import type { Inspected } from '../inspector/inspected.ts'
import { packageVersion } from '../observe/version.ts'
import type { ObservedConnector } from './readings.ts'

/** The actors of a connector: its own, that of the live matcher if there is to be one, and the client library's. */
export interface InspectedParts extends Pick<ObservedConnector, 'actor' | 'matcher' | 'counters' | 'retro' | 'outbox'> {
  readonly bus: ClientParts
}

/** A connector as the recorder sees it: what came in are indicators, what went out are sightings. */
export function inspectedConnector(parts: InspectedParts): Inspected {
  const { actor, matcher, bus, counters, retro, outbox } = parts
  const matchers = matcher === undefined ? [] : [matcher]
  return {
    program: `vast-threatbus ${packageVersion()}`,
    roots: [actor, ...matchers, bus.client],
    *actors() {
      yield actor
      yield* matchers
      yield bus.client
      for (const session of bus.sessions()) yield session.actor
    },
    about: aboutSession,
    figures: () => sessionFigures(bus.sessions()),
    totals: () => ({
      ...noTotals,
      accepted: counters.total.indicators,
      refused: Object.fromEntries(Object.entries(counters.losses).filter(([, times]) => times > 0)),
      delivered: counters.total.sightings,
      waiting: retro.unfinished + outbox.waiting,
    }),
  }
}

import type { StateValue } from 'xstate'
import type { ChartActor } from '../inspector/inspected.ts'
import type { Counters, Loss } from './counters.ts'
import type { MatcherContent } from './matcher-content.ts'
import type { Outbox } from './outbox.ts'
import type { RetroMatching } from './retro-matching.ts'

/** Limits that are counted when they are reached, by their keys in the configuration; `log_rate` has none. */
export type LimitName =
  | 'max_waiting_indicators'
  | 'max_live_iocs'
  | 'retro_match_timeout'
  | 'retro_match_attempts'
  | 'max_line_bytes'
  | 'max_waiting_sighting_bytes'
  | 'max_sightings_per_minute'
  | 'inspector.max_connections'
  | 'log_rate'

/** How the connector is with the bus: subscribed, asking to be, or waiting for it to answer again. */
export type BusState = 'connecting' | 'subscribed' | 'reconnecting' | 'left'

/** How the connector is with VAST. While it is `suspected` it was there a moment ago, and is being asked. */
export type VastState = 'checking' | 'there' | 'suspected' | 'away' | 'left'

/** What the live matcher's process does. `off`: there is to be none. */
export type MatcherState = 'off' | 'attaching' | 'attached' | 'lost' | 'backingOff' | 'ending' | 'ended'

/** The parts of a connector that monitoring looks at. */
export interface ObservedConnector {
  readonly actor: ChartActor
  /** Undefined if there is to be no live matching. */
  readonly matcher: ChartActor | undefined
  readonly counters: Counters
  readonly retro: Pick<RetroMatching, 'unfinished' | 'holdUps'>
  readonly content: Pick<MatcherContent, 'size'>
  readonly outbox: Pick<Outbox, 'waiting' | 'waitingBytes' | 'holdUps'>
  /** The calls of VAST: those that run, and those that wait for their turn. */
  readonly calls: { readonly pending: number; readonly size: number }
  readonly rate: { readonly summedUp: number }
  readonly story: { readonly heldBack: number }
}

/** All that is shown of a connector, at one moment. Counts are since the start. No values of indicators are in it. */
export interface Reading {
  readonly state: 'running' | 'stopping' | 'stopped'
  readonly bus: BusState
  readonly vast: VastState
  readonly matcher: MatcherState
  readonly total: Counters['total']
  readonly queries: Pick<Counters['queries'], 'cumulative' | 'seconds'>
  readonly backlog: number
  readonly calls: { readonly running: number; readonly waiting: number }
  readonly sightings: { readonly waiting: number; readonly waitingBytes: number }
  readonly liveIocs: number
  readonly losses: Readonly<Record<Loss, number>>
  readonly limits: Readonly<Record<LimitName, number>>
}

/** Looks at a connector. `droppedConnections` were closed because there were as many as may be. */
export function read(observed: ObservedConnector, droppedConnections: number): Reading {
  const { counters, retro, content, outbox, calls } = observed
  return {
    ...readReadiness(observed),
    matcher: matcherStateOf(observed.matcher?.getSnapshot().value),
    total: counters.total,
    queries: counters.queries,
    backlog: retro.unfinished,
    calls: { running: calls.pending, waiting: calls.size },
    sightings: { waiting: outbox.waiting, waitingBytes: outbox.waitingBytes },
    liveIocs: content.size,
    losses: counters.losses,
    limits: readLimits(observed, droppedConnections),
  }
}

/** Looks at as much as it takes to say whether the connector is ready. */
export function readReadiness({ actor }: Pick<ObservedConnector, 'actor'>): Pick<Reading, 'state' | 'bus' | 'vast'> {
  const value: StateValue = actor.getSnapshot().value
  const regions = below(value, 'running')
  if (regions === undefined) return { state: outermost(value) as Reading['state'], bus: 'left', vast: 'left' }
  const bus = below(regions, 'bus')
  const listening = below(bus ?? {}, 'listening')
  return {
    state: 'running',
    bus: listening === undefined ? 'connecting' : (outermost(listening) as BusState),
    vast: outermost(below(regions, 'vast') ?? '') as VastState,
  }
}

/** Why the connector is not ready to match, a sentence each; none: it is. */
export function reasonsAgainst({ state, bus, vast }: Pick<Reading, 'state' | 'bus' | 'vast'>): readonly string[] {
  if (state !== 'running') return ['the connector is stopping']
  const reasons: string[] = []
  if (bus === 'connecting') reasons.push('the bus has not granted the subscription yet')
  if (bus === 'reconnecting') reasons.push('the bus does not answer')
  if (vast === 'checking') reasons.push('VAST has not answered yet')
  if (vast === 'away') reasons.push('VAST does not answer')
  return reasons
}

function readLimits(observed: ObservedConnector, droppedConnections: number): Reading['limits'] {
  const { counters, retro, outbox, rate, story } = observed
  const { losses } = counters
  return {
    max_waiting_indicators: retro.holdUps,
    max_live_iocs: losses.live_matcher_full,
    retro_match_timeout: losses.query_timed_out,
    retro_match_attempts: losses.query_failed + losses.ioc_refused,
    max_line_bytes: losses.overlong_event,
    max_waiting_sighting_bytes: outbox.holdUps,
    max_sightings_per_minute: rate.summedUp,
    'inspector.max_connections': droppedConnections,
    log_rate: story.heldBack,
  }
}

function below(value: StateValue, name: string): StateValue | undefined {
  return typeof value === 'object' ? value[name] : undefined
}

function outermost(value: StateValue): string {
  return typeof value === 'object' ? (Object.keys(value)[0] ?? '') : value
}

/** A state of the live matcher's chart, as it is called for those who watch. */
function matcherStateOf(value: StateValue | undefined): MatcherState {
  return value === 'backing_off' ? 'backingOff' : ((value ?? 'off') as MatcherState)
}

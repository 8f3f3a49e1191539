import { randomUUID } from 'node:crypto'
import type { TestContext } from 'node:test'
import { type Bus, connect, type Indicator, type Sighting as SightingOf } from '../../src/index.ts'
import type { BrokerProcess } from '../system/broker-process.ts'

/** What a match's sighting has beside what every sighting does. */
export interface MatchProperties {
  readonly x_threatbus_sighting_context: unknown
  readonly x_threatbus_indicator: unknown
  readonly x_threatbus_indicator_value: unknown
  readonly x_threatbus_match_type: unknown
}

/** A sighting that may be of a match. */
export type Sighting = SightingOf<MatchProperties>

/** An intelligence platform: it publishes indicators, and hears what is sighted. */
export interface Platform {
  readonly bus: Bus<MatchProperties>
  /** Every sighting so far. */
  readonly sightings: readonly Sighting[]
  /** Fulfilled once what was sighted is enough, which is asked with each sighting. */
  until(isEnough: (sightings: readonly Sighting[]) => boolean): Promise<readonly Sighting[]>
  close(): Promise<void>
}

/** Connects a platform to a broker, whatever becomes of that meanwhile. It ends with the test. */
export async function platform(
  t: Pick<TestContext, 'after'>,
  broker: Pick<BrokerProcess, 'manage'>,
): Promise<Platform> {
  const bus = connect<MatchProperties>({
    endpoint: `127.0.0.1:${broker.manage}`,
    heartbeatIntervalMs: 200,
    shortestRetryPauseMs: 50,
    longestRetryPauseMs: 200,
    publishTimeoutMs: 60_000,
    // Shorter, and a busy machine makes it publish twice.
    requestTimeoutMs: 10_000,
    // Its broker may have ended before it.
    closeTimeoutMs: 100,
  })
  t.after(() => bus.close())
  const sightings: Sighting[] = []
  const watchers = new Set<() => void>()
  const subscription = await bus.subscribe('stix2/sighting', { snapshotDays: 1 })
  const read = async () => {
    for await (const message of subscription) {
      sightings.push(message.object)
      for (const watch of [...watchers]) watch()
    }
  }
  read().catch(() => {})
  return {
    bus,
    sightings,
    close: () => bus.close(),
    until: isEnough =>
      new Promise((resolve, reject) => {
        const watch = () => {
          try {
            if (!isEnough(sightings)) return
            resolve(sightings)
          } catch (error) {
            reject(error)
          }
          watchers.delete(watch)
        }
        watchers.add(watch)
        watch()
      }),
  }
}

/** A whole indicator with a pattern, unlike any other. */
export function indicator(pattern: string, over: Partial<Indicator> = {}): Indicator {
  const time = '2026-11-24T06:00:00.000Z'
  return {
    type: 'indicator',
    spec_version: '2.1',
    id: `indicator--${randomUUID()}`,
    created: time,
    modified: time,
    valid_from: time,
    pattern,
    pattern_type: 'stix',
    pattern_version: '2.1',
    ...over,
  }
}

/** The indicator as it is published when it is not wanted any more. */
export function removed(indicator: Indicator): Indicator {
  return { ...indicator, modified: new Date().toISOString(), x_threatbus_update: 'REMOVE' }
}

/** An event as Suricata writes it, at a second of a day. */
export function event(second: number, fields: object): Record<string, unknown> {
  const time = new Date(Date.UTC(2017, 2, 24) + second * 1000).toISOString()
  return { timestamp: time.replace('Z', '+0000'), event_type: 'alert', ...fields }
}

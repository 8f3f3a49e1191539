import { randomUUID } from 'node:crypto'
import { parseJson } from '../protocol/json.ts'
import { memberText } from '../protocol/json-scanner.ts'
import { checkObject } from '../protocol/stix/check.ts'
import { identifierOf } from '../protocol/stix/identifier.ts'
import { isObject, type JsonObject } from '../protocol/stix/kind.ts'
import { quoted } from '../protocol/stix/quoted.ts'
import type { Identifier, Indicator, Sighting, Timestamp } from '../protocol/stix/types.ts'
import { timestampOf } from './event-time.ts'
import { JsonText, valuesOf } from './json-text.ts'

/** How an indicator was found (CONNECTOR "VAST → Sighting"): in the stored events, or in one as it came in. */
export type MatchType = 'RETRO' | 'LIVE'

/**
 * Every reason for which something that VAST reports becomes no sighting, each with the sentence that explains it. A
 * closed list: logs, metrics and tests use these names and no others.
 */
export const unreportableSentences = {
  malformed_match: 'the match is not an object with an indicator and an event',
  malformed_reference: 'the reference of the match does not name an indicator of Threat Bus',
  invalid_sighting: 'the sighting would not be valid STIX',
} as const

/** The name of a reason for not reporting. */
export type Unreportable = keyof typeof unreportableSentences

/** Why a sighting does not say when it was made: by name, and for people. */
export interface Untimed {
  readonly reason: 'no_time' | 'unreadable_time'
  readonly detail: string
}

/** A sighting of a match. What others wrote in it is the text that they wrote. */
export interface MatchSighting extends Sighting, JsonObject {
  /** The event, or what a transformation made of it. */
  readonly x_threatbus_sighting_context: JsonText
  readonly x_threatbus_indicator?: JsonText<Indicator>
}

/**
 * What VAST reports as a sighting, or why it is none, by name and for people. What matched is worth knowing also where
 * nobody can read when: then the sighting has no `last_seen`.
 */
export type Reported =
  | { readonly ok: true; readonly sighting: MatchSighting; readonly untimed?: Untimed }
  | { readonly ok: false; readonly reason: Unreportable; readonly detail: string }

/** What stands before an indicator's id in the reference of an IoC (CONNECTOR "Indicator → VAST"). */
export const referencePrefix = 'threatbus__'

/** What a match of a probabilistic matcher refers to, which keeps no references (CONNECTOR "VAST → Sighting"). */
export const unknownIndicator: Identifier<'note'> = 'note--00000000-0000-4000-8000-000000000000'

/**
 * The sighting of an indicator in a stored event (CONNECTOR "VAST → Sighting"). `event` is a line of a query's
 * output and becomes part of the sighting as it is; `now` is when the sighting was made.
 */
export function retroSighting(event: JsonText<JsonObject>, indicator: JsonText<Indicator>, now: Date): Reported {
  return report(event, now, indicator.value.id, {
    x_threatbus_sighting_context: event,
    x_threatbus_indicator: indicator,
    x_threatbus_match_type: 'RETRO',
  })
}

/**
 * The sighting of an IoC by the live matcher (CONNECTOR "VAST → Sighting"). `match` is a line of the matcher's
 * output; its event becomes part of the sighting as it is; `now` is when the sighting was made.
 */
export function liveSighting(match: JsonText<JsonObject>, now: Date): Reported {
  const { indicator, event: found } = match.value
  const text = memberText(match.text, 'event')
  if (!isObject(indicator) || !isObject(found) || text === undefined || typeof indicator.value !== 'string')
    return unreported('malformed_match')
  const id = referredTo(indicator.context)
  if (id === undefined) return unreported('malformed_reference', `the reference is ${quoted(indicator.context)}`)
  const event = new JsonText(text, found)
  return report(event, now, id, {
    x_threatbus_sighting_context: event,
    x_threatbus_indicator_value: indicator.value,
    x_threatbus_match_type: 'LIVE',
  })
}

/** How often, and when, the sightings were made that one stands for. */
export interface Sum {
  /** At least 1; more than STIX can say (§5.2.1 `count`) is said as the most that it can. */
  readonly count: number
  /** Undefined, as `lastSeen`, if none of them says when it was made. */
  readonly firstSeen: Timestamp | undefined
  readonly lastSeen: Timestamp | undefined
}

/** STIX §5.2.1 `count`. */
const mostCounted = 999_999_999

/**
 * One sighting that stands for many of the same IoC (CONNECTOR "Noisy indicators"): it has the context of the latest, and
 * STIX's properties for that: `count`, `first_seen` and `last_seen` (§5.2.1).
 */
export function summedSighting(latest: MatchSighting, { count, firstSeen, lastSeen }: Sum, now: Date): MatchSighting {
  return {
    ...latest,
    ...freshCommonProperties(now),
    count: Math.min(count, mostCounted),
    ...(firstSeen !== undefined && { first_seen: firstSeen }),
    ...(lastSeen !== undefined && { last_seen: lastSeen }),
  }
}

/** CONNECTOR "VAST → Sighting". */
function freshCommonProperties(now: Date) {
  const created = now.toISOString()
  return {
    type: 'sighting',
    spec_version: '2.1',
    id: `sighting--${randomUUID()}`,
    created,
    modified: created,
  } as const satisfies Partial<Sighting>
}

/** What a match says beside what every sighting does. */
type OfMatch = Pick<MatchSighting, 'x_threatbus_sighting_context' | 'x_threatbus_indicator'> & JsonObject

function report({ value: event }: JsonText<JsonObject>, now: Date, id: Identifier, custom: OfMatch): Reported {
  const times = [event.ts, event.timestamp].filter(time => time !== undefined && time !== null)
  const seen = times.map(timestampOf).find(time => time !== undefined)
  const lastSeen = seen !== undefined && { last_seen: seen }
  const sighting: MatchSighting = { ...freshCommonProperties(now), ...lastSeen, sighting_of_ref: id, ...custom }
  // What is left to go wrong lies in the event and the indicator, such as nesting that the bus refuses.
  const checked = checkObject(valuesOf(sighting), 'lenient', now)
  if ('refused' in checked) return unreported('invalid_sighting', checked.detail)
  return { ok: true, sighting, ...(seen === undefined && { untimed: untimed(times) }) }
}

function untimed([time]: readonly unknown[]): Untimed {
  return time === undefined
    ? { reason: 'no_time', detail: 'the event has neither ts nor timestamp' }
    : { reason: 'unreadable_time', detail: `the time of the event is ${quoted(time)}` }
}

function unreported(reason: Unreportable, detail: string = unreportableSentences[reason]): Reported {
  return { ok: false, reason, detail }
}

const indicatorId = identifierOf('indicator')

/** The id in a reference, which is JSON of a string in a string; undefined if it is malformed. */
function referredTo(context: unknown): Identifier | undefined {
  if (context === null || context === undefined) return unknownIndicator
  const reference = typeof context === 'string' ? parseJson(context) : undefined
  if (typeof reference !== 'string' || !reference.startsWith(referencePrefix)) return undefined
  const id = reference.slice(referencePrefix.length)
  return indicatorId.lenient(id) ? (id as Identifier<'indicator'>) : undefined
}

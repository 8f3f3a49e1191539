import type { JsonValue } from '../../trace/records.ts'
import { contextOf, ended, type Moment, trouble, type Verdict, wait, well } from '../health.ts'
import type { Life } from '../life.ts'
import { times } from '../quantities.ts'
import { matches } from '../state-value.ts'

/** What is wrong with the VAST connector. */
export function connectorVerdict(life: Life, value: JsonValue, { index }: Moment): Verdict {
  if (matches(value, 'stopped')) return ended('The connector stopped.')
  if (matches(value, 'stopping.killing')) {
    return trouble(
      'out of time',
      'Queries still ran at shutdown_timeout and are killed. They are made after the next start.',
    )
  }
  if (matches(value, 'stopping'))
    return wait('stopping', 'The connector stops: queries end, and sightings go to the bus.')
  const { failedSubscriptions, failedCalls } = contextOf(life, index)
  if (matches(value, 'running.vast.away')) {
    return trouble(
      'VAST is away',
      `VAST does not answer; it was asked ${times(Number(failedCalls))}. Nothing is matched until it does: indicators wait here and then in the bus. ` +
        'The node is down, `vast` names another one, or `vast_binary` cannot be run.',
    )
  }
  if (matches(value, 'running.bus.connecting') && typeof failedSubscriptions === 'number' && failedSubscriptions > 0) {
    return trouble(
      'not subscribed',
      `The bus grants no subscription; it was asked ${times(failedSubscriptions)}. No indicator comes in, and sightings wait. ` +
        'The broker is down, or `threatbus` names something else.',
    )
  }
  if (matches(value, 'running.bus.listening.reconnecting')) {
    return trouble('bus is away', 'The bus does not answer. What was taken is matched; its sightings wait.')
  }
  if (matches(value, 'running.bus.connecting')) return wait('subscribing', 'The bus is asked for a subscription.')
  if (matches(value, 'running.vast.checking')) return wait('asking VAST', 'VAST is asked whether it is there.')
  if (matches(value, 'running.vast.suspected'))
    return wait('asking VAST', 'A call failed: VAST is asked whether it is there.')
  return well('It is subscribed, and VAST is there: what comes in is matched.')
}

/** What is wrong with the live matcher. */
export function liveMatcherVerdict(life: Life, value: JsonValue, { index }: Moment): Verdict {
  if (matches(value, 'ended')) return ended('The live matcher was ended.')
  if (matches(value, 'ending')) return wait('ending', 'Its process is being ended.')
  if (matches(value, 'attached')) return well('It is attached: events are matched as they come in.')
  const { losses } = contextOf(life, index)
  if (typeof losses === 'number' && losses > 0) {
    return trouble(
      'not attached',
      `Its process ended ${losses === 1 ? 'once' : `${losses} times in a row`}; it is attached again after a pause. Events that come in meanwhile are found by retro matching only. ` +
        'VAST is away, lacks the matcher plugin, or has no matcher of this name (matcher_name).',
    )
  }
  return wait('attaching', 'Its process is being started.')
}

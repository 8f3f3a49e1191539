import type { JsonValue } from '../../trace/records.ts'
import { contextOf, ended, type Moment, trouble, type Verdict, wait, well } from '../health.ts'
import type { Life } from '../life.ts'
import { ago, times } from '../quantities.ts'
import { matches } from '../state-value.ts'

/** What is wrong with an application's connection to the bus. */
export function clientVerdict(value: JsonValue): Verdict {
  if (matches(value, 'closed')) return ended('The application closed its connection to the bus.')
  if (matches(value, 'closing.unsubscribing')) return wait('closing', 'It closes: its subscriptions are being ended.')
  if (matches(value, 'closing')) return wait('closing', 'It closes: what was published is still on its way to the bus.')
  return well('The connection is open. Each subscription is a session of its own.')
}

/** What is wrong with a session: one subscription, from the application's side. */
export function sessionVerdict(life: Life, value: JsonValue, { at, index }: Moment): Verdict {
  const { failedAttempts } = contextOf(life, index)
  const tries = typeof failedAttempts === 'number' ? failedAttempts : 0
  const forMs = at - life.since(index)
  const because = failureOf(life, index)
  if (matches(value, 'away')) {
    return trouble(
      'bus is away',
      `The bus does not answer heartbeats, tried ${times(tries)} in vain.${because} The subscription may live on: the bus is asked again until it answers, and what is published meanwhile waits there.`,
    )
  }
  if (matches(value, 'disconnected')) {
    return trouble(
      'bus is away',
      `The connection that messages come by is broken, and is made anew by itself.${because} What is published meanwhile waits at the bus.`,
    )
  }
  if (matches(value, 'resubscribing')) {
    return trouble(
      'forgotten',
      `The bus does not know the subscription any more: it was unsubscribed after evict_after, or the bus lost its history. It is asked for a new one.${because}`,
    )
  }
  if (matches(value, 'opening')) {
    if (tries === 0) return wait('subscribing', 'The bus is asked for a subscription.')
    return trouble(
      'no bus there',
      `It is trying to subscribe in vain, for the ${ordinal(tries + 1)} time: no bus answers at its manage endpoint.${because} It gives up after connectTimeoutMs.`,
    )
  }
  if (matches(value, 'failed')) {
    return trouble(
      'never subscribed',
      `It was never subscribed: the bus refused it, or did not answer in time.${because}`,
    )
  }
  if (matches(value, 'closed')) return ended('The application ended the subscription.')
  if (matches(value, 'unsubscribing')) return wait('unsubscribing', 'The application wants no more; the bus is told.')
  if (matches(value, 'subscribed.asking') && forMs > slowAnswerMs) {
    return wait('heartbeat', `A heartbeat has been on its way for ${ago(forMs)}.`)
  }
  return well('It is subscribed, and its heartbeats are answered.')
}

/** An answer that takes longer than this is worth a word; most take a millisecond. */
const slowAnswerMs = 1000

/** What was wrong with the last request, if that is known. */
function failureOf(life: Life, index: number): string {
  const { failure } = contextOf(life, index)
  if (typeof failure !== 'object' || failure === null || !('error' in failure)) return ''
  return ` The last time: ${failure.error}.`
}

function ordinal(count: number): string {
  const suffix = { 1: 'st', 2: 'nd', 3: 'rd' }[count % 10]
  return `${count}${suffix !== undefined && (count % 100 < 11 || count % 100 > 13) ? suffix : 'th'}`
}

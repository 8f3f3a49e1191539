import type { JsonValue } from '../../trace/records.ts'
import { ended, type Moment, trouble, type Verdict, wait, well } from '../health.ts'
import type { Life } from '../life.ts'
import { ago, messages } from '../quantities.ts'
import { matches } from '../state-value.ts'

/** That as much was under way as may be counts for so long. */
const fullMs = 5000

/** A connection on which as much was under way as may be for so long is not being read, or hardly. */
const standstillMs = 100

/** So many messages are more than what is on its way between two looks. */
const noticeableLag = 1000

/** What is wrong with a connection of a subscriber. */
export function connectionVerdict(life: Life, value: JsonValue, moment: Moment): Verdict {
  const { lag, unreceived = 0 } = life.figuresAt(moment.at) ?? { lag: 0 }
  if (matches(value, 'closed')) return ended('It is closed. Its subscriber is sent what it lacks when it comes back.')
  if (matches(value, 'open.flow.unreadable') || matches(value, 'open.flow.unlocated')) {
    return trouble(
      'history unreadable',
      `What comes next on it can't be read from the history's disk; it is tried again every second. ${messages(lag)} wait.`,
    )
  }
  if (readsSlowly(life, value, moment)) {
    const fullFor = isFull(value) ? moment.at - life.sinceWhen(moment.index, isFull) : 0
    const pace = fullFor < standstillMs ? 'It reads slowly' : `It has taken nothing for ${ago(fullFor)}`
    return trouble(
      'reads slowly',
      `${pace}: as much is on its way to it as may be, and the broker sends it no more meanwhile. ${messages(lag)} wait in its queue; nobody else waits for it. Its application takes messages slower than they are published, or stands still.`,
    )
  }
  if (matches(value, 'open.flow.held')) {
    return wait('held', 'Its application has stopped its heartbeats: it is sent nothing until they come again.')
  }
  if (matches(value, 'open.flow.resuming') || matches(value, 'open.flow.locating')) {
    return wait(
      'confirming',
      'A connection of its subscriber broke. It is waited for to say how many frames it has received.',
    )
  }
  if (matches(value, 'open.peer.silent')) {
    return well(
      'It is open. Its library does not acknowledge what arrives: when it breaks, what the network may have held comes again.',
    )
  }
  return well(
    unreceived === 0
      ? 'It is open, and everything that was sent on it has arrived.'
      : `It is open; ${messages(unreceived)} are on their way and not acknowledged yet.`,
  )
}

/** A connection that is full for a moment is nothing; one that stays so, or behind which much waits, is read slowly. */
export function readsSlowly(life: Life, value: JsonValue, { at, index }: Moment): boolean {
  const lag = life.figuresAt(at)?.lag
  if (isFull(value) && at - life.sinceWhen(index, isFull) >= standstillMs) return lag !== 0
  if (lag === undefined || lag <= noticeableLag) return false
  const filledAt = life.lastAtUpTo(index, 'connection.filled')
  return filledAt !== undefined && at - filledAt < fullMs
}

function isFull(value: JsonValue): boolean {
  return matches(value, 'open.flow.waiting')
}

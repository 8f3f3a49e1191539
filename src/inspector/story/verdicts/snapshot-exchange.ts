import type { JsonValue } from '../../trace/records.ts'
import { ended, type Moment, trouble, type Verdict, wait } from '../health.ts'
import type { Life } from '../life.ts'
import { ago } from '../quantities.ts'
import { matches } from '../state-value.ts'

/** A snapshot that nobody has answered for so long is worth a word. */
const slowToAnswerMs = 3000

/** What is wrong with a snapshot exchange. */
export function exchangeVerdict(life: Life, value: JsonValue, moment: Moment): Verdict {
  const forMs = moment.at - life.since(moment.index)
  if (matches(value, 'asking')) {
    if (forMs < slowToAnswerMs) return wait('asking', 'The other applications have just been asked for what they know.')
    return trouble(
      'nobody answers',
      `Nobody answers this snapshot: for ${ago(forMs)} every other application has been asked for its part, and no envelope came. ` +
        'What the history has was sent all the same; the subscriber gets no more unless an application answers. ' +
        'It is given up after snapshot.answer_timeout.',
    )
  }
  if (matches(value, 'expired')) {
    const key = life.lastStep(moment.index)?.taken?.join(' ') ?? ''
    if (key.includes('requester.left')) return ended('The subscriber that asked left.')
    if (key.includes('exchange.crowdedOut')) {
      return trouble('crowded out', 'It was given up because too many snapshots were open (snapshot.max_open).')
    }
    return trouble(
      'nobody answered',
      'Nobody answered this snapshot: it was given up after snapshot.answer_timeout. The subscriber got what the history has, and no more.',
    )
  }
  if (matches(value, 'suspended')) return ended('The broker stopped; the next one goes on with it.')
  if (matches(value, 'complete')) return ended('The snapshot is complete.')
  if (matches(value, 'gathering'))
    return wait('gathering', `Envelopes are coming in; the last one came ${ago(forMs)} ago.`)
  if (matches(value, 'queued')) {
    return wait(
      'queued',
      'The other applications are asked in turn: no more requests go out in a second than snapshot.max_requests_per_second.',
    )
  }
  return wait('reading history', 'It is being found out what the history has for the subscriber that asked.')
}

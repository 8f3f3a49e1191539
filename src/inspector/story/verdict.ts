import { type RefusalReason, refusalSentences } from '../../protocol/refusal.ts'
import type { JsonValue, TotalFigures } from '../trace/records.ts'
import type { Chronicle } from './chronicle.ts'
import type { Life } from './life.ts'
import { matches } from './state-value.ts'

/** How an actor is. */
export type Health = 'well' | 'waiting' | 'trouble' | 'ended'

/** What is wrong with an actor, or that nothing is. */
export interface Verdict {
  readonly health: Health
  /** In a few words, for a list. */
  readonly brief: string
  /** One or two sentences: what is the matter, and what it means. */
  readonly sentence: string
  /** How often it has happened, where that is counted: more than before means that it happened again. */
  readonly occurrences?: number
}

/** The moment that is looked at. */
export interface Moment {
  /** Index of the latest step that counts. */
  readonly index: number
  readonly at: number
}

/** A subscriber that has not joined for so long is worth a word; most join within milliseconds. */
const slowToJoinMs = 3000

/** A snapshot that nobody has answered for so long is worth a word. */
const slowToAnswerMs = 3000

/** Refused sends count for so long. */
const refusedSendMs = 5000

/** So many refused sends in a row, with longer and longer pauses between, mean that nothing was read for 100 ms. */
const fruitlessTries = 6

/** So many messages are more than what is on its way between two looks. */
const noticeableLag = 1000

/** What is wrong with an actor at a moment. */
export function verdictOn(life: Life, chronicle: Chronicle, moment: Moment): Verdict {
  const state = life.stateAt(moment.index)?.snapshot
  if (state === undefined)
    return { health: 'ended', brief: 'not there yet', sentence: 'It was not there at this moment.' }
  if (state.status === 'error')
    return trouble('failed', 'The actor failed: the log says why. Its part of the work is not done any more.')
  switch (life.chart) {
    case 'subscriber':
      return subscriberVerdict(life, state.value, moment)
    case 'snapshotExchange':
      return exchangeVerdict(life, state.value, moment)
    case 'endpoint':
      return endpointVerdict(life, state.value, moment, chronicle)
    case 'clientSession':
      return sessionVerdict(state.value)
    default:
      return supervisorVerdict(state.value)
  }
}

function subscriberVerdict(life: Life, value: JsonValue, moment: Moment): Verdict {
  const { lag, missed } = life.figuresAt(moment.at) ?? { lag: 0, missed: 0 }
  const waiting = lag > 0 ? ` ${messages(lag)} wait for it.` : ' Nothing waits for it yet.'
  const since = ago(moment.at - sinceStale(life, moment))
  if (matches(value, 'unsubscribed')) return ended(endOf(life, moment))
  if (matches(value, 'suspended')) return ended('The broker stopped; the next one goes on with it.')
  if (matches(value, 'subscribing')) {
    const forMs = moment.at - life.since(moment.index)
    if (forMs < slowToJoinMs) return wait('joining', 'It has its p2p topic and is about to join with its SUB socket.')
    return trouble(
      'has not joined',
      `It never joined: for ${ago(forMs)} it has had its p2p topic, but no SUB socket subscribed to that on pub.${waiting} ` +
        'Its application died, cannot reach the pub port, or subscribes to another prefix.',
    )
  }
  if (matches(value, 'stale.never_joined')) {
    return trouble(
      'never joined',
      `It never joined: it asked to subscribe, but no SUB socket ever subscribed to its p2p topic on pub; it was given up as stale ${since} ago.${waiting} ` +
        'Its application died, cannot reach the pub port, or subscribes to another prefix.',
    )
  }
  if (matches(value, 'stale.heartbeat_stopped')) {
    return trouble(
      'heartbeats stopped',
      `It stopped its heartbeats: its socket is still connected, but it has been silent for longer than heartbeat.timeout and is stale since ${since}.${waiting} ` +
        'Its application hangs, or lost its way to the manage port.',
    )
  }
  if (matches(value, 'stale.disconnected')) {
    return trouble(
      'disconnected',
      `Its SUB socket disconnected ${since} ago.${waiting} It is sent what it lacks when it comes back.`,
    )
  }
  if (matches(value, 'stale')) {
    return wait(
      'expected back',
      `It was subscribed before the broker was restarted; its SUB socket is expected back.${waiting}`,
    )
  }
  if (matches(value, 'joined.flow.unreadable')) {
    return trouble(
      'history unreadable',
      `What comes next for it can't be read from the history's disk; it is tried again every second.${waiting}`,
    )
  }
  if (isSlow(life, moment, lag)) {
    return trouble(
      'reads slowly',
      `It reads slowly: its connection holds as much as it may, and the broker's sends to it are refused. ${messages(lag)} wait in its queue; nobody else waits for it. Its application takes messages slower than they are published, or stands still.`,
    )
  }
  if (missed > 0) {
    return trouble(
      'missed messages',
      `It lagged so far behind that ${messages(missed)} were deleted before it came to them (history.retention_days, history.max_bytes).`,
    )
  }
  if (matches(value, 'joined.flow.resuming')) {
    return wait(
      'confirming',
      'Its connection broke and is back. It is waited for to say how many frames it has received.',
    )
  }
  if (matches(value, 'joined.phase.replaying')) {
    return wait(
      'snapshot',
      `Its snapshot is being sent from the history; what is live comes behind it. ${messages(lag)} to go.`,
    )
  }
  if (lag > noticeableLag) return wait('behind', `It is behind by ${messages(lag)}, and is being fed from the history.`)
  return well('It is joined and has everything there is.')
}

/** A connection that is full for a moment is nothing; one that stays so, or behind which much waits, is. */
function isSlow(life: Life, { index, at }: Moment, lag: number): boolean {
  const tries = contextOf(life, index).fruitlessTries
  if (typeof tries === 'number' && tries >= fruitlessTries) return lag > 0
  const refusedAt = life.lastAt.get('send.refused')
  return refusedAt !== undefined && at - refusedAt < refusedSendMs && lag > noticeableLag
}

function contextOf(life: Life, index: number): { readonly [key: string]: JsonValue } {
  const context = life.stateAt(index)?.snapshot.context
  return typeof context === 'object' && context !== null && !Array.isArray(context)
    ? (context as { readonly [key: string]: JsonValue })
    : {}
}

/** How a subscription ended, as far as it was seen. */
function endOf(life: Life, { index }: Moment): string {
  const wasEvicted = life.lastStep(index)?.taken?.some(key => key.includes('evictAfter'))
  return wasEvicted ? 'It was stale for too long and was unsubscribed (evict_after).' : 'It unsubscribed.'
}

function sinceStale(life: Life, { index }: Moment): number {
  const { staleSinceMs } = contextOf(life, index)
  return typeof staleSinceMs === 'number' ? staleSinceMs : life.since(index)
}

function exchangeVerdict(life: Life, value: JsonValue, moment: Moment): Verdict {
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
  if (matches(value, 'complete')) return ended('The snapshot is complete.')
  if (matches(value, 'gathering'))
    return wait('gathering', `Envelopes are coming in; the last one came ${ago(forMs)} ago.`)
  return wait('reading history', 'It is being found out what the history has for the subscriber that asked.')
}

function endpointVerdict(life: Life, value: JsonValue, moment: Moment, chronicle: Chronicle): Verdict {
  if (matches(value, 'failed')) return trouble('failed', 'The endpoint cannot listen on its address. The broker ends.')
  if (matches(value, 'waiting'))
    return trouble('address taken', 'Another process holds its address; it is waited for (bind_retry).')
  if (matches(value, 'closed')) return ended('The endpoint is closed.')
  if (matches(value, 'binding')) return wait('binding', 'The endpoint is about to listen.')
  const totals = chronicle.readingAt(moment.at)?.totals
  const refused = Object.entries(totals?.refused ?? {}).toSorted(([, a], [, b]) => b - a)
  if (life.id === 'pub' && totals && totals.refusedPeers > 0) {
    return trouble(
      'eavesdropper refused',
      `An eavesdropper was refused ${times(totals.refusedPeers)}${lastTime(chronicle, moment, ({ refusedPeers }) => refusedPeers)}: somebody subscribed on pub to something that is nobody's p2p topic, such as the empty prefix. ` +
        'They were sent nothing. It may also be an application whose subscription is long forgotten.',
      totals.refusedPeers,
    )
  }
  if (life.id === 'sub' && refused.length > 0) {
    const sum = refused.reduce((total, [, count]) => total + count, 0)
    const reasons = refused.map(
      ([reason, count]) => `${count} × ${reason} (${refusalSentences[reason as RefusalReason] ?? reason})`,
    )
    return trouble(
      'invalid messages',
      `A publisher sends invalid messages: since the broker started, ${sum === 1 ? 'one was' : `${sum.toLocaleString('en-US')} were`} refused${lastTime(chronicle, moment, refusedSum)}. ${reasons.slice(0, 4).join('; ')}. ` +
        'They reached nobody; what is valid is delivered.',
      sum,
    )
  }
  return well('The endpoint listens.')
}

/** When a total rose last, in words; empty if that was not seen. */
function lastTime(chronicle: Chronicle, { at }: Moment, of: (totals: TotalFigures) => number): string {
  const readings = chronicle.readings
  for (let index = readings.length - 1; index > 0; index--) {
    const [now, before] = [readings[index], readings[index - 1]]
    if (now && before && now.at <= at && of(now.totals) > of(before.totals))
      return ` (the last time ${ago(at - now.at)} ago)`
  }
  return ''
}

function refusedSum({ refused }: TotalFigures): number {
  return Object.values(refused).reduce((sum, count) => sum + count, 0)
}

function sessionVerdict(value: JsonValue): Verdict {
  if (matches(value, 'away'))
    return trouble(
      'bus is away',
      'The bus does not answer heartbeats. The subscription may live on: it is asked again.',
    )
  if (matches(value, 'resubscribing'))
    return trouble('forgotten', 'The bus forgot the subscription. It is asked for a new one.')
  if (matches(value, 'opening')) return wait('subscribing', 'The bus is asked for a subscription.')
  if (matches(value, 'failed'))
    return trouble('refused', 'The bus refused the subscription, or did not answer in time.')
  if (matches(value, 'closed')) return ended('The session is closed.')
  return well('It is subscribed.')
}

function supervisorVerdict(value: JsonValue): Verdict {
  if (matches(value, 'running.serving')) return well('The broker serves.')
  if (matches(value, 'running.draining'))
    return wait('draining', 'The broker stops: what is queued for joined subscribers goes out.')
  if (matches(value, 'failed')) return trouble('failed', 'The broker failed: an endpoint cannot listen.')
  if (matches(value, 'stopped')) return ended('The broker stopped.')
  return wait('starting', 'The broker starts.')
}

function well(sentence: string): Verdict {
  return { health: 'well', brief: '', sentence }
}

function wait(brief: string, sentence: string): Verdict {
  return { health: 'waiting', brief, sentence }
}

function trouble(brief: string, sentence: string, occurrences?: number): Verdict {
  return { health: 'trouble', brief, sentence, ...(occurrences !== undefined && { occurrences }) }
}

function ended(sentence: string): Verdict {
  return { health: 'ended', brief: 'ended', sentence }
}

function messages(count: number): string {
  return count === 1 ? '1 message' : `${count.toLocaleString('en-US')} messages`
}

function times(count: number): string {
  return count === 1 ? 'once' : `${count.toLocaleString('en-US')} times`
}

/** A duration in words: `3 s`, `5 min`, `2 h`, `3 days`. */
export function ago(ms: number): string {
  const seconds = Math.max(0, ms) / 1000
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`
  if (seconds < 10) return `${Math.round(seconds * 10) / 10} s`
  if (seconds < 120) return `${Math.round(seconds)} s`
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h`
  return `${Math.round(seconds / 86_400)} days`
}

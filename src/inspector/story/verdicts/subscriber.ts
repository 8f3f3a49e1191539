import type { JsonValue } from '../../trace/records.ts'
import type { Chronicle } from '../chronicle.ts'
import { contextOf, ended, type Moment, trouble, type Verdict, wait, well } from '../health.ts'
import type { Life } from '../life.ts'
import { ago, messages } from '../quantities.ts'
import { matches } from '../state-value.ts'
import { readsSlowly } from './connection.ts'

/** A subscriber that has not joined for so long is worth a word; most join within milliseconds. */
const slowToJoinMs = 3000

/** So many messages are more than what is on its way between two looks. */
const noticeableLag = 1000

/** What is wrong with a broker's subscriber. */
export function subscriberVerdict(life: Life, value: JsonValue, moment: Moment, chronicle: Chronicle): Verdict {
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
  if (missed > 0) {
    return trouble(
      'missed messages',
      `It lagged so far behind that ${messages(missed)} were deleted before it came to them (history.retention_days, history.max_bytes).`,
    )
  }
  const holdUp = holdUpOf(life, moment, chronicle)
  if (holdUp !== undefined && lag > 0) return wait('behind', `It is behind by ${messages(lag)}, which wait: ${holdUp}`)
  if (matches(value, 'joined.phase.snapshotting.replaying')) {
    return wait(
      'snapshot',
      `Its snapshot is being sent from the history; what is live comes behind it. ${messages(lag)} to go.`,
    )
  }
  if (lag > noticeableLag) return wait('behind', `It is behind by ${messages(lag)}, and is being fed from the history.`)
  if (lag > 0) return well(`It is joined; ${messages(lag)} are on their way to it.`)
  return well('It is joined and has everything there is.')
}

/** Why nothing is being sent to it, if every connection that it has waits for something. */
function holdUpOf({ actor }: Life, moment: Moment, chronicle: Chronicle): string | undefined {
  let holdUp: string | undefined
  for (const connection of chronicle.childrenOf({ actor })) {
    const value = connection.stateAt(moment.index)?.snapshot.value ?? null
    if (!matches(value, 'open')) continue
    const why = readsSlowly(connection, value, moment)
      ? 'its application reads slowly, or not at all.'
      : Object.entries(holdUps).find(([state]) => matches(value, `open.flow.${state}`))?.[1]
    if (why === undefined) return undefined
    holdUp = why
  }
  return holdUp
}

/** Why nothing is sent on a connection, by the states in which that lasts. */
const holdUps: Readonly<Record<string, string>> = {
  held: 'its application has stopped its heartbeats.',
  resuming: 'it is waited for to say how many frames it has received.',
  locating: 'it is being found out how far it has come.',
  unlocated: 'how far it has come cannot be read from the disk.',
  unreadable: 'what comes next cannot be read from the disk.',
}

/** How a subscription ended, as far as it was seen. */
function endOf(life: Life, { index }: Moment): string {
  const last = life.lastStep(index)
  if (last?.taken?.some(key => key.includes('evictAfter')))
    return 'It was stale for too long and was unsubscribed (evict_after).'
  if (last?.event.type === 'room.needed')
    return 'It never joined and gave way to another one (max_subscribers, max_subscribers_per_address).'
  return last?.event.type === 'operator.dropped' ? 'The operator dropped it.' : 'It unsubscribed.'
}

function sinceStale(life: Life, { index }: Moment): number {
  const { staleSinceMs } = contextOf(life, index)
  return typeof staleSinceMs === 'number' ? staleSinceMs : life.since(index)
}

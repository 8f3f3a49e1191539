import { type Actor, type AnyActorRef, createActor, waitFor } from 'xstate'
import type { clientSessionChart } from '../../machines/client-session.ts'
import type { SubscribeAnswer, SubscriptionWish } from '../../machines/vocabulary-client.ts'
import { interestOf, shortened, typesOf } from '../protocol/topics.ts'
import type { Patience } from '../sockets/client/request.ts'
import type { SubscribeOptions } from './bus.ts'
import type { BusEvent } from './events.ts'
import { FeedChain } from './feed-chain.ts'
import { envelope } from './message.ts'
import type { Settings } from './options.ts'
import { DurablePlace, Place } from './place.ts'
import { readyMessage } from './publishable.ts'
import type { Publishing } from './publishing.ts'
import type { Requests } from './requests.ts'
import { sessionLogic } from './session.ts'
import { type AnswerSnapshot, SnapshotAnswers } from './snapshot-answers.ts'
import { OpenSubscription } from './subscription.ts'

/** What a subscription needs of the connection to the bus. */
interface BusSurroundings {
  readonly settings: Settings
  readonly requests: Requests
  readonly publishing: Publishing
  /** Aborted when the connection to the bus is closed. */
  readonly closing: AbortSignal
  /** The actor that sessions live beside. */
  readonly client: AnyActorRef
  began(session: Session): void
  /** The session has ended; no more is taken from it. */
  ended(session: Session): void
  tell(event: BusEvent): void
}

/** A session, and how many messages it has received. */
export interface Session {
  readonly actor: Actor<typeof clientSessionChart>
  readonly taken: number
}

/** Sessions of this process so far. */
let sessions = 0

/**
 * Opens a subscription. Fulfilled when the bus has granted it, else it throws why not: `BusUnavailableError`,
 * `SubscriptionRefusedError`, or the reason of the signal that ended the waiting.
 */
export async function openSubscription(
  wish: SubscriptionWish,
  options: Pick<SubscribeOptions, 'answerSnapshots' | 'signal' | 'durable'>,
  { settings, requests, publishing, closing, client, tell, began, ended }: BusSurroundings,
): Promise<OpenSubscription> {
  const { answerSnapshots, signal, durable } = options
  signal?.throwIfAborted()
  const shown = () => shortened(session.getSnapshot().context.grant?.topic ?? '')
  let isTold = false
  const notKept = (error: unknown) => {
    if (!isTold) tell({ event: 'place_not_kept', subscription: shown(), error })
    isTold = true
  }
  const place = durable === undefined ? new Place() : await DurablePlace.open(settings.stateDirectory, durable, notKept)
  if (closing.aborted || signal?.aborted) place.abandon()
  closing.throwIfAborted()
  signal?.throwIfAborted()
  const tellSession = (type: 'feed.broke' | 'feed.reconnected') => {
    if (session.getSnapshot().status === 'active') session.send({ type })
  }
  const feeds = new FeedChain(settings.highWaterMark, {
    broke: () => tellSession('feed.broke'),
    reconnected: () => tellSession('feed.reconnected'),
  })
  const answers = answerSnapshots && answersBy(answerSnapshots, settings, publishing, tell)
  const session = createActor(
    sessionLogic({
      requests: {
        subscribe: (_, patience) => subscribeFrom(place, wish, requests, patience),
        heartbeat: (...heartbeat) => requests.heartbeat(...heartbeat),
        unsubscribe: (...unsubscribe) => requests.unsubscribe(...unsubscribe),
      },
      settings,
      join: grant => {
        const { topic, from } = grant
        if (grant.continues && place.read !== undefined && from !== undefined && from > place.read + 1) {
          tell({ event: 'missed', subscription: shortened(topic), from: place.read + 1, to: from })
        }
        // What a snapshot has begun with, another one would.
        place.granted(topic, wish.snapshotDays > 0 || from === undefined ? undefined : from - 1)
        feeds.join(grant)
        publishing.listensAt(grant.subAddress)
      },
      leave: () => feeds.leave(),
      received: () => feeds.received(),
      tell: (event, topic, failure) => {
        const error = failure === undefined ? {} : { error: failure }
        tell({ event, subscription: shortened(topic), topics: wish.topics, ...error })
      },
    }),
    { id: `session.${++sessions}`, parent: client, input: wish },
  )
  const subscription = new OpenSubscription(session, feeds, {
    types: typesOf(interestOf(wish.topics)),
    place,
    snapshotRequested: async request => answers?.begin(request),
    ignored: reason => {
      tell({ event: 'frame_ignored', subscription: shown(), reason })
    },
    closing: async () => {
      await answers?.close(settings.closeTimeoutMs)
      await place.close()
    },
  })

  const seen: Session = {
    actor: session,
    get taken() {
      return feeds.taken
    },
  }
  began(seen)
  const close = () => void subscription.close()
  for (const each of [signal, closing]) each?.addEventListener('abort', close)
  subscription.ended.then(() => {
    ended(seen)
    for (const each of [signal, closing]) each?.removeEventListener('abort', close)
  })
  session.start()
  const { context, status } = await waitFor(session, snapshot => !snapshot.matches('opening'))
  if (status === 'active') {
    const { left } = place instanceof DurablePlace ? place : {}
    const patience = { timeoutMs: settings.requestTimeoutMs, signals: [closing] }
    // Where the bus does not answer, it evicts it in time.
    if (left !== undefined) requests.unsubscribe(left, patience).catch(() => {})
    return subscription
  }
  place.abandon()
  closing.throwIfAborted()
  signal?.throwIfAborted()
  throw context.failure ?? requests.noAnswer(settings.connectTimeoutMs)
}

/** Subscribes where the application is, or as it wished where there is no such place yet. */
async function subscribeFrom(
  place: Place,
  wish: SubscriptionWish,
  requests: Requests,
  patience: Patience,
): Promise<SubscribeAnswer> {
  const { read } = place
  const since = read === undefined ? {} : { snapshotDays: 0, since: read }
  const answer = await requests.subscribe({ ...wish, ...since }, patience)
  if (answer.answer === 'refused') return answer
  const { grant } = answer
  if (place instanceof DurablePlace && grant.from === undefined) {
    await requests.unsubscribe(grant.topic, patience)
    return { answer: 'refused', reason: 'it has no history that a durable subscription could go on in' }
  }
  // Smaller numbers are those of another log.
  if (read === undefined || (grant.from ?? 0) <= read) return answer
  return { answer: 'granted', grant: { ...grant, continues: true } }
}

/** Answers go to whoever asked, in envelopes, on the way that everything takes that is published. */
function answersBy(
  answer: AnswerSnapshot,
  settings: Settings,
  publishing: Publishing,
  tell: (event: BusEvent) => void,
): SnapshotAnswers {
  return new SnapshotAnswers(
    answer,
    async (request, object) => {
      const { text } = readyMessage(object, settings, tell)
      await publishing.publish('threatbus/snapshotenvelope', envelope(request, text))
    },
    tell,
  )
}

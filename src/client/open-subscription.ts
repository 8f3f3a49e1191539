import { type Actor, type AnyActorRef, createActor, waitFor } from 'xstate'
import type { clientSessionChart } from '../../machines/client-session.ts'
import type { SubscriptionWish } from '../../machines/vocabulary-client.ts'
import { interestOf, shortened, typesOf } from '../protocol/topics.ts'
import type { SubscribeOptions } from './bus.ts'
import type { BusEvent } from './events.ts'
import { FeedChain } from './feed-chain.ts'
import { envelope } from './message.ts'
import type { Settings } from './options.ts'
import { readyMessage } from './publishable.ts'
import type { Publishing } from './publishing.ts'
import { noAnswer, type Requests } from './requests.ts'
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
  { answerSnapshots, signal }: Pick<SubscribeOptions, 'answerSnapshots' | 'signal'>,
  { settings, requests, publishing, closing, client, tell, began, ended }: BusSurroundings,
): Promise<OpenSubscription> {
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
      requests,
      settings,
      join: grant => {
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
    snapshotRequested: async request => answers?.begin(request),
    ignored: reason => {
      const topic = session.getSnapshot().context.grant?.topic ?? ''
      tell({ event: 'frame_ignored', subscription: shortened(topic), reason })
    },
    closing: async () => answers?.close(settings.closeTimeoutMs),
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
  if (status === 'active') return subscription
  closing.throwIfAborted()
  signal?.throwIfAborted()
  throw context.failure ?? noAnswer(settings.manage, settings.connectTimeoutMs)
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
      const { text } = readyMessage(object, settings.maxMessageBytes)
      await publishing.publish('threatbus/snapshotenvelope', envelope(request, text))
    },
    tell,
  )
}

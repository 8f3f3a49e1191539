import type { ActorRefFrom } from 'xstate'
import type { brokerChart } from '../../machines/broker.ts'
import type { Backbone } from '../backbone/backbone.ts'
import type { Config } from '../config/schema.ts'
import { batchOf } from '../delivery/batch.ts'
import { type Decision, heldBytesOf, type PublicationAdmission } from '../delivery/publication-admission.ts'
import type { History } from '../history/history.ts'
import {
  errorReply,
  type ManagementReply,
  type ManagementRequest,
  noHistoryReply,
  nothingKeptReply,
  type RequestAction,
  receipt,
  subscribeReply,
  success,
} from '../protocol/management.ts'
import type { Message } from '../protocol/message.ts'
import type { MessageType } from '../protocol/topics.ts'
import type { ManageSocket, RawRequest } from '../sockets/manage.ts'
import type { Subscribers } from './subscribers.ts'
import type { Subscribing } from './subscribing.ts'
import type { NotAdmitted, SubscriptionAdmission } from './subscription-admission.ts'
import type { SubscriptionRecords } from './subscription-records.ts'

/** Who asks: where he is, and the way back. */
export type Asking = Pick<RawRequest, 'route' | 'address'>

/** What a request is answered, now or later. A promise of it never rejects. */
export type Answer = ManagementReply | Promise<ManagementReply>

/** What is done for each action. */
export type ManagementActions = {
  readonly [Action in RequestAction]: (
    request: Extract<ManagementRequest, { action: Action }>,
    asking: Asking,
  ) => Answer
}

/** What it takes to carry out requests. */
export interface ActionSurroundings {
  readonly supervisor: ActorRefFrom<typeof brokerChart>
  readonly subscribers: Subscribers
  readonly subscribing: Subscribing
  readonly subscriptionAdmission: SubscriptionAdmission
  readonly backbone: Backbone
  readonly clients: Pick<ManageSocket, 'reaches' | 'clientOf'>
  readonly advertised: Pick<Config['plugins']['apps']['zmq'], 'reply_ports' | 'advertise'>
  /** These three are undefined if there is no history. */
  readonly history: History | undefined
  readonly records: SubscriptionRecords | undefined
  readonly publicationAdmission: PublicationAdmission | undefined
  readonly reports: ActionReports
}

/** Who hears of what was done. */
export interface ActionReports {
  subscribed(topic: string, topics: readonly string[], snapshotDays: number): void
  notSubscribed(refusal: NotAdmitted, address: string): void
  slowRecord(): void
  published(messages: readonly Message<MessageType>[], upgraded: number): void
  receipts(messages: number): void
}

const unknownSubscription = errorReply('the broker does not know this subscription')

/** Why messages can't be published with a receipt now. */
const notStoredReasons: Readonly<Record<Exclude<Decision, 'admitted'>, string>> = {
  failing: 'the history cannot be written at present: try again later',
  crowded_out: 'the disk does not keep up, and too much waits for it already: try again later',
  closed: 'the broker is stopping',
}

/** What is done for each management action (PROTOCOL "Management"). When it is, the supervisor's chart says. */
export function managementActions(surroundings: ActionSurroundings): ManagementActions {
  const { supervisor, subscribers, subscribing, subscriptionAdmission, clients, advertised } = surroundings
  const { history, records, publicationAdmission, backbone, reports } = surroundings

  function tooSlow(): ManagementReply {
    reports.slowRecord()
    return errorReply('the disk does not keep up with subscriptions at present: try again')
  }

  return {
    /**
     * Opens a subscription. It is answered when the record of it has left this process: then it survives its end. If that takes
     * too long, or nobody is there any more to be answered, it is undone.
     */
    async subscribe(request, { route, address }) {
      const { numbered, since, snapshotDays } = request
      if (history === undefined && (numbered || since)) return nothingKeptReply
      if (records?.isOverdue) return tooSlow()
      const refusal = subscriptionAdmission.admit(address)
      if (refusal !== undefined) {
        reports.notSubscribed(refusal, address)
        return errorReply(refusal.reason)
      }
      const wish = { ...request, address }
      const subscription = subscribing.open(wish)
      const { topic, topics, snapshot, queue } = subscription
      const isKept = (await records?.writtenInTime()) ?? true
      // Others may have come while the disk was slow: what it waited for it would not get.
      if (subscribers.find(topic) === undefined) {
        return errorReply('the subscription gave way to others: try again later')
      }
      const broker = supervisor.getSnapshot()
      const isServing = broker.matches({ running: 'serving' })
      if (isKept && isServing && clients.reaches(route)) {
        subscribing.confirm(subscription, wish)
        reports.subscribed(topic, topics, snapshotDays)
        const from = snapshot?.from ?? queue.position
        const granted = { ...(numbered && { numbered }), ...((numbered || since) && { from }) }
        return subscribeReply(topic, broker.context.ports, advertised, granted)
      }
      subscribing.undo(subscription)
      if (!isServing) return errorReply('the broker is stopping')
      return isKept ? errorReply('nobody is there to be answered') : tooSlow()
    },

    unsubscribe({ topic }) {
      const subscription = subscribers.find(topic)
      subscription?.actor.send({ type: 'unsubscribe.requested' })
      return subscription ? success : unknownSubscription
    },

    heartbeat({ topic, received }) {
      const actor = subscribers.find(topic)?.actor
      if (actor === undefined) return unknownSubscription
      actor.send({ type: 'heartbeat.received' })
      if (received === undefined) return success
      // When that is answered is its own to say.
      return new Promise(resolve => {
        actor.send({ type: 'frames.confirmed', received, answer: () => resolve(success) })
      })
    },

    /** Publishes messages as soon as the disk keeps up, and answers when they are on disk. */
    async publish({ messages, upgraded }, { route }) {
      if (history === undefined || publicationAdmission === undefined) return noHistoryReply
      const batch = batchOf(messages)
      const bytes = heldBytesOf(batch)
      const decision = await publicationAdmission.enter(clients.clientOf(route), bytes)
      // What can't be stored isn't delivered, either: its publisher will try again.
      if (decision !== 'admitted') return errorReply(notStoredReasons[decision])
      const { first } = backbone.publish(batch)
      reports.published(messages, upgraded)
      const reply = await history.store.committed().then(
        () => {
          reports.receipts(messages.length)
          return receipt(first + messages.length - 1)
        },
        () => errorReply(notStoredReasons.failing),
      )
      publicationAdmission.leave(bytes)
      return reply
    },
  }
}

import type { Logger } from 'pino'
import type { DepartureReason, SnapshotOutcome, StaleReason, SubscriberStep } from '../../machines/vocabulary.ts'
import { shortened } from '../protocol/topics.ts'

const staleSentences: Readonly<Record<StaleReason, string>> = {
  never_joined: 'its SUB socket never joined',
  disconnected: 'its SUB socket disconnected',
  heartbeat_stopped: 'its heartbeats stopped',
  broker_restarted: 'it was subscribed before the broker was restarted; its SUB socket is expected back',
}

const departureSentences: Readonly<Record<DepartureReason, string>> = {
  requested: 'it asked to',
  evicted: 'it was stale for too long',
  crowded_out: 'it never joined, and another one needed its room',
  dropped: 'the operator dropped it',
}

const outcomeSentences: Readonly<Record<SnapshotOutcome, string>> = {
  complete: 'snapshot complete',
  nobody_asked: 'snapshot complete: there is no application to ask',
  nobody_answered: 'snapshot expired: no application answered',
  requester_left: 'snapshot expired: the subscriber that asked left',
  crowded_out: 'snapshot expired: too many snapshots are being gathered',
  failed: 'snapshot expired: what gathered it failed',
}

/** Tells an operator what happens to subscribers. A p2p topic is a secret: always shortened here. */
export class Story {
  readonly #log: Logger

  constructor(log: Logger) {
    this.#log = log
  }

  subscribed(topic: string, topics: readonly string[], snapshotDays: number): void {
    this.#log.info({ subscriber: shortened(topic), topics, snapshotDays }, 'subscribed')
  }

  /** A step of the subscriber's chart. */
  step(topic: string, step: SubscriberStep): void {
    const subscriber = shortened(topic)
    switch (step.step) {
      case 'joined':
        this.#log.info({ subscriber }, 'joined: its SUB socket is there')
        break
      case 'back':
        this.#log.info({ subscriber }, 'back')
        break
      case 'stale': {
        // At a restart every subscriber takes this step: that is one line, not ten thousand.
        const level = step.reason === 'broker_restarted' ? 'debug' : 'info'
        this.#log[level]({ subscriber, reason: step.reason }, `stale: ${staleSentences[step.reason]}`)
        break
      }
      case 'unsubscribed':
        this.#log.info({ subscriber, reason: step.reason }, `unsubscribed: ${departureSentences[step.reason]}`)
    }
  }

  snapshotClosed(topic: string, snapshotId: string, outcome: SnapshotOutcome): void {
    this.#log.info({ subscriber: shortened(topic), snapshotId, outcome }, outcomeSentences[outcome])
  }
}

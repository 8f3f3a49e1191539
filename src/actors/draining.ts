import type { Subscription as Observing } from 'xstate'
import type { Subscription } from './subscriber.ts'
import type { Subscribers } from './subscribers.ts'

/** What draining needs of the broker. */
export interface DrainingSurroundings {
  readonly subscribers: Subscribers
  /** Asks at once what has arrived of what was sent: what is not known to have comes again after a restart. */
  askWhatArrived(): void
}

/** Messages that wait for subscribers that are there to take them. */
export function undelivered(subscribers: Iterable<Subscription>): number {
  let messages = 0
  for (const subscription of subscribers) messages += waitingFor(subscription)
  return messages
}

/**
 * Fulfilled when nothing waits for a subscriber that is there to take it, and everything has arrived that was sent to
 * libraries that acknowledge it, or when the signal is aborted. Never rejects.
 */
export function delivered({ subscribers, askWhatArrived }: DrainingSurroundings, signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    /** Those that lacked something when they were looked at last, and how it is heard that they are not there any more. */
    const lacking = new Map<Subscription, Observing>()
    subscribers.onProgress = look
    signal.addEventListener('abort', end)
    askWhatArrived()
    lookAtAll()

    function look(subscription: Subscription): void {
      const observing = lacking.get(subscription)
      if (observing === undefined) return
      if (waitingFor(subscription) > 0) return
      if (isAnythingOnItsWay(subscription)) askWhatArrived()
      else {
        observing.unsubscribe()
        lacking.delete(subscription)
        if (lacking.size === 0) lookAtAll()
      }
    }

    /** Who lacked nothing may have been sent something meanwhile. */
    function lookAtAll(): void {
      for (const subscription of subscribers) {
        if (waitingFor(subscription) === 0 && !isAnythingOnItsWay(subscription)) continue
        const observing = subscription.actor.subscribe({ next: () => look(subscription), error() {} })
        lacking.set(subscription, observing)
      }
      if (lacking.size === 0) end()
    }

    function end(): void {
      subscribers.onProgress = undefined
      for (const observing of lacking.values()) observing.unsubscribe()
      lacking.clear()
      resolve()
    }
  })
}

function waitingFor({ actor, queue }: Subscription): number {
  const snapshot = actor.getSnapshot()
  return snapshot.status === 'active' && snapshot.matches('joined') ? queue.lag : 0
}

/** Was something sent to libraries that acknowledge it, and have not? */
function isAnythingOnItsWay({ queue }: Subscription): boolean {
  for (const { boundBy, unacknowledgedBytes } of queue.deliveries) {
    if (boundBy === 'window' && unacknowledgedBytes > 0) return true
  }
  return false
}

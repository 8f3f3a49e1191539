import type { OperatorRequest, SubscriptionFilter } from '../history/lock/operator-request.ts'
import { shortened } from '../protocol/topics.ts'
import { inSlices } from '../turns/slices.ts'
import type { Subscription } from './subscriber.ts'
import type { Subscribers } from './subscribers.ts'

/** What the operator's requests need of the broker. */
export interface OperatorSurroundings {
  readonly subscribers: Subscribers
  /** What is shown of a subscription. */
  describe(subscription: Subscription): object
  /** Hears what was done. */
  dropped(subscriptions: number): void
}

/**
 * Carries out what the operator asks for: lists subscriptions, or ends them. Both go on in slices, however many there are.
 * Answers a line for each that is listed, `{ dropped }`, or `{ matching }` if that is more than was to be dropped.
 */
export async function carryOut(
  request: OperatorRequest,
  { subscribers, describe, dropped }: OperatorSurroundings,
): Promise<readonly object[]> {
  const fits = fitting(request.filter)
  const found: Subscription[] = []
  const lines: object[] = []
  await inSlices(subscribers, subscription => {
    if (!fits(subscription)) return
    if (request.command === 'subscribers.list') lines.push(describe(subscription))
    else found.push(subscription)
  })
  if (request.command === 'subscribers.list') return lines
  const { atMost = Number.POSITIVE_INFINITY } = request
  if (found.length > atMost) return [{ matching: found.length }]
  let ended = 0
  await inSlices(found, subscription => {
    // Meanwhile it may have joined, or be gone.
    if (subscribers.find(subscription.topic) !== subscription || !fits(subscription)) return
    subscription.actor.send({ type: 'operator.dropped' })
    ended++
  })
  if (ended > 0) dropped(ended)
  return [{ dropped: ended }]
}

function fitting({ subscribers, address, neverJoined, stale }: SubscriptionFilter): (of: Subscription) => boolean {
  const named = subscribers && new Set(subscribers)
  return ({ topic, address: from, actor }) => {
    const snapshot = actor.getSnapshot()
    if (named && !named.has(shortened(topic))) return false
    if (address !== undefined && address !== from) return false
    if (neverJoined && snapshot.context.hasJoined) return false
    return !stale || snapshot.matches('stale')
  }
}

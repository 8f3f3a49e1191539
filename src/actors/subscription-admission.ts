import type { Config } from '../config/schema.ts'
import type { Subscribers } from './subscribers.ts'
import { TokenBuckets } from './token-buckets.ts'

/** How many subscriptions there may be, and how fast they may be opened. */
export interface SubscriptionLimits {
  readonly maxSubscribers: number
  readonly maxPerAddress: number
  /** In the long run, by one address; all together may open {@link addressesAtOnce} times as many. */
  readonly subscribesPerSecond: number
}

/** An address may have so many subscriptions, unless it is configured: those of one host, where there are few in all. */
const leastShare = 1000

/** The limits as they are configured. */
export function subscriptionLimits(config: Config): SubscriptionLimits {
  const { max_subscribers: maxSubscribers, max_subscribers_per_address: ofOne, subscribe_rate: perSecond } = config
  const maxPerAddress = ofOne ?? Math.max(leastShare, Math.ceil(maxSubscribers / 2))
  return { maxSubscribers, maxPerAddress, subscribesPerSecond: perSecond }
}

/** A limit that may stand in the way of a subscription: its key in the configuration. */
export type SubscriptionLimit = 'max_subscribers' | 'max_subscribers_per_address' | 'subscribe_rate'

/** Why a subscription is refused. */
export interface NotAdmitted {
  readonly limit: SubscriptionLimit
  /** For who asked. */
  readonly reason: string
}

/** What it takes to decide. */
export interface SubscriptionAdmissionSurroundings {
  readonly subscribers: Subscribers
  /** Hears each time that a limit is reached, also if a subscriber then gives way. */
  reached(limit: SubscriptionLimit): void
  /** The time by a clock that does not jump. */
  nowMs(): number
}

/** So many addresses at once may subscribe as fast as one may. */
const addressesAtOnce = 10

/** Addresses of which it is remembered how fast they subscribe: those that did last. */
const maxAddresses = 10_000

/**
 * Decides who may subscribe. There is room for as many subscriptions as may be, and in it a share for each address; when one of
 * them is full, a subscriber that never joined gives way, of which nobody knows that it will. One that has joined never does.
 */
export class SubscriptionAdmission {
  readonly #limits: SubscriptionLimits
  readonly #surroundings: SubscriptionAdmissionSurroundings
  readonly #addresses: TokenBuckets
  readonly #all: TokenBuckets

  constructor(limits: SubscriptionLimits, surroundings: SubscriptionAdmissionSurroundings) {
    const { maxSubscribers, maxPerAddress, subscribesPerSecond: perSecond } = limits
    this.#limits = limits
    this.#surroundings = surroundings
    // All that may be may come at once, as after a restart of theirs.
    this.#addresses = new TokenBuckets({ capacity: Math.max(maxPerAddress, perSecond), perSecond }, maxAddresses)
    const inAll = perSecond * addressesAtOnce
    this.#all = new TokenBuckets({ capacity: Math.max(maxSubscribers, inAll), perSecond: inAll }, 1)
  }

  /** Makes room for a subscription from this address; answers why there is none, or undefined. */
  admit(address: string): NotAdmitted | undefined {
    const refusal = this.#paceOf(address) ?? this.#roomFor(address)
    if (refusal !== undefined) this.#surroundings.reached(refusal.limit)
    return refusal
  }

  #paceOf(address: string): NotAdmitted | undefined {
    const { subscribesPerSecond } = this.#limits
    const nowMs = this.#surroundings.nowMs()
    const limit = 'subscribe_rate'
    if (!this.#addresses.has(address, nowMs)) {
      const rate = `${limit} is ${subscribesPerSecond} a second`
      return { limit, reason: `${address} subscribes too often (${rate}): try again later` }
    }
    if (!this.#all.has('', nowMs)) {
      return { limit, reason: `too many subscribe at once (${limit}, of all together): try again later` }
    }
    this.#addresses.take(address, nowMs)
    this.#all.take('', nowMs)
    return undefined
  }

  #roomFor(address: string): NotAdmitted | undefined {
    const { maxSubscribers, maxPerAddress } = this.#limits
    const { subscribers } = this.#surroundings
    const { shares } = subscribers
    if (
      shares.held(address) >= maxPerAddress &&
      !this.#clears('max_subscribers_per_address', shares.longestWaiting(address))
    ) {
      const share = `${maxPerAddress}, max_subscribers_per_address`
      return {
        limit: 'max_subscribers_per_address',
        reason: `${address} has as many subscribers as one address may (${share}), and all of them have joined`,
      }
    }
    if (subscribers.size >= maxSubscribers && !this.#clears('max_subscribers', shares.longestWaiting())) {
      return {
        limit: 'max_subscribers',
        reason: `the broker has as many subscribers as it admits (${maxSubscribers}), and all of them have joined`,
      }
    }
    return undefined
  }

  /** Lets the subscriber of a p2p topic give way. False if there is none, or it does not. */
  #clears(limit: SubscriptionLimit, topic: string | undefined): boolean {
    const { subscribers, reached } = this.#surroundings
    if (topic === undefined) return false
    subscribers.find(topic)?.actor.send({ type: 'room.needed' })
    if (subscribers.find(topic) !== undefined) return false
    reached(limit)
    return true
  }
}

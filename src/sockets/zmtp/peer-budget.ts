import { setImmediate as nextTurn } from 'node:timers/promises'
import type { BreakReason } from './break-reason.ts'
import { ReadTurns } from './read-turns.ts'

/** Who holds something of the budget. */
export interface Holder {
  /** Where it comes from (see {@link countedAddress}). */
  readonly address: string
  /** Is it read at present? Who is not may have sent anything. */
  readonly isRead: boolean
  /** It has to let go of what it holds: its connection is closed. */
  break(reason: BreakReason): void
}

/** How much there is. */
export interface PeerBudgetOptions {
  /** Bytes that all connections together may hold. */
  readonly maxBytes: number
  /** In so long a message that has begun has to end, or to come on by {@link stepBytes}. */
  readonly messageTimeoutMs: number
  /** Something had to go so that others have room. */
  exceeded(): void
}

/** A message that has begun comes on by so many bytes in its time, or ends: a long one gets through a slow line. */
export const stepBytes = 65_536

/** Of the budget, prefixes may have this part: they stay, and messages come and go. */
const prefixPart = 1 / 4

/** When there is too much, some goes: looking for it is worth it for what comes until the next time. */
const partLeft = 7 / 8

/** How fast a message comes is seen after so long; what came before that counts less with each such time. */
const paceMs = 2000

/** It is looked after messages that do not come on so often in their time. */
const looksPerTimeout = 8

/**
 * What connections hold for which nobody answers yet, over all endpoints: messages that have not come whole, and prefixes. Each
 * connection may hold what is allowed to one; all of them together no more than this. If it is too much, the address that
 * holds most gives some back: of its messages the slowest to come, of its connections the one with most prefixes.
 *
 * So one address takes no room from another that holds less, and on one host who stalls goes before who sends.
 */
export class PeerBudget {
  /** How much of them is read in a turn of the event loop. */
  readonly turns = new ReadTurns()
  readonly #options: PeerBudgetOptions
  /** Connections with a message that has not come whole. */
  readonly #unfinished = new Set<PeerAccount>()
  readonly #prefixed = new Set<PeerAccount>()
  #unfinishedBytes = 0
  #prefixBytes = 0
  #looking: NodeJS.Timeout | undefined

  constructor(options: PeerBudgetOptions) {
    this.#options = options
  }

  /** Bytes that are held. */
  get held(): Readonly<Record<'unfinished' | 'prefixes', number>> {
    return { unfinished: this.#unfinishedBytes, prefixes: this.#prefixBytes }
  }

  /** Opens the account of a connection. */
  open(holder: Holder): PeerAccount {
    return new PeerAccount(holder, {
      unfinished: (account, change) => {
        this.#unfinishedBytes += change
        if (account.unfinishedBytes === 0) this.#forget(account)
        else if (!this.#unfinished.has(account)) this.#watch(account)
        if (change > 0) this.#keep()
      },
      prefixes: (account, change) => {
        this.#prefixBytes += change
        if (account.prefixBytes === 0) this.#prefixed.delete(account)
        else this.#prefixed.add(account)
        if (change > 0) this.#keep()
      },
    })
  }

  #watch(account: PeerAccount): void {
    this.#unfinished.add(account)
    if (this.#looking !== undefined) return
    const pauseMs = this.#options.messageTimeoutMs / looksPerTimeout
    this.#looking = setInterval(() => void this.#look(), pauseMs).unref()
  }

  #forget(account: PeerAccount): void {
    this.#unfinished.delete(account)
    if (this.#unfinished.size > 0) return
    clearInterval(this.#looking)
    this.#looking = undefined
  }

  /** Closes the connections of messages that do not come on. */
  async #look(): Promise<void> {
    const nowMs = performance.now()
    const overdue: [PeerAccount, number][] = []
    for (const account of this.#unfinished) {
      if (!account.holder.isRead) account.restart(nowMs)
      else if (account.isOverdue(nowMs, this.#options.messageTimeoutMs)) overdue.push([account, account.came])
    }
    // What came while the process was busy is read before that.
    await nextTurn()
    for (const [account, came] of overdue) {
      const isStill = account.came === came && account.isOverdue(nowMs, this.#options.messageTimeoutMs)
      if (isStill && account.unfinishedBytes > 0) account.holder.break('too_slow')
    }
  }

  /** Keeps what is held within what may be. */
  #keep(): void {
    const { maxBytes } = this.#options
    if (this.#prefixBytes > maxBytes * prefixPart) this.#shortenPrefixes()
    if (this.#unfinishedBytes + this.#prefixBytes > maxBytes) this.#shortenMessages()
  }

  #shortenMessages(): void {
    const nowMs = performance.now()
    const left = this.#options.maxBytes * partLeft - this.#prefixBytes
    this.#shorten(
      this.#unfinished,
      ({ unfinishedBytes }) => unfinishedBytes,
      account => account.rank(nowMs),
      () => this.#unfinishedBytes > left,
    )
  }

  #shortenPrefixes(): void {
    this.#shorten(
      this.#prefixed,
      ({ prefixBytes }) => prefixBytes,
      ({ prefixBytes }) => -prefixBytes,
      () => this.#prefixBytes > this.#options.maxBytes * prefixPart * partLeft,
    )
  }

  /** Closes connections of the address that holds most, those of the lowest rank first, as long as it is too much. */
  #shorten(
    accounts: ReadonlySet<PeerAccount>,
    bytesOf: (account: PeerAccount) => number,
    rankOf: (account: PeerAccount) => number,
    isTooMuch: () => boolean,
  ): void {
    this.#options.exceeded()
    const addresses = new Map<string, Origin>()
    for (const account of accounts) {
      const address = addresses.get(account.holder.address) ?? { bytes: 0, ranked: [] }
      address.bytes += bytesOf(account)
      address.ranked.push([rankOf(account), account])
      addresses.set(account.holder.address, address)
    }
    const sorted = [...addresses.values()].sort((one, other) => one.bytes - other.bytes)
    for (const { ranked } of sorted) ranked.sort(([one], [other]) => other - one)
    while (isTooMuch()) {
      const most = sorted.pop()
      const [, account] = most?.ranked.pop() ?? []
      if (most === undefined || account === undefined) return
      most.bytes -= bytesOf(account)
      if (most.ranked.length > 0) sorted.splice(placeIn(sorted, most.bytes), 0, most)
      account.holder.break('crowded_out')
    }
  }
}

/** What the connections of an address hold, and which of them goes first: the last. */
interface Origin {
  bytes: number
  readonly ranked: [rank: number, account: PeerAccount][]
}

/** Where somebody who holds so much stands among those who are sorted by that. */
function placeIn(sorted: readonly Origin[], bytes: number): number {
  let low = 0
  for (let high = sorted.length; low < high; ) {
    const middle = (low + high) >>> 1
    if ((sorted[middle] as Origin).bytes < bytes) low = middle + 1
    else high = middle
  }
  return low
}

/** What one connection holds of the {@link PeerBudget}. */
export class PeerAccount {
  readonly holder: Holder
  readonly #changed: Readonly<Record<'unfinished' | 'prefixes', (account: PeerAccount, change: number) => void>>
  #unfinishedBytes = 0
  #prefixBytes = 0
  /** Bytes that came since the message began, and when that was. */
  #came = 0
  #beganMs = 0
  /** The time in which it has to come on began then, when so many had come. */
  #stepMs = 0
  #stepCame = 0
  /** What came lately, as of a moment. */
  #lately = 0
  #latelyMs = 0

  constructor(
    holder: Holder,
    changed: Readonly<Record<'unfinished' | 'prefixes', (account: PeerAccount, change: number) => void>>,
  ) {
    this.holder = holder
    this.#changed = changed
  }

  get unfinishedBytes(): number {
    return this.#unfinishedBytes
  }

  get prefixBytes(): number {
    return this.#prefixBytes
  }

  /** Bytes that came since the message began that has not come whole. */
  get came(): number {
    return this.#came
  }

  /**
   * So much is held now of a message that has not come whole; 0: there is none.
   *
   * @param came bytes that came since the last call
   * @param isNew has another message ended meanwhile?
   */
  unfinished(bytes: number, came: number, isNew: boolean): void {
    const change = bytes - this.#unfinishedBytes
    this.#unfinishedBytes = bytes
    if (bytes > 0) {
      const nowMs = performance.now()
      if (isNew || bytes === change) this.restart(nowMs)
      this.#came += came
      this.#lately = this.#latelyAt(nowMs) + came
      this.#latelyMs = nowMs
      if (this.#came - this.#stepCame >= stepBytes) this.#step(nowMs)
    }
    this.#changed.unfinished(this, change)
  }

  /** So much more, or less, is held in prefixes. */
  prefixes(change: number): void {
    this.#prefixBytes += change
    this.#changed.prefixes(this, change)
  }

  /** The message is as if it had begun now: no time has passed in which it did not come on. */
  restart(nowMs: number): void {
    this.#came = 0
    this.#lately = 0
    this.#beganMs = nowMs
    this.#latelyMs = nowMs
    this.#step(nowMs)
  }

  /** Nothing is held any more. */
  close(): void {
    if (this.#unfinishedBytes > 0) this.unfinished(0, 0, false)
    if (this.#prefixBytes > 0) this.prefixes(-this.#prefixBytes)
  }

  /** Has it not come on for so long? */
  isOverdue(nowMs: number, timeoutMs: number): boolean {
    return nowMs - this.#stepMs >= timeoutMs
  }

  /**
   * Of a message whose pace can be seen, how fast it comes, in bytes per millisecond. Others rank higher: those that began just now,
   * the more they hold and the longer nothing came the lower; and highest those that are not read at present, who can't help it.
   */
  rank(nowMs: number): number {
    const ageMs = nowMs - this.#beganMs
    if (!this.holder.isRead) return Number.MAX_VALUE
    if (ageMs < paceMs) return Number.MAX_SAFE_INTEGER - this.#unfinishedBytes * (nowMs - this.#latelyMs)
    return this.#latelyAt(nowMs) / (paceMs * (1 - Math.exp(-ageMs / paceMs)))
  }

  #latelyAt(nowMs: number): number {
    return this.#lately * Math.exp((this.#latelyMs - nowMs) / paceMs)
  }

  #step(nowMs: number): void {
    this.#stepMs = nowMs
    this.#stepCame = this.#came
  }
}

import { setTimeout as sleep } from 'node:timers/promises'
import { throwIfAborted } from '../sockets/client/request.ts'
import { BusClosedError, BusUnavailableError, InvalidMessageError } from './errors.ts'
import type { BusEvent, ReceiptLack } from './events.ts'
import type { Settings } from './options.ts'
import type { ReadyMessage } from './publishable.ts'
import type { PublishAnswer, Requests } from './requests.ts'
import { retryPauseMs } from './session.ts'

/** What the bus says of a message that is on its disk. */
export interface Receipt {
  /** The message's number in the bus's log. */
  readonly sequence: number
}

/** Messages of one request, and bytes of them. */
const maxAtOnce = 500
const maxBytesAtOnce = 1_048_576

/** A message that waits for its receipt. */
interface Waiting {
  readonly message: ReadyMessage
  readonly signal: AbortSignal | undefined
  resolve(receipt: Receipt | undefined): void
  reject(error: unknown): void
}

/**
 * Publishes with receipts: one request at a time, in order. What is published while a request is under way goes together
 * with the next, so a publisher that does not wait for each receipt is fast.
 *
 * A request that is not answered is made again, for the bus may not have got it; if it had, its messages are twice in the
 * log. That is the price of losing none.
 *
 * A bus that gives no receipts may be replaced by one that does. Messages then go on a connection, and a bus that ends
 * breaks it: so when it broke, the next message asks whoever answers then. What stands between may keep a connection
 * that leads to another bus by now, so that one message asks again anyway, as often as a heartbeat asks for the
 * subscription. A bus that gives receipts is asked with every request, and so is the one in its place.
 */
export class Receipts {
  readonly #settings: Settings
  readonly #requests: Requests
  /** Publishes without a receipt, on a bus that gives none. */
  readonly #withoutReceipt: (message: ReadyMessage, signals: readonly AbortSignal[]) => Promise<void>
  readonly #tell: (event: BusEvent) => void
  readonly #gaveUp = new AbortController()
  #waiting: Waiting[] = []
  #work: Promise<void> | undefined
  /** When a bus that gave no receipts is asked for them again, by `performance.now()`; undefined if it gave them. */
  #askAgainMs: number | undefined
  #hasAnswered = false

  constructor(
    settings: Settings,
    requests: Requests,
    withoutReceipt: (message: ReadyMessage, signals: readonly AbortSignal[]) => Promise<void>,
    tell: (event: BusEvent) => void,
  ) {
    this.#settings = settings
    this.#requests = requests
    this.#withoutReceipt = withoutReceipt
    this.#tell = tell
  }

  /**
   * Publishes a message. Fulfilled with its receipt, or with undefined if this bus gives none and the connection took it.
   *
   * Throws `InvalidMessageError` if the bus refuses it, `BusUnavailableError` if there is no receipt in time: then it is not
   * known whether the bus has it.
   */
  publish(message: ReadyMessage, signal?: AbortSignal): Promise<Receipt | undefined> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ message, signal, resolve, reject })
      this.#work ??= this.#publishAll()
    })
  }

  /** Does the bus give receipts? Undefined: it has not been asked yet, or did not answer. */
  get areGiven(): boolean | undefined {
    if (this.#askAgainMs !== undefined) return false
    return this.#hasAnswered ? true : undefined
  }

  /** The bus may be another one by now: if it gave no receipts, the next message asks for one. */
  askAgain(): void {
    if (this.#askAgainMs !== undefined) this.#askAgainMs = 0
  }

  /** Fulfilled when everything has its receipt or has failed; what is left after the closing timeout is given up. */
  async close(): Promise<boolean> {
    const timer = setTimeout(() => this.#gaveUp.abort(new BusClosedError()), this.#settings.closeTimeoutMs)
    await this.#work
    clearTimeout(timer)
    return !this.#gaveUp.signal.aborted
  }

  async #publishAll(): Promise<void> {
    // Whoever publishes several messages at once has them in one request.
    await undefined
    while (this.#waiting.length > 0) {
      if (this.#askAgainMs === undefined) await this.#publishBatch(this.#takeBatch(maxAtOnce))
      else if (performance.now() >= this.#askAgainMs) await this.#publishBatch(this.#takeBatch(1))
      else await this.#publishWithout(this.#waiting.splice(0, maxAtOnce))
    }
    // At once, and not when this promise is settled: what is published in between would wait for ever.
    this.#work = undefined
  }

  /** Takes what goes with the next request; what was aborted meanwhile does not go. */
  #takeBatch(atMost: number): Waiting[] {
    let bytes = 0
    let count = 0
    while (count < this.#waiting.length && count < atMost) {
      bytes += Buffer.byteLength((this.#waiting[count] as Waiting).message.text)
      if (count > 0 && bytes > maxBytesAtOnce) break
      count++
    }
    return this.#waiting.splice(0, count).filter(({ signal, reject }) => {
      if (signal?.aborted) reject(signal.reason)
      return !signal?.aborted
    })
  }

  /** Publishes what goes with one request; in parts, if the bus can't take so much at once. */
  async #publishBatch(batch: readonly Waiting[], startMs = performance.now()): Promise<void> {
    let rest = batch
    while (rest.length > 0) {
      try {
        const answer = await this.#insist(rest, startMs)
        if (answer.answer === 'stored') {
          this.#noteReceipts()
          return settle(rest, answer.last)
        }
        if (answer.answer === 'unable') return await this.#publishHalves(rest, startMs)
        if (answer.answer === 'unsupported') {
          this.#noteLack(answer.reason)
          return await this.#publishWithout(rest)
        }
        // All or nothing: without the one that is at fault, the others go again.
        rest[answer.index]?.reject(new InvalidMessageError(answer.reason))
        rest = rest.filter((_, index) => index !== answer.index)
      } catch (error) {
        for (const { reject } of rest) reject(error)
        return
      }
    }
  }

  async #publishHalves(batch: readonly Waiting[], startMs: number): Promise<void> {
    const half = Math.ceil(batch.length / 2)
    await this.#publishBatch(batch.slice(0, half), startMs)
    await this.#publishBatch(batch.slice(half), startMs)
  }

  /**
   * Makes the request until there is an answer that says what became of it, or the time for that is over. That the bus is
   * unable is such an answer only if there is less that could be asked of it.
   */
  async #insist(batch: readonly Waiting[], startMs: number): Promise<PublishAnswer> {
    const texts = batch.map(({ message }) => message.text)
    const { requestTimeoutMs: timeoutMs, publishTimeoutMs, connectTimeoutMs, waitForBus } = this.#settings
    const signals = [this.#gaveUp.signal]
    let because = ''
    for (let attempts = 1; ; attempts++) {
      try {
        const answer = await this.#requests.publish(texts, { timeoutMs, signals })
        this.#hasAnswered = true
        if (answer.answer !== 'unable' || batch.length > 1) return answer
        because = answer.reason
      } catch (error) {
        if (!(error instanceof BusUnavailableError)) throw error
        because = error.message
        // A bus that never answered is not waited for as long as one that is away.
        if (!this.#hasAnswered && (!waitForBus || performance.now() - startMs > connectTimeoutMs)) throw error
      }
      const pauseMs = retryPauseMs(attempts, this.#settings)
      if (this.#hasAnswered && performance.now() + pauseMs > startMs + publishTimeoutMs) break
      await sleep(pauseMs, undefined, { signal: this.#gaveUp.signal }).catch(() => throwIfAborted(signals))
    }
    throw new BusUnavailableError(
      `no receipt within ${publishTimeoutMs} ms, so it is not known what the bus has: ${because}`,
    )
  }

  #noteReceipts(): void {
    if (this.#askAgainMs !== undefined) this.#tell({ event: 'with_receipts' })
    this.#askAgainMs = undefined
  }

  #noteLack(reason: ReceiptLack): void {
    if (this.#askAgainMs === undefined) this.#tell({ event: 'without_receipts', reason })
    this.#askAgainMs = performance.now() + this.#settings.heartbeatIntervalMs
  }

  async #publishWithout(waiting: readonly Waiting[]): Promise<void> {
    for (const { message, signal, resolve, reject } of waiting) {
      const signals = signal === undefined ? [this.#gaveUp.signal] : [this.#gaveUp.signal, signal]
      await this.#withoutReceipt(message, signals).then(() => resolve(undefined), reject)
    }
  }
}

/** Gives everyone the receipt: the messages of one request have consecutive numbers. */
function settle(batch: readonly Waiting[], last: number): void {
  for (const [index, { resolve }] of batch.entries()) resolve({ sequence: last - batch.length + 1 + index })
}

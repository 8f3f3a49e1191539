import type { RequestLimit } from '../protocol/management.ts'
import { errorReply } from '../protocol/management.ts'
import { refuse } from '../protocol/refusal.ts'
import type { BackgroundThread } from '../threads/background-thread.ts'
import { type CheckingSettings, checkingThread, memoryOfTask } from './checking-thread.ts'
import type { CheckingTask } from './checking-worker.ts'
import { type Crossing, crossed, type DecodedFrame, type DecodedRequest } from './crossing.ts'

/** How large messages are checked. */
export interface LargeMessagesSettings extends CheckingSettings {
  /** Bytes of them that may wait. */
  readonly maxUncheckedBytes: number
  /** Awaited before each: what the disk does not keep up with waits here, where it is bounded, and holds up nobody else. */
  ready(): Promise<void>
}

/** Why a message was not checked. */
type Failure = { readonly failed: 'crowded_out' } | { readonly failed: 'check_failed'; readonly because: string }

interface Waiting {
  readonly task: CheckingTask
  readonly bytes: number
  resolve(answer: Crossing | Failure): void
}

/**
 * Decodes and checks large messages, one after the other in a thread: nobody else waits for that. Addresses take turns. Beyond
 * what may wait, what came last from the address with most of it is not checked: who sends much crowds himself out.
 */
export class LargeMessages {
  readonly #maxBytes: number
  readonly #reached: (limit: RequestLimit) => void
  readonly #upgraded: () => void
  readonly #ready: () => Promise<void>
  readonly #thread: BackgroundThread<CheckingTask, Crossing>
  /** By address. Whose turn is next stands first. */
  readonly #waiting = new Map<string, Waiting[]>()
  #checking: Waiting | undefined
  #bytes = 0
  /** How often it was closed. */
  #ends = 0
  #crowdedOut = 0

  /**
   * @param reached hears of requests that were refused because they go beyond a limit
   * @param upgraded hears of each message on `sub` that was upgraded from STIX 2.0
   */
  constructor(settings: LargeMessagesSettings, reached: (limit: RequestLimit) => void, upgraded = () => {}) {
    this.#maxBytes = settings.maxUncheckedBytes
    this.#reached = reached
    this.#upgraded = upgraded
    this.#ready = () => settings.ready()
    this.#thread = checkingThread(settings)
  }

  /** Bytes of the messages that wait or are being checked. */
  get uncheckedBytes(): number {
    return this.#bytes
  }

  /** How many messages were not checked because too much waited. */
  get crowdedOut(): number {
    return this.#crowdedOut
  }

  /** Decodes what came on `sub` from an address. Its bytes are not to be used any more. Never rejects. */
  async frame(bytes: Buffer, address: string): Promise<DecodedFrame> {
    const answer = await this.#check({ kind: 'frame', bytes }, address)
    if (!('failed' in answer)) {
      for (let each = 0; each < answer.upgraded; each++) this.#upgraded()
      return crossed(answer) as DecodedFrame
    }
    if (answer.failed === 'crowded_out') return refuse('crowded_out')
    return refuse('check_failed', `the check failed: ${answer.because}`)
  }

  /** Decodes a request that came from an address. Its bytes are not to be used any more. Never rejects. */
  async request(bytes: Buffer, address: string): Promise<DecodedRequest> {
    const answer = await this.#check({ kind: 'request', bytes }, address)
    if ('failed' in answer) {
      const { failed } = answer
      return errorReply(failed === 'crowded_out' ? 'too much waits to be checked: try again later' : 'the check failed')
    }
    for (const limit of answer.reached) this.#reached(limit)
    return crossed(answer) as DecodedRequest
  }

  /** Ends the thread. What was not checked is answered as if its check had failed. */
  close(): Promise<void> {
    this.#ends++
    for (const [address, waiting] of this.#waiting) {
      while (waiting.length > 0) this.#giveUpLast(address, waiting, failure('the broker ends'))
    }
    return this.#thread.close()
  }

  #check(task: CheckingTask, address: string): Promise<Crossing | Failure> {
    return new Promise(resolve => {
      const { length: bytes } = task.bytes
      const others = this.#waiting.get(address)
      const waiting = { task, bytes, resolve }
      if (others) others.push(waiting)
      else this.#waiting.set(address, [waiting])
      this.#bytes += bytes
      this.#goOn()
      while (this.#bytes > this.#maxBytes && this.#waiting.size > 0) this.#crowdOut()
    })
  }

  #goOn(): void {
    const [turn] = this.#waiting
    if (this.#checking !== undefined || turn === undefined) return
    const [address, [next, ...rest]] = turn
    this.#waiting.delete(address)
    if (rest.length > 0) this.#waiting.set(address, rest)
    this.#checking = next as Waiting
    this.#checkInThread(this.#checking)
  }

  async #checkInThread({ task, bytes, resolve }: Waiting): Promise<void> {
    const ends = this.#ends
    await this.#ready()
    const isOver = ends !== this.#ends
    resolve(isOver ? failure('the broker ends') : await this.#thread.ask(task, memoryOfTask(task)).catch(failure))
    this.#bytes -= bytes
    this.#checking = undefined
    this.#goOn()
  }

  /** Gives up what came last from the address with most bytes. */
  #crowdOut(): void {
    let most: { readonly address: string; readonly waiting: Waiting[]; readonly held: number } | undefined
    for (const [address, waiting] of this.#waiting) {
      const held = waiting.reduce((sum, { bytes }) => sum + bytes, 0)
      if (most === undefined || held > most.held) most = { address, waiting, held }
    }
    if (most === undefined) return
    this.#crowdedOut++
    this.#giveUpLast(most.address, most.waiting, { failed: 'crowded_out' })
  }

  #giveUpLast(address: string, waiting: Waiting[], because: Failure): void {
    const last = waiting.pop() as Waiting
    if (waiting.length === 0) this.#waiting.delete(address)
    this.#bytes -= last.bytes
    last.resolve(because)
  }
}

function failure(error: unknown): Failure {
  return { failed: 'check_failed', because: String(error) }
}

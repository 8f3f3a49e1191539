import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { SharedState } from './shared-state.ts'
import type { Endpoint } from './wires/connection.ts'
import type { WireName } from './wires/wires.ts'

/** What a thread of receivers is started with. */
export interface ReceiversTask {
  readonly shared: SharedArrayBuffer
  /** Which of the threads it is. */
  readonly index: number
  readonly wire: WireName
  /** Where to subscribe. */
  readonly endpoint: Endpoint
  /** Those of its subscribers. */
  readonly topics: readonly string[]
  /** Stands before the sequence number in each message. */
  readonly marker: string
  /** Whether messages are published by the clock: then latencies are noted, and the thread never sleeps. */
  readonly paced: boolean
}

/** What a thread of receivers is asked. */
export type Request = 'latencies' | { readonly published: number }

/** What became of all messages since the subscribers joined, summed up over the subscribers. */
export interface Account {
  readonly received: number
  readonly lost: number
  readonly duplicated: number
  readonly reordered: number
  /** Messages that nobody published here. */
  readonly foreign: number
}

const script = new URL('./receivers.js', import.meta.url)
/** One thread can do more than a broker, and several would get in the broker's way. */
const subscribersPerThread = 1_000

/** The threads in which the subscribers live. An error in one of them, or a lost connection, ends the process. */
export class ReceiverThreads {
  readonly shared: SharedState
  readonly #workers: readonly Worker[]

  private constructor(shared: SharedState, workers: readonly Worker[]) {
    this.shared = shared
    this.#workers = workers
  }

  /** Resolves when every subscriber has connected and sent its subscription. */
  static async start(
    topics: readonly string[],
    task: Omit<ReceiversTask, 'shared' | 'index' | 'topics'>,
  ): Promise<ReceiverThreads> {
    const shares: string[][] = []
    for (let from = 0; from < topics.length; from += subscribersPerThread) {
      shares.push(topics.slice(from, from + subscribersPerThread))
    }
    const shared = SharedState.for(shares.length)
    const workers = shares.map((topics, index) => {
      const workerData: ReceiversTask = { ...task, shared: shared.memory, index, topics }
      return new Worker(script, { workerData })
    })
    await Promise.all(workers.map(worker => once(worker, 'message')))
    return new ReceiverThreads(shared, workers)
  }

  /** All latencies since the last call, in ascending order. */
  async takeLatencies(): Promise<Float64Array> {
    const latencies = (await this.#ask('latencies')) as number[][]
    return Float64Array.from(latencies.flat()).sort()
  }

  /** @param published how many messages every subscriber should have */
  async account(published: number): Promise<Account> {
    const accounts = (await this.#ask({ published })) as Account[]
    const sum = (count: (account: Account) => number) => accounts.reduce((total, account) => total + count(account), 0)
    return {
      received: sum(account => account.received),
      lost: sum(account => account.lost),
      duplicated: sum(account => account.duplicated),
      reordered: sum(account => account.reordered),
      foreign: sum(account => account.foreign),
    }
  }

  async terminate(): Promise<void> {
    await Promise.all(this.#workers.map(worker => worker.terminate()))
  }

  #ask(request: Request): Promise<unknown[]> {
    return Promise.all(
      this.#workers.map(async worker => {
        worker.postMessage(request)
        const [answer] = await once(worker, 'message')
        return answer
      }),
    )
  }
}

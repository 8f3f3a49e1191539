/** A process that publishes numbered messages: on `sub` or by requests, with bare sockets, or on the client library. */
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { Request, XPublisher } from 'zeromq'
import { connect } from '../../src/index.ts'
import { messageText } from './numbered-messages.ts'

/** A publisher. */
export interface PublisherOptions {
  /** Its messages are named by it. */
  readonly publisher: number
  /**
   * `sub`: hands them to a PUB socket and never hears of them again. `receipts`: the client library hears of each that it is
   * on disk, and publishes again what a killed broker did not answer. `requests`: so, but nothing is published again.
   */
  readonly way: 'sub' | 'receipts' | 'requests'
  readonly host: string
  readonly manage: number
  readonly sub: number
  /** Bytes of a message. */
  readonly bytes: number
  /** So many messages are published at once, */
  readonly burst: number
  /** and then it waits so long. */
  readonly pauseMs: number
  /** It ends after so many; without, when it is told to. */
  readonly count?: number
}

/** What the process tells at its end. */
export interface Publication {
  /** Messages that it published: their numbers are below. */
  readonly count: number
  /** Numbers of those that it has a receipt for, in order. */
  readonly receipts: readonly number[]
}

const [options] = (await once(process, 'message')) as [PublisherOptions]
const { publisher, host, bytes, burst, pauseMs, count = Number.POSITIVE_INFINITY } = options
let isOver = false
process.on('message', () => {
  isOver = true
})
process.on('disconnect', () => process.exit())
const publish = { sub: publishOnSub, receipts: publishWithReceipts, requests: publishByRequests }
process.send?.(await publish[options.way]())

/** Numbers in bursts, until it is over. */
async function* bursts(): AsyncGenerator<readonly number[]> {
  for (let next = 0; next < count && !isOver; next += burst) {
    yield Array.from({ length: Math.min(burst, count - next) }, (_, index) => next + index)
    if (pauseMs > 0) await sleep(pauseMs)
  }
}

async function publishOnSub(): Promise<Publication> {
  const socket = new XPublisher({ linger: 5000, sendHighWaterMark: 0 })
  socket.connect(`tcp://${host}:${options.sub}`)
  // What is sent before the broker's subscriptions have come is dropped.
  for (const expected = new Set(['\x01stix2/', '\x01threatbus/snapshotenvelope']); expected.size > 0; ) {
    expected.delete(String((await socket.receive())[0]))
  }
  let published = 0
  for await (const numbers of bursts()) {
    for (const number of numbers) await socket.send(`stix2/indicator ${messageText(publisher, number, bytes)}`)
    published += numbers.length
  }
  socket.close()
  return { count: published, receipts: [] }
}

async function publishWithReceipts(): Promise<Publication> {
  const bus = connect({ endpoint: `${host}:${options.manage}`, shortestRetryPauseMs: 20, longestRetryPauseMs: 200 })
  let published = 0
  const receipts: number[] = []
  for await (const numbers of bursts()) {
    published += numbers.length
    await Promise.all(
      numbers.map(async number => {
        // What a killed broker did not answer in time may be on its disk or not.
        const receipt = await bus.publish(messageText(publisher, number, bytes)).catch(() => undefined)
        if (receipt !== undefined) receipts.push(number)
      }),
    )
  }
  await bus.close()
  return { count: published, receipts: receipts.toSorted((a, b) => a - b) }
}

async function publishByRequests(): Promise<Publication> {
  let published = 0
  const receipts: number[] = []
  for await (const numbers of bursts()) {
    published += numbers.length
    const texts = numbers.map(number => messageText(publisher, number, bytes))
    const socket = new Request({ linger: 0, receiveTimeout: 2000, sendTimeout: 2000 })
    socket.connect(`tcp://${host}:${options.manage}`)
    try {
      await socket.send(`{"action":"publish","topic":"stix2/indicator","message":[${texts.join()}]}`)
      const { status } = JSON.parse(String((await socket.receive())[0]))
      if (status === 'success') receipts.push(...numbers)
    } catch {
      // The broker was killed before or after it had written them.
    } finally {
      socket.close()
    }
  }
  return { count: published, receipts }
}

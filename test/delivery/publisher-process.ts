/** A process that publishes numbered messages: on `sub`, with a bare socket, or with receipts, on the client library. */
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { XPublisher } from 'zeromq'
import { connect } from '../../src/index.ts'
import { messageText } from './numbered-messages.ts'

/** A publisher. */
export interface PublisherOptions {
  /** Its messages are named by it. */
  readonly publisher: number
  /** `sub`: hands them to a PUB socket and never hears of them again; `receipts`: hears of each that it is on disk. */
  readonly way: 'sub' | 'receipts'
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
process.send?.(await (options.way === 'sub' ? publishOnSub() : publishWithReceipts()))

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

import assert from 'node:assert/strict'
import { Subscriber } from 'zeromq'
import { brokerScript, startBroker } from '../bench/contestants.ts'
import { indicatorTopic } from '../bench/indicators.ts'
import { Load } from '../bench/load.ts'
import { ManageClient } from '../bench/manage-client.ts'
import { type Memory, MemoryWatch } from './memory.ts'

/** What came of it. */
export interface LagOutcome {
  /** Seconds in which the fast subscriber had everything, without and with one that reads nothing. */
  readonly aloneSeconds: number
  readonly besideSeconds: number
  /** How much longer it took beside the one that reads nothing. */
  readonly ratio: number
  /** By how many MiB the broker's memory grew over its start, at most, without and with the slow one. */
  readonly growthAlone: Memory
  readonly growth: Memory
  /** Messages a second that the slow one then read, from disk. */
  readonly caughtUpPerSecond: number
}

const bytes = 1000

/** One subscriber reads nothing of so many messages while another reads at full speed; then it reads all of them. */
export async function lag(messages: number): Promise<LagOutcome> {
  const reference = await startBroker(brokerScript)
  const watchAlone = new MemoryWatch(reference.pid as number)
  const alone = await Load.start(reference, { subscribers: 1, bytes })
  const aloneSeconds = await timed(() => alone.publish(messages))
  const growthAlone = watchAlone.stop()
  await alone.end()
  await reference.stop()

  const broker = await startBroker(brokerScript)
  const watch = new MemoryWatch(broker.pid as number)
  const manage = new ManageClient(broker.manage)
  const { p2pTopics, pubPort } = await manage.subscribe(indicatorTopic, 1)
  const [topic = ''] = p2pTopics
  const slow = new Subscriber({ receiveHighWaterMark: 1, linger: 0 })
  slow.connect(`tcp://${broker.manage.host}:${pubPort}`)
  slow.subscribe(topic)
  const beside = await Load.start(broker, { subscribers: 1, bytes })
  const besideSeconds = await timed(() => beside.publish(messages))
  const account = await beside.account()
  assert.deepEqual([account.lost, account.duplicated, account.reordered], [0, 0, 0])

  const sequence = /"id":"indicator--[0-9a-f]{8}-0000-4000-8000-(\d{12})"/
  let expected = -1
  const readSeconds = await timed(async () => {
    for (let read = 0; expected !== account.received; read++) {
      const [frame] = await slow.receive()
      const number = Number(sequence.exec(String(frame))?.[1])
      assert.equal(number, expected === -1 ? number : expected, 'in order, without a gap')
      if (read === 0) assert.equal(number, 0)
      expected = number + 1
    }
  })
  const growth = watch.stop()
  slow.close()
  await beside.end()
  manage.close()
  await broker.stop()
  return {
    aloneSeconds,
    besideSeconds,
    ratio: besideSeconds / aloneSeconds,
    growthAlone,
    growth,
    caughtUpPerSecond: Math.round(expected / readSeconds),
  }
}

async function timed(work: () => Promise<void>): Promise<number> {
  const start = performance.now()
  await work()
  return (performance.now() - start) / 1000
}

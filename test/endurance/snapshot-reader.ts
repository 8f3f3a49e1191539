import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Request, Subscriber } from 'zeromq'
import { indicatorTopic } from '../bench/indicators.ts'

/** What a process that reads a snapshot is started with. */
export interface SnapshotTask {
  /** The `manage` port. */
  readonly port: number
  /** The bodies of exactly this snapshot, in order. */
  readonly expected: readonly string[]
}

/** Subscribes with a snapshot, and checks that it is exactly this. */
async function readSnapshot({ port, expected }: SnapshotTask): Promise<void> {
  const manage = new Request({ linger: 0, receiveTimeout: 60_000 })
  manage.connect(`tcp://127.0.0.1:${port}`)
  await manage.send(JSON.stringify({ action: 'subscribe', topic: indicatorTopic, snapshot: 1 }))
  const { topic, pub_port } = JSON.parse(String((await manage.receive())[0]))
  manage.close()
  const socket = new Subscriber({ linger: 0 })
  socket.connect(`tcp://127.0.0.1:${pub_port}`)
  socket.subscribe(topic)
  for (const body of expected) {
    const [frame] = await socket.receive()
    assert.equal(String(frame).slice(topic.length), `indicator ${body}`)
  }
  socket.close()
}

const [task] = await once(process, 'message')
await readSnapshot(task)
process.disconnect()

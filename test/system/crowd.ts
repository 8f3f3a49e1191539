import { parentPort, workerData } from 'node:worker_threads'
import { zmtp } from '../bench/wires/zmtp.ts'

// A worker thread: many SUB sockets, each on a connection of its own. It posts 'connected' when all have subscribed, and
// fails when the broker ends.

/** What this thread is told. */
export interface Crowd {
  readonly pub: number
  readonly topics: readonly string[]
}

/** Connections made at once: more would not fit into the broker's backlog. */
const atOnce = 50

const { pub, topics } = workerData as Crowd
for (let from = 0; from < topics.length; from += atOnce) {
  await Promise.all(topics.slice(from, from + atOnce).map(join))
}
parentPort?.postMessage('connected')

async function join(topic: string): Promise<void> {
  await zmtp.subscribe({ host: '127.0.0.1', port: pub }, topic, () => {})
}

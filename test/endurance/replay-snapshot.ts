import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { constants, setPriority } from 'node:os'
import { fileURLToPath } from 'node:url'
import { Request } from 'zeromq'
import { brokerScript, startBroker } from '../bench/contestants.ts'
import { Load } from '../bench/load.ts'
import { median } from '../bench/statistics.ts'
import { indicator } from '../system/wire.ts'
import { MemoryWatch } from './memory.ts'
import type { SnapshotTask } from './snapshot-reader.ts'

/** What came of it. */
export interface SnapshotOutcome {
  readonly objects: number
  readonly rounds: readonly SnapshotRound[]
  /** The median of the rounds' ratios. */
  readonly ratio: number
  /** By how many MiB the broker's memory grew. */
  readonly growth: object
}

/** What came of one snapshot. */
export interface SnapshotRound {
  /** How long it took until the reader had all of it. */
  readonly seconds: number
  /** The 99th percentile of the latency of other subscribers, in milliseconds, shortly before the snapshot and during it. */
  readonly p99Without: number
  readonly p99With: number
  readonly ratio: number
}

/** Objects that are published at once, with a receipt. */
const chunk = 2000

/** Snapshots, one after the other: a single 99th percentile says little on a machine that others use. */
const rounds = 5

/** Replays snapshots of so many objects, of which some have several versions and some were revoked, while messages arrive. */
export async function replaySnapshot(objects: number, rate: number): Promise<SnapshotOutcome> {
  const broker = await startBroker(brokerScript)
  const expected = await publishObjects(broker.manage.port, objects)
  const load = await Load.start(broker, { subscribers: 10, bytes: 500, rate })
  await load.measure(2)
  const watch = new MemoryWatch(broker.pid as number)
  const outcomes: SnapshotRound[] = []
  for (let round = 0; round < rounds; round++) outcomes.push(await replayBeside(load, broker.manage.port, expected))
  const growth = watch.stop()
  const account = await load.end()
  assert.deepEqual([account.lost, account.duplicated, account.reordered], [0, 0, 0])
  await broker.stop()
  return { objects: expected.length, rounds: outcomes, ratio: median(outcomes.map(({ ratio }) => ratio)), growth }
}

async function replayBeside(load: Load, port: number, expected: readonly string[]): Promise<SnapshotRound> {
  const { latencyP99: p99Without = Number.NaN } = await load.measure(5)
  const start = performance.now()
  let seconds = 0
  const reading = readElsewhere({ port, expected }).then(() => {
    seconds = (performance.now() - start) / 1000
  })
  const { latencyP99: p99With = Number.NaN } = await load.measure(5)
  await reading
  return { seconds, p99Without, p99With, ratio: p99With / p99Without }
}

/** Publishes objects, every tenth in two versions and every twentieth revoked; answers what a snapshot has of them. */
async function publishObjects(port: number, objects: number): Promise<readonly string[]> {
  const socket = new Request({ linger: 0, receiveTimeout: 60_000 })
  socket.connect(`tcp://127.0.0.1:${port}`)
  const publish = async (bodies: readonly string[]) => {
    await socket.send(`{"action":"publish","topic":"stix2/indicator","message":[${bodies.join()}]}`)
    const [reply] = await socket.receive()
    assert.equal(JSON.parse(String(reply)).status, 'success')
  }
  const latest = new Map<string, string>()
  for (let from = 0; from < objects; from += chunk) {
    const bodies = Array.from({ length: Math.min(chunk, objects - from) }, () => indicator())
    const changed = bodies
      .filter((_, index) => index % 10 === 0)
      .map((body, index) => change(body, index % 2 === 0 ? { revoked: true } : { name: 'changed' }))
    for (const body of [...bodies, ...changed]) {
      const { id } = JSON.parse(body)
      latest.delete(id)
      latest.set(id, body)
    }
    await publish(bodies)
    await publish(changed)
  }
  socket.close()
  return [...latest.values()].filter(body => !body.includes('"revoked":true'))
}

function change(body: string, over: object): string {
  return JSON.stringify({ ...JSON.parse(body), modified: '2026-11-24T07:00:00.000Z', ...over })
}

/**
 * Reads the snapshot in a process of its own, and not at the cost of the others: the latency of the broker is of interest,
 * not how few processors this machine has.
 */
async function readElsewhere(task: SnapshotTask): Promise<void> {
  const reader = fork(fileURLToPath(new URL('./snapshot-reader.js', import.meta.url)))
  setPriority(reader.pid as number, constants.priority.PRIORITY_LOW)
  reader.send(task)
  const [code] = await once(reader, 'exit')
  assert.equal(code, 0)
}

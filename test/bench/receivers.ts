import { parentPort, workerData } from 'node:worker_threads'
import { SequenceReader } from './indicators.ts'
import type { Account, ReceiversTask, Request } from './receiver-threads.ts'
import { now, SharedState } from './shared-state.ts'
import { Tally } from './tally.ts'
import type { Connection } from './wires/connection.ts'
import { wires } from './wires/wires.ts'

// The receiving half of the load generator, a worker thread: some subscribers, each with a connection of its own.
// It posts 'joined' when all have sent their subscriptions, and afterwards one answer to each request.

/**
 * How long the thread sleeps after each turn, in milliseconds, so that messages gather. Reading many at once is what
 * makes it cheap, and the processor is left to the broker meanwhile.
 */
const nap = 1

/** Brokers that listen with a backlog of 100, as ZeroMQ does, reset connections when ten threads open more at once. */
const joinsAtOnce = 10

const task = workerData as ReceiversTask
const shared = new SharedState(task.shared)
const sequences = new SequenceReader(task.marker)
const tallies = task.topics.map(() => new Tally())
let latencies: number[] = []
let foreign = 0
/** Set while a turn of the event loop goes on in which something was received. */
let turn: NodeJS.Immediate | undefined

for (let from = 0; from < task.topics.length; from += joinsAtOnce) {
  const topics = task.topics.slice(from, from + joinsAtOnce)
  await Promise.all(topics.map((topic, index) => join(topic, tallies[from + index] as Tally)))
}
parentPort?.on('message', answer)
parentPort?.postMessage('joined')

function join(topic: string, tally: Tally): Promise<Connection> {
  return wires[task.wire].subscribe(task.endpoint, topic, (buffer, start, end) => {
    if (turn === undefined) turn = setImmediate(endTurn)
    const sequence = sequences.read(buffer, start, end)
    if (sequence === -1) foreign++
    else {
      tally.take(sequence)
      if (task.paced) noteLatency(sequence)
    }
  })
}

/** All connections that had something to read have been read. */
function endTurn(): void {
  turn = undefined
  let slowest = Number.POSITIVE_INFINITY
  let received = 0
  for (const tally of tallies) {
    slowest = Math.min(slowest, tally.next)
    received += tally.received
  }
  shared.noteProgress(task.index, slowest, received)
  if (!task.paced) shared.sleep(nap)
}

function noteLatency(sequence: number): void {
  const due = shared.dueTime(sequence)
  if (due !== undefined) latencies.push(now() - due)
}

function answer(request: Request): void {
  if (request === 'latencies') {
    parentPort?.postMessage(latencies)
    latencies = []
  } else parentPort?.postMessage(account(request.published))
}

function account(published: number): Account {
  const sum = (count: (tally: Tally) => number) => tallies.reduce((total, tally) => total + count(tally), 0)
  return {
    received: sum(tally => tally.received),
    lost: sum(tally => tally.lost(published)),
    duplicated: sum(tally => tally.duplicated),
    reordered: sum(tally => tally.reordered),
    foreign,
  }
}

import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { memoryOf } from '../../endurance/memory.ts'
import type { BusContestant, Membership } from '../contestants.ts'
import { indicatorTopic } from '../indicators.ts'
import { Load } from '../load.ts'
import { type Reply, Requester } from '../requester.ts'
import { now } from '../shared-state.ts'
import { median, percentile } from '../statistics.ts'
import { endLoad } from './loads.ts'
import type { Plan, Side } from './plan.ts'

/** What many subscribers cost a broker. Times are in milliseconds. */
export interface Scale {
  /** By the number of subscribers there are. */
  readonly subscribeP50: ReadonlyMap<number, number>
  readonly subscribeP99: ReadonlyMap<number, number>
  /** KiB of memory for each, when all have joined and nothing happens; where the system tells. */
  readonly memory: number | undefined
  /** From the publication of one message until all have it. */
  readonly fanOut: number
  /** Heartbeats, when nothing else happens, and while messages go to all. */
  readonly idleP99: number
  readonly busyP99: number
}

const bytes = 500
/** Subscriptions at each count whose times count. */
const sample = 500
/** How long nothing happens before memory is read, so that garbage may be collected, in milliseconds. */
const rest = 10_000
/** Messages to all, one after the other. */
const fanOuts = 30
/** From one heartbeat to the next, by the clock, in milliseconds, and how many when nothing else happens. */
const heartbeatInterval = 5
const idleHeartbeats = 500
/** What this process has open beside subscribers. */
const otherFiles = 200

/** The numbers of subscribers at which subscribing is measured, if there are so many at last. */
export function scaleCounts(subscribers: number): number[] {
  return [...new Set([0, 1_000, 5_000, subscribers])].filter(count => count <= subscribers).sort((a, b) => a - b)
}

/** Measures one broker, alone on the machine. */
export async function scaleOf(plan: Plan, side: Side): Promise<Scale> {
  const subscribers = plan.manySubscribers
  assertOpenFiles(subscribers + otherFiles)
  const contestant = await side.start()
  const requester = await Requester.connect(contestant.manage)
  const before = anonymousMemory(contestant)
  const { membership, times } = await subscribe(contestant, requester, subscribers)
  const options = { subscribers, bytes, window: 1 }
  const load = await Load.join(contestant, membership, options)
  await delay(rest)
  const after = anonymousMemory(contestant)
  const idle = await heartbeats(requester, membership, count => count >= idleHeartbeats)
  let over = false
  const busy = heartbeats(requester, membership, () => over)
  const fanOutTimes: number[] = []
  while (fanOutTimes.length < fanOuts) fanOutTimes.push(1_000 / (await load.deliver(1)).messagesPerSecond)
  over = true
  const busyP99 = percentile(await busy, 0.99)
  await endLoad(plan, contestant, load, options)
  requester.close()
  await contestant.stop()
  return {
    ...subscribeTimes(times),
    memory: before !== undefined && after !== undefined ? (after - before) / subscribers : undefined,
    fanOut: median(fanOutTimes),
    idleP99: percentile(idle, 0.99),
    busyP99,
  }
}

async function subscribe(
  { manage }: BusContestant,
  requester: Requester,
  subscribers: number,
): Promise<{ membership: Membership; times: number[] }> {
  const topics: string[] = []
  const times: number[] = []
  let reply: Reply | undefined
  while (topics.length < subscribers) {
    const start = now()
    reply = await requester.ask({ action: 'subscribe', topic: indicatorTopic })
    times.push(now() - start)
    topics.push(String(reply.topic))
  }
  const at = (port: unknown) => ({ host: manage.host, port: Number(port) })
  const leave = async () => {
    for (const topic of topics) await requester.ask({ action: 'unsubscribe', topic })
  }
  return { membership: { topics, pub: at(reply?.pub_port), sub: at(reply?.sub_port), leave }, times }
}

/** At a count, those times count that led to it; at the beginning, the first. */
function subscribeTimes(times: readonly number[]): Pick<Scale, 'subscribeP50' | 'subscribeP99'> {
  const counts = scaleCounts(times.length)
  const samples = counts.map(count => {
    const end = Math.max(count, sample)
    return times.slice(end - sample, end).sort((a, b) => a - b)
  })
  const at = (share: number) => new Map(counts.map((count, index) => [count, percentile(samples[index] ?? [], share)]))
  return { subscribeP50: at(0.5), subscribeP99: at(0.99) }
}

/** Sends heartbeats by the clock. How long each took counts from the time at which it was due; in ascending order. */
async function heartbeats(
  requester: Requester,
  { topics }: Membership,
  isOver: (count: number) => boolean,
): Promise<number[]> {
  const times: number[] = []
  const start = now()
  while (!isOver(times.length)) {
    const due = start + times.length * heartbeatInterval
    if (due > now()) await delay(due - now())
    await requester.ask({ action: 'heartbeat', topic: topics[times.length % topics.length] })
    times.push(now() - due)
  }
  return times.sort((a, b) => a - b)
}

/** In KiB. */
function anonymousMemory({ pid }: BusContestant): number | undefined {
  return pid === undefined || process.platform !== 'linux' ? undefined : memoryOf(pid).anonymous * 1024
}

function assertOpenFiles(count: number): void {
  if (process.platform !== 'linux') return
  const limit = Number(/^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1] ?? Infinity)
  if (limit >= count) return
  throw new Error(`${count} open files are needed, and ${limit} are allowed: try "ulimit -n ${count}", or fewer --many`)
}

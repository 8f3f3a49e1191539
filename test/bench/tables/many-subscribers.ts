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
  /** Heartbeats, when nothing else happens, and those that are sent while one message goes to all. */
  readonly idleP99: number
  readonly busyP99: number
}

const bytes = 500
/** Subscriptions at each count whose times count. */
const sample = 500
/** How long nothing happens before memory is read, so that garbage may be collected, in milliseconds. */
const rest = 10_000
/** Messages to all, one after the other, and the rest between them, in milliseconds. */
const fanOuts = 50
const betweenFanOuts = 50
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
  const { times: fanOutTimes, heartbeats: busy } = await fanOut(load, requester, membership)
  await endLoad(plan, contestant, load, options)
  requester.close()
  await contestant.stop()
  return {
    ...subscribeTimes(times),
    memory: before !== undefined && after !== undefined ? (after - before) / subscribers : undefined,
    fanOut: median(fanOutTimes),
    idleP99: percentile(ascending(idle), 0.99),
    busyP99: percentile(ascending(busy), 0.99),
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
    return ascending(times.slice(end - sample, end))
  })
  const at = (share: number) => new Map(counts.map((count, index) => [count, percentile(samples[index] ?? [], share)]))
  return { subscribeP50: at(0.5), subscribeP99: at(0.99) }
}

/** Sends one message after the other to all, and heartbeats while it is on its way. */
async function fanOut(load: Load, requester: Requester, membership: Membership) {
  const times: number[] = []
  const answered: number[] = []
  while (times.length < fanOuts) {
    let over = false
    const delivery = load.deliver(1).finally(() => {
      over = true
    })
    answered.push(...(await heartbeats(requester, membership, () => over)))
    times.push(1_000 / (await delivery).messagesPerSecond)
    await delay(betweenFanOuts)
  }
  return { times, heartbeats: answered }
}

/** Sends heartbeats, one after the other; how long each took. */
async function heartbeats(
  requester: Requester,
  { topics }: Membership,
  isOver: (count: number) => boolean,
): Promise<number[]> {
  const times: number[] = []
  while (!isOver(times.length)) {
    const start = now()
    await requester.ask({ action: 'heartbeat', topic: topics[times.length % topics.length] })
    times.push(now() - start)
  }
  return times
}

function ascending(times: readonly number[]): number[] {
  return times.toSorted((a, b) => a - b)
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

/** Accidents in an order that a seed decides, to three publishers and to subscribers of each kind. */
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Application } from './applications.ts'
import type { CuttingProxy } from './cutting-proxy.ts'
import type { Ending } from './proxied-connection.ts'
import { type Cast, Scene } from './scene.ts'
import { seeded } from './seeded.ts'

/** What a run is made of. */
export interface Schedule {
  readonly seed: number
  /** Accidents. */
  readonly steps: number
  /** Subscribers of each kind. */
  readonly ofEachKind: number
  /** All, unless they are named. */
  readonly accidents?: readonly AccidentName[]
}

/** What came of it. */
export interface ScheduleOutcome {
  readonly seed: number
  /** How often each accident happened. */
  readonly accidents: Readonly<Record<string, number>>
  /** Messages that there were to receive. */
  readonly messages: number
  /** Messages that came again to those who don't confirm. */
  readonly duplicates: number
}

/** The smallest window that can be configured: what comes again beyond it shows soonest. */
const windowBytes = 131_072

/** Something that happens to one subscriber and what it is connected through, or to all. `random` chooses what is to be chosen. */
type Accident = (
  scene: Scene,
  to: { readonly application: Application; readonly proxy: CuttingProxy },
  random: () => number,
) => Promise<void> | void

const endingBy = (random: () => number): Ending => (random() < 0.5 ? 'rst' : 'fin')

const accidents = {
  cut: (_, { proxy }, random) => proxy.cut(endingBy(random)),
  // Not waited for: it may not get so far.
  cutInside: (_, { proxy }, random) => void proxy.cutAfter(1 + Math.floor(random() * 100_000), endingBy(random)),
  abandon: (_, { proxy }, random) => proxy.abandon(endingBy(random)),
  freeze: (_, { proxy }) => proxy.freeze(),
  thaw: (_, { proxy }) => proxy.thaw(),
  throttle: (_, { proxy }, random) => proxy.throttle(20_000 + random() * 200_000),
  unthrottle: (_, { proxy }) => proxy.throttle(Number.POSITIVE_INFINITY),
  readNothing: (_, { application }) => {
    application.reads = false
  },
  readOn: (_, { application }) => {
    application.reads = true
  },
  killBroker: scene => scene.killBroker(),
} satisfies Record<string, Accident>

/** What may happen. */
export type AccidentName = keyof typeof accidents

/** The cast: subscribers that read at once, or slowly and hold little, or send heartbeats, or join for some types. */
function castOf(ofEachKind: number): Cast {
  const each = Array.from({ length: ofEachKind }, (_, index) => ({
    ...(index % 3 === 1 && { pauseMs: 1, highWaterMark: 10 }),
    ...(index % 3 === 2 && { heartbeatMs: 500 }),
  }))
  const types = [['indicator'], ['indicator', 'sighting']] as const
  const publisher = { bytes: 500, burst: 4, pauseMs: 20 }
  return {
    processes: [
      each.map(over => ({ kind: 'plain', ...over })),
      each.map((over, index) => ({ kind: 'typed', types: types[index % 2] ?? [], ...over })),
      each.map(over => ({ kind: 'confirming', ...over })),
    ],
    publishers: [
      { way: 'sub', ...publisher },
      { way: 'sub', ...publisher },
      // What is published again after a kill may be delivered again: here nothing is.
      { way: 'requests', ...publisher },
    ],
    // Connections that were abandoned or are frozen are given up while the run lasts.
    settings: { heartbeat: { timeout: 6 } },
    windowBytes,
  }
}

/** Runs a schedule, and checks what everybody received. An error names the seed. */
export async function runSchedule(
  t: Pick<TestContext, 'after'>,
  { seed, steps, ofEachKind, accidents: names = Object.keys(accidents) as AccidentName[] }: Schedule,
): Promise<ScheduleOutcome> {
  const random = seeded(seed)
  const happened: Record<string, number> = {}
  const scene = await Scene.open(t, castOf(ofEachKind))
  const members = scene.applications.map((application, index) => ({
    application,
    proxy: scene.proxies[index] as CuttingProxy,
  }))
  try {
    for (let step = 0; step < steps; step++) {
      await sleep(random() * 250)
      const name = pick(names, random)
      const accident: Accident = accidents[name]
      await accident(scene, pick(members, random), random)
      happened[name] = (happened[name] ?? 0) + 1
    }
    const outcome = await scene.conclude({ ends: 'now' })
    const repetitions = scene.applications
      .flatMap(application => outcome.findings(application))
      .flatMap(findings => findings.repetitions)
    const duplicates = repetitions.reduce((sum, { messages }) => sum + messages, 0)
    return { seed, accidents: happened, messages: outcome.log.length, duplicates }
  } catch (error) {
    throw new Error(`schedule of seed ${seed}, ${steps} steps (${JSON.stringify(happened)}): ${error}`, {
      cause: error,
    })
  }
}

function pick<Choice>(choices: readonly Choice[], random: () => number): Choice {
  return choices[Math.floor(random() * choices.length)] as Choice
}

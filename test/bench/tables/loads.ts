import { type Both, forBoth, measureInTurn } from '../comparison.ts'
import type { BusContestant, Contestant } from '../contestants.ts'
import { Load, type LoadOptions, type Measurement } from '../load.ts'
import type { Account } from '../receiver-threads.ts'
import { type Plan, warmUpSeconds } from './plan.ts'

/** Puts the same load on both and measures them in turn. */
export async function measureBoth(
  plan: Plan,
  both: Both<BusContestant>,
  options: LoadOptions,
): Promise<Both<Measurement>[]> {
  const loads = await forBoth(both, contestant => Load.start(contestant, options))
  await forBoth(loads, load => load.measure(warmUpSeconds))
  const measurements = await measureInTurn(plan.runs, {
    floor: () => loads.floor.measure(plan.seconds),
    broker: () => loads.broker.measure(plan.seconds),
  })
  await endLoad(plan, both.floor, loads.floor, options)
  await endLoad(plan, both.broker, loads.broker, options)
  return measurements
}

/** Ends a load, and complains of messages that went wrong. */
export async function endLoad(plan: Plan, { name }: Contestant, load: Load, options: LoadOptions): Promise<void> {
  const complaint = wrongIn(await load.end())
  if (complaint) plan.complain(`${name}, ${options.subscribers} × ${options.bytes} B: ${complaint}`)
}

/** What went wrong, if anything did. */
export function wrongIn({ lost, duplicated, reordered, foreign }: Account): string | undefined {
  if (lost + duplicated + reordered + foreign === 0) return undefined
  return `${lost} lost, ${duplicated} duplicated, ${reordered} reordered, ${foreign} foreign`
}

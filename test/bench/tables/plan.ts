import { type Both, forBoth } from '../comparison.ts'
import type { BrokerSettings, BusContestant } from '../contestants.ts'

/** How to come by one of the two that are compared. */
export interface Side {
  readonly name: string
  readonly start: (settings?: BrokerSettings) => Promise<BusContestant>
  /** Whether `start` starts a broker, or only takes one that runs. */
  readonly startable: boolean
}

/** What is measured, of whom, and how thoroughly. */
export interface Plan {
  readonly sides: Both<Side>
  /** Numbers of subscribers at which throughput is measured. */
  readonly subscribers: readonly number[]
  /** Bytes of each indicator. */
  readonly sizes: readonly number[]
  /** Measurements of each, of which the median counts. */
  readonly runs: number
  /** Length of a measurement. */
  readonly seconds: number
  /** Messages per second at which latency is measured. */
  readonly rate: number
  /** How many subscribers the longest tables go up to, and how many messages in the log. */
  readonly manySubscribers: number
  readonly loggedMessages: number
  /** Hears which messages went wrong: lost ones are an error, being slow is not. */
  readonly complain: (complaint: string) => void
}

/** How long each broker is driven before the first measurement, in seconds, so that its code is compiled. */
export const warmUpSeconds = 0.5

/** Starts both. */
export function startBoth({ sides }: Plan): Promise<Both<BusContestant>> {
  return forBoth(sides, side => side.start())
}

/** Stops both. */
export async function stopBoth({ floor, broker }: Both<BusContestant>): Promise<void> {
  await Promise.all([floor.stop(), broker.stop()])
}

/** Starts both, does something with them, and stops them. */
export async function* withBoth<Result>(
  plan: Plan,
  run: (both: Both<BusContestant>) => AsyncIterable<Result>,
): AsyncIterable<Result> {
  const both = await startBoth(plan)
  yield* run(both)
  await stopBoth(both)
}

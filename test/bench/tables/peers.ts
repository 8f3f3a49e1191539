import type { Contestant } from '../contestants.ts'
import { Load, type Measurement } from '../load.ts'
import { findPeers } from '../peers.ts'
import { median } from '../statistics.ts'
import { endLoad } from './loads.ts'
import { type Plan, warmUpSeconds } from './plan.ts'
import type { MeasuredTable, Row } from './table.ts'

const bytes = 500

/** The same load on the brokers that people could pick instead, as far as they are installed here. */
export function peers(plan: Plan): MeasuredTable {
  const found = findPeers()
  const missing = found.filter(({ command }) => command === undefined).map(({ name }) => name)
  const { broker } = plan.sides
  return {
    name: 'peers',
    title: `Beside other brokers, ${bytes} bytes${missing.length > 0 ? ` (not installed here: ${missing.join(', ')})` : ''}`,
    columns: [
      { key: 'subscribers', title: 'subscribers', decimals: 0 },
      { key: 'name', title: 'who', width: 15 },
      { key: 'deliveries', title: 'deliveries/s', decimals: 0 },
      { key: 'deliveriesRatio', title: `${broker.name}/it`, decimals: 2 },
      { key: 'cpu', title: 'CPU µs a delivery', decimals: 1 },
      { key: 'cpuRatio', title: `${broker.name}/it`, decimals: 2 },
    ],
    async *rows() {
      const contestants: Contestant[] = [await broker.start(), await plan.sides.floor.start()]
      for (const peer of found) if (peer.command !== undefined) contestants.push(await peer.start())
      for (const subscribers of plan.subscribers) yield* await rowsFor(plan, contestants, subscribers)
      await Promise.all(contestants.map(({ stop }) => stop()))
    },
  }
}

/** All are measured in turn, so that what else the machine does meets all alike. The first is compared to each. */
async function rowsFor(plan: Plan, contestants: readonly Contestant[], subscribers: number): Promise<Row[]> {
  const options = { subscribers, bytes }
  const measured = []
  for (const contestant of contestants) {
    const load = await Load.start(contestant, options)
    await load.measure(warmUpSeconds)
    measured.push({ contestant, load, measurements: [] as Measurement[] })
  }
  for (let run = 0; run < plan.runs; run++) {
    for (const { load, measurements } of measured) measurements.push(await load.measure(plan.seconds))
  }
  for (const { contestant, load } of measured) await endLoad(plan, contestant, load, options)
  const medians = measured.map(({ contestant, measurements }) => ({
    name: contestant.name,
    deliveries: median(measurements.map(({ deliveriesPerSecond }) => deliveriesPerSecond)),
    cpu: median(measurements.map(({ cpuPerDelivery }) => cpuPerDelivery ?? Number.NaN)),
  }))
  const [broker] = medians
  return medians.map(({ name, deliveries, cpu }) => ({
    ...{ subscribers, name, deliveries, cpu },
    deliveriesRatio: broker && broker.deliveries / deliveries,
    cpuRatio: broker && broker.cpu / cpu,
  }))
}

import { compare, measureInTurn } from '../comparison.ts'
import type { Plan, Side } from './plan.ts'
import { comparedCells, comparedColumns, type MeasuredTable } from './table.ts'

/** From the start of the process to its first answer on `manage`. */
export function start(plan: Plan): MeasuredTable {
  const { floor, broker } = plan.sides
  return {
    name: 'start',
    title: 'Start of the process to its first answer on manage, in ms, with nothing on disk',
    columns: comparedColumns('start', 'start to ready', 0, plan.sides),
    async *rows() {
      if (!floor.startable || !broker.startable) return
      const measurements = await measureInTurn(plan.runs, {
        floor: () => startOnce(floor),
        broker: () => startOnce(broker),
      })
      yield comparedCells('start', compare(measurements, 'milliseconds'))
    },
  }
}

async function startOnce(side: Side): Promise<{ milliseconds: number | undefined }> {
  const { startMilliseconds, stop } = await side.start()
  await stop()
  return { milliseconds: startMilliseconds }
}

import { type Both, type Compared, type Comparison, compare, type Figure } from './comparison.ts'

interface Heading {
  readonly title: string
  readonly decimals: number
}

const headings: Readonly<Record<Figure, Heading>> = {
  deliveriesPerSecond: { title: 'deliveries/s', decimals: 0 },
  messagesPerSecond: { title: 'messages/s', decimals: 0 },
  cpuPerDelivery: { title: 'CPU µs/delivery', decimals: 1 },
  latencyP50: { title: 'latency p50 ms', decimals: 2 },
  latencyP99: { title: 'latency p99 ms', decimals: 2 },
  ownProcessors: { title: "the load's processors", decimals: 2 },
}
const loadWidths = [11, 7] as const
const widths = { floor: 11, broker: 11, ratio: 7 }

/** What a contestant is called. */
interface Named {
  readonly name: string
}

/** Two lines: what is measured, and of whom. */
export function tableHead(figures: readonly Figure[], { floor, broker }: Both<Named>): string {
  const figureWidth = widths.floor + widths.broker + widths.ratio
  const titles = figures.map(figure => headings[figure].title.padStart(figureWidth)).join('')
  const columns = [
    floor.name.padStart(widths.floor),
    broker.name.padStart(widths.broker),
    'ratio'.padStart(widths.ratio),
  ]
  const load = 'subscribers'.padStart(loadWidths[0]) + 'bytes'.padStart(loadWidths[1])
  return `${' '.repeat(load.length)}${titles}\n${load}${columns.join('').repeat(figures.length)}\n`
}

/** One line for one load. */
export function tableRow({ subscribers, bytes, measurements }: Comparison, figures: readonly Figure[]): string {
  const load = String(subscribers).padStart(loadWidths[0]) + String(bytes).padStart(loadWidths[1])
  return `${load}${figures.map(figure => cells(compare(measurements, figure), headings[figure].decimals)).join('')}\n`
}

/** The last line: the ratios, which are what the numbers are for. */
export function ratioLine(
  comparisons: readonly Comparison[],
  { floor, broker }: Both<Named>,
  figures: readonly Figure[],
): string {
  const parts = figures.map(figure => {
    const ratios = comparisons.map(({ subscribers, bytes, measurements }) => {
      const ratio = compare(measurements, figure)?.ratio
      return `${ratio?.toFixed(2) ?? 'unknown'} (${subscribers} × ${bytes} B)`
    })
    return `${headings[figure].title} ${ratios.join(', ')}`
  })
  return `${broker.name}/${floor.name}: ${parts.join('; ')}\n`
}

function cells(compared: Compared | undefined, decimals: number): string {
  const number = (value: number | undefined) =>
    value?.toLocaleString('en', { minimumFractionDigits: decimals, maximumFractionDigits: decimals }) ?? '–'
  return [
    number(compared?.floor).padStart(widths.floor),
    number(compared?.broker).padStart(widths.broker),
    (compared?.ratio.toFixed(2) ?? '–').padStart(widths.ratio),
  ].join('')
}

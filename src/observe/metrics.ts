import { Counter, collectDefaultMetrics, Gauge, type Histogram, Registry } from 'prom-client'
import { durationBounds } from './durations.ts'
import { type Metric, metrics, snapshotDuration } from './metrics-table.ts'
import type { Reading } from './readings.ts'

/** How finely the delay of the event loop is measured, in milliseconds. */
const eventLoopPrecisionMs = 20

/**
 * The metrics in Prometheus's text format (https://prometheus.io/docs/instrumenting/exposition_formats/). Nothing is
 * counted here: each metric takes its value from a reading when it is scraped. What Node tells of the process comes
 * from prom-client, from the first scrape on: a broker that nobody scrapes measures nothing.
 */
export class Metrics {
  readonly #registry = new Registry()
  readonly #take: () => Reading
  /** What is being shown. */
  #reading: Reading

  constructor(take: () => Reading, build: { readonly version: string }) {
    this.#take = take
    this.#reading = take()
    for (const metric of metrics) this.#register(metric)
    this.#registerDurations()
    const info = new Gauge({
      name: 'threatbus_build_info',
      help: 'Always 1. The versions of the broker and of Node.',
      labelNames: ['version', 'node'],
      registers: [this.#registry],
    })
    info.set({ version: build.version, node: process.versions.node }, 1)
    collectDefaultMetrics({ register: this.#registry, eventLoopMonitoringPrecision: eventLoopPrecisionMs })
  }

  get contentType(): string {
    return this.#registry.contentType
  }

  /** Everything, as it is now. */
  text(): Promise<string> {
    this.#reading = this.#take()
    return this.#registry.metrics()
  }

  #register({ kind, name, help, labels = [], values }: Metric): void {
    const current = () => values(this.#reading)
    const settings = { name, help, labelNames: labels, registers: [this.#registry] }
    if (kind === 'gauge') {
      new Gauge({
        ...settings,
        collect() {
          this.reset()
          for (const [set, value] of current()) this.set(set, value)
        },
      })
    } else {
      new Counter({
        ...settings,
        collect() {
          this.reset()
          for (const [set, value] of current()) this.inc(set, value)
        },
      })
    }
  }

  /**
   * Durations are in buckets already, and prom-client's histogram can only observe one after the other: the registry gets
   * the one method of a metric that it calls.
   */
  #registerDurations(): void {
    const { name } = snapshotDuration
    const get = async () => {
      const { cumulative, seconds } = this.#reading.snapshots.durations
      const count = cumulative.at(-1) ?? 0
      const bounds = [...durationBounds, '+Inf']
      const buckets = bounds.map((le, at) => ({ metricName: `${name}_bucket`, labels: { le }, value: cumulative[at] }))
      const sums = [
        { metricName: `${name}_sum`, labels: {}, value: seconds },
        { metricName: `${name}_count`, labels: {}, value: count },
      ]
      return { ...snapshotDuration, type: 'histogram', values: [...buckets, ...sums] }
    }
    this.#registry.registerMetric({ name, get } as unknown as Histogram)
  }
}

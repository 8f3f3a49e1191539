import { Counter, collectDefaultMetrics, Gauge, type Histogram, Registry } from 'prom-client'
import { durationBounds } from './durations.ts'
import type { DurationMetric, Metric, MetricsTable } from './metric.ts'

/** How finely the delay of the event loop is measured, in milliseconds. */
const eventLoopPrecisionMs = 20

/** Whose metrics they are. */
export interface MetricsBuild {
  /** What names of metrics begin with, without the underscore: `threatbus`. */
  readonly prefix: string
  readonly version: string
}

/**
 * A program's metrics in Prometheus's text format (https://prometheus.io/docs/instrumenting/exposition_formats/). Nothing is
 * counted here: each metric takes its value from a reading when it is scraped. What Node tells of the process comes
 * from prom-client, from the first scrape on: a program that nobody scrapes measures nothing.
 */
export class Metrics<Reading> {
  readonly #registry = new Registry()
  readonly #take: () => Promise<Reading> | Reading
  /** What is being shown. */
  #reading: Reading | undefined

  constructor(table: MetricsTable<Reading>, take: () => Promise<Reading> | Reading, { prefix, version }: MetricsBuild) {
    this.#take = take
    for (const metric of table) {
      if (metric.kind === 'durations') this.#registerDurations(metric)
      else this.#register(metric)
    }
    const info = new Gauge({
      name: `${prefix}_build_info`,
      help: 'Always 1. The versions of the program and of Node.',
      labelNames: ['version', 'node'],
      registers: [this.#registry],
    })
    info.set({ version, node: process.versions.node }, 1)
    collectDefaultMetrics({ register: this.#registry, eventLoopMonitoringPrecision: eventLoopPrecisionMs })
  }

  get contentType(): string {
    return this.#registry.contentType
  }

  /** Everything, as it is now. To be asked again when it has answered. */
  async text(): Promise<string> {
    this.#reading = await this.#take()
    return this.#registry.metrics()
  }

  #register({ kind, name, help, labels = [], values }: Metric<Reading>): void {
    const current = () => (this.#reading === undefined ? [] : values(this.#reading))
    // Without labels a reset sets 0, and a value that there is none of is no 0.
    const settings = { name, help, labelNames: labels, registers: [this.#registry] }
    if (kind === 'gauge') {
      new Gauge({
        ...settings,
        collect() {
          this.reset()
          if (labels.length === 0) this.remove()
          for (const [set, value] of current()) this.set(set, value)
        },
      })
    } else {
      new Counter({
        ...settings,
        collect() {
          this.reset()
          if (labels.length === 0) this.remove()
          for (const [set, value] of current()) this.inc(set, value)
        },
      })
    }
  }

  /**
   * Durations are in buckets already, and prom-client's histogram can only observe one after the other: the registry gets
   * the one method of a metric that it calls.
   */
  #registerDurations({ name, help, durations }: DurationMetric<Reading>): void {
    const get = async () => {
      if (this.#reading === undefined) return { name, help, type: 'histogram', values: [] }
      const { cumulative, seconds } = durations(this.#reading)
      const count = cumulative.at(-1) ?? 0
      const bounds = [...durationBounds, '+Inf']
      const buckets = bounds.map((le, at) => ({ metricName: `${name}_bucket`, labels: { le }, value: cumulative[at] }))
      const sums = [
        { metricName: `${name}_sum`, labels: {}, value: seconds },
        { metricName: `${name}_count`, labels: {}, value: count },
      ]
      return { name, help, type: 'histogram', values: [...buckets, ...sums] }
    }
    this.#registry.registerMetric({ name, get } as unknown as Histogram)
  }
}

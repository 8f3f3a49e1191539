import type { Durations } from './durations.ts'

/** A value with its labels. */
export type Labelled = readonly [Readonly<Record<string, string>>, number]

/** A metric and where its values come from. */
export interface Metric<Reading> {
  readonly kind: 'counter' | 'gauge'
  readonly name: string
  readonly help: string
  /** Names of labels, whose values are members of closed lists: never a topic, an id or what strangers wrote. */
  readonly labels?: readonly string[]
  values(reading: Reading): readonly Labelled[]
}

/** Durations that are counted by how long they were, and where they are found. */
export interface DurationMetric<Reading> {
  readonly kind: 'durations'
  /** It ends in `_seconds`. */
  readonly name: string
  readonly help: string
  durations(reading: Reading): Pick<Durations, 'cumulative' | 'seconds'>
}

/** The metrics of a program: its table, in the order in which they are shown. */
export type MetricsTable<Reading> = readonly (Metric<Reading> | DurationMetric<Reading>)[]

/** The one value of a metric without labels. */
export function one(value: number): readonly Labelled[] {
  return [[{}, value]]
}

/** A value for each name of a closed list, which is what the label says. */
export function labelled<Value>(
  label: string,
  values: Readonly<Record<string, Value>>,
  number: (value: Value) => number = Number,
): readonly Labelled[] {
  return Object.entries(values).map(([name, value]) => [{ [label]: name }, number(value)])
}

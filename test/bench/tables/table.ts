import type { Both, Compared } from '../comparison.ts'

/** What one column of a table holds. */
export interface Column {
  /** Its cells' name in each row. */
  readonly key: string
  readonly title: string
  /** What is measured, if several columns are about it. */
  readonly group?: string
  /** Decimals of its numbers. Without, it holds text. */
  readonly decimals?: number
  /** The most characters of its text. */
  readonly width?: number
}

/** A row's cells by the keys of their columns. What could not be measured is undefined. */
export type Row = Readonly<Record<string, number | string | undefined>>

/** What a table is about. */
export interface TableHead {
  readonly name: string
  readonly title: string
  readonly columns: readonly Column[]
}

/** A table that is measured while it is read, row by row. */
export interface MeasuredTable extends TableHead {
  readonly rows: () => AsyncIterable<Row>
}

/** A table that was measured. */
export interface Table extends TableHead {
  readonly rows: readonly Row[]
}

/** What a contestant is called. */
interface Named {
  readonly name: string
}

/** Three columns for what is measured of both. `comparedCells` fills them. */
export function comparedColumns(
  key: string,
  group: string,
  decimals: number,
  { floor, broker }: Both<Named>,
): Column[] {
  return [
    { key: `${key}Floor`, group, title: floor.name, decimals },
    { key: `${key}Broker`, group, title: broker.name, decimals },
    { key: `${key}Ratio`, group, title: 'ratio', decimals: 2 },
  ]
}

/** The cells of `comparedColumns`. */
export function comparedCells(key: string, compared: Compared | undefined): Row {
  return {
    [`${key}Floor`]: compared?.floor,
    [`${key}Broker`]: compared?.broker,
    [`${key}Ratio`]: compared?.ratio,
  }
}

import { markdownTable } from '../presentation.ts'
import type { Column, Row } from '../tables/table.ts'
import type { Measured } from './measured.ts'

const columns: readonly Column[] = [
  { key: 'figure', title: 'figure' },
  { key: 'floor', title: 'floor', decimals: 0 },
  { key: 'broker', title: 'broker', decimals: 0 },
  { key: 'ratio', title: 'ratio', decimals: 2 },
]

/** Bytes of the messages whose figures are shown. */
const bytes = 500

/** The figures of the front page: what was measured of throughput, latency, and of one message to everybody. */
export function summaryOf({ tables }: Measured): string {
  const rowsOf = (name: string) => tables.find(table => table.name === name)?.rows ?? []
  const rows = [
    ...rowsOf('throughput')
      .filter(row => row.bytes === bytes)
      .map(row =>
        figure(
          `deliveries/s to ${counted(row.subscribers)} subscriber${row.subscribers === 1 ? '' : 's'}`,
          row,
          'deliveries',
        ),
      ),
    ...rowsOf('latency').map(row =>
      figure(`latency at ${counted(row.rate)} messages/s to 10 subscribers, p99, in µs`, inMicroseconds(row), 'p99'),
    ),
    ...rowsOf('scale')
      .filter(row => row.figure === 'one message to all, in ms')
      .map(row => figure('one message to 10,000 subscribers, in ms', row, 'value')),
  ]
  return markdownTable({ name: 'summary', title: '', columns, rows })
}

function figure(figure: string, row: Row, key: string): Row {
  return { figure, floor: row[`${key}Floor`], broker: row[`${key}Broker`], ratio: row[`${key}Ratio`] }
}

function counted(count: number | string | undefined): string {
  return Number(count).toLocaleString('en')
}

function inMicroseconds(row: Row): Row {
  return { ...row, p99Floor: Number(row.p99Floor) * 1000, p99Broker: Number(row.p99Broker) * 1000 }
}

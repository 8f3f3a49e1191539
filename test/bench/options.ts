import { Command, InvalidArgumentError } from 'commander'
import { brokerScript } from './contestants.ts'
import type { Endpoint } from './wires/connection.ts'

/** The tables that the benchmark can measure. */
export const tableNames = ['throughput', 'latency', 'management', 'start', 'growth', 'log', 'scale', 'peers'] as const

/** A table's name. */
export type TableName = (typeof tableNames)[number]

/** Those that take a minute or two together. */
const shortTables: readonly TableName[] = ['throughput', 'latency', 'management', 'start']

/** How thoroughly it is measured if nothing else is asked for, and with `--quick`. */
const thorough = { sizes: [500, 2_000], runs: 8, seconds: 0.5 }
const quick = { sizes: [500], runs: 4, seconds: 0.3 }
const defaults = { subscribers: [1, 10, 50], rate: 1_000, many: 10_000, logged: 1_000_000 }

/** What was asked for. */
export interface BenchOptions {
  readonly tables: readonly TableName[]
  readonly subscribers: readonly number[]
  readonly sizes: readonly number[]
  readonly runs: number
  readonly seconds: number
  readonly rate: number
  readonly many: number
  readonly logged: number
  readonly broker: string
  readonly against?: Endpoint
  readonly pid?: number
  readonly withoutHistory?: true
  readonly withViewer?: true
  readonly noise?: true
  readonly json?: true
  readonly report?: true
}

/** What commander reads: which tables, and how thoroughly, is still to be decided. */
type Given = Partial<Omit<BenchOptions, 'tables' | 'broker'>> &
  Pick<BenchOptions, 'broker'> &
  Partial<Record<TableName | 'all' | 'quick', true>>

/** Reads the command line; a mistake in it ends the process. */
export function readOptions(): BenchOptions {
  const given = new Command('bench')
    .description(
      'The broker beside the floor, the least that one on zeromq can do in Node. Without a table: the short ones.',
    )
    .option('--throughput', 'table: deliveries/s and CPU time a delivery')
    .option('--latency', 'table: latency by the clock')
    .option('--management', 'table: requests/s')
    .option('--start', 'table: start to ready')
    .option('--growth', 'long table: CPU time a delivery by the number of subscribers')
    .option('--log', 'long table: CPU time a delivery by the number of messages in the log')
    .option('--scale', 'long table: subscribing, memory, one message to all, and manage meanwhile')
    .option('--peers', 'long table: the same load on Mosquitto, NATS and RabbitMQ, where they are installed')
    .option('--all', 'all tables')
    .option('--report', 'all tables, and what they say into test/README.md and README.md, with a plot')
    .option('--subscribers <list>', `numbers of subscribers (default: ${defaults.subscribers})`, positiveNumbers)
    .option('--sizes <list>', `bytes of each indicator (default: ${thorough.sizes})`, positiveNumbers)
    .option('--runs <number>', `measurements, of which the median counts (default: ${thorough.runs})`, positiveNumber)
    .option('--seconds <number>', `length of a measurement (default: ${thorough.seconds})`, positiveNumber)
    .option('--rate <number>', `messages/s when latency is measured (default: ${defaults.rate})`, positiveNumber)
    .option('--many <number>', `subscribers that the long tables go up to (default: ${defaults.many})`, positiveNumber)
    .option('--logged <number>', `messages that the log goes up to (default: ${defaults.logged})`, positiveNumber)
    .option('--quick', 'a rough answer, soon')
    .option('--broker <file>', 'the script of the broker to start', brokerScript)
    .option('--against <host:port>', 'measure a broker that runs already, by its manage endpoint', hostAndPort)
    .option('--pid <number>', "that broker's process, to measure its processor time and memory", positiveNumber)
    .option('--without-history', 'measure the broker beside itself without a history: what that costs')
    .option('--with-viewer', 'measure the broker, looked at with the inspector, beside itself: what that costs')
    .option('--noise', 'measure the floor against itself: how far ratios can be trusted')
    .option('--json', 'print everything measured as JSON instead of tables')
    .parse()
    .opts<Given>()
  return { ...defaults, ...(given.quick ? quick : thorough), ...given, tables: tablesOf(given) }
}

function tablesOf(given: Given): readonly TableName[] {
  if (given.all || given.report) return tableNames
  const asked = tableNames.filter(name => given[name])
  return asked.length > 0 ? asked : shortTables
}

function positiveNumber(text: string): number {
  const number = Number(text)
  if (!(number > 0)) throw new InvalidArgumentError('It must be a positive number.')
  return number
}

function positiveNumbers(list: string): number[] {
  return list.split(',').map(positiveNumber)
}

function hostAndPort(text: string): Endpoint {
  const [, host, port] = /^(.+):(\d+)$/.exec(text) ?? []
  if (host === undefined) throw new InvalidArgumentError('It must be host:port.')
  return { host, port: Number(port) }
}

#!/usr/bin/env node
import { existsSync } from 'node:fs'
import { brokerScript, startBroker, startFloor, startWatchedBroker, takeRunning } from './contestants.ts'
import { type BenchOptions, readOptions, type TableName } from './options.ts'
import { tableHead, tableRow } from './presentation.ts'
import { type Circumstances, circumstances, processors } from './report/measured.ts'
import { writeReport } from './report/report.ts'
import { growth } from './tables/growth.ts'
import { latency } from './tables/latency.ts'
import { logGrowth } from './tables/log-growth.ts'
import { management } from './tables/management.ts'
import { peers } from './tables/peers.ts'
import type { Plan, Side } from './tables/plan.ts'
import { scale } from './tables/scale.ts'
import { start } from './tables/start.ts'
import type { MeasuredTable, Row, Table } from './tables/table.ts'
import { throughput } from './tables/throughput.ts'

const tables: Readonly<Record<TableName, (plan: Plan) => MeasuredTable>> = {
  throughput,
  latency,
  management,
  start,
  growth,
  log: logGrowth,
  scale,
  peers,
}

const options = readOptions()

// However it ends, what was started is cleared away: see program.ts.
process.once('SIGINT', () => process.exit(130))
process.once('SIGTERM', () => process.exit(143))
process.on('uncaughtException', fail)
bench(options).catch(fail)

async function bench({ tables: names, json, report }: BenchOptions): Promise<void> {
  const plan = planOf(options)
  const before = circumstances()
  const measured: Table[] = []
  for (const name of names) measured.push(await measure(tables[name](plan)))
  if (json) process.stdout.write(`${JSON.stringify({ ...before, tables: measured }, undefined, 2)}\n`)
  if (report) writeReport({ ...before, tables: measured })
  warnOfCompany(before)
}

/** Measures a table, and shows each row as soon as it is known. */
async function measure(table: MeasuredTable): Promise<Table> {
  const show = (text: string) => void (options.json || process.stdout.write(text))
  const { name, title, columns } = table
  const rows: Row[] = []
  show(tableHead(table))
  for await (const row of table.rows()) {
    rows.push(row)
    show(tableRow(table, row))
  }
  return { name, title, columns, rows }
}

function planOf(options: BenchOptions): Plan {
  const { many: manySubscribers, logged: loggedMessages } = options
  return { ...options, manySubscribers, loggedMessages, complain, sides: { floor: floorSide(), broker: brokerSide() } }
}

function floorSide(): Side {
  if (options.withoutHistory) {
    const history = { enabled: false }
    return { name: 'no history', start: () => startBroker(brokerScript, { history }), startable: true }
  }
  if (options.withViewer) return { name: 'unwatched', start: () => startBroker(brokerScript), startable: true }
  return { name: 'floor', start: () => startFloor(), startable: true }
}

function brokerSide(): Side {
  const { noise, against, pid, broker, withViewer } = options
  if (noise) return { name: 'second floor', start: () => startFloor('second floor'), startable: true }
  if (against) {
    const name = `${against.host}:${against.port}`
    return { name, start: () => takeRunning(against, pid), startable: false }
  }
  if (!existsSync(broker)) throw new Error(`there is no broker at ${broker}`)
  if (withViewer) {
    return { name: 'watched', start: settings => startWatchedBroker(broker, settings), startable: true }
  }
  return { name: 'broker', start: settings => startBroker(broker, settings), startable: true }
}

function complain(complaint: string): void {
  process.stderr.write(`bench: ${complaint}\n`)
  process.exitCode = 1
}

/** Ratios of deliveries/s mean little where others take the processors in turns; those of processor time mean more. */
function warnOfCompany({ loadAverage }: Circumstances): void {
  if (loadAverage < processors()) return
  const load = `load ${loadAverage.toFixed(1)} on ${processors()} processors before the start`
  process.stderr.write(`bench: others use this machine too (${load})\n`)
}

/** Says what went wrong, and gives a broker that is dying the time to say its last words. */
function fail(error: unknown): void {
  process.stderr.write(`bench: ${reasons(error)}\n`)
  setTimeout(() => process.exit(1), 200)
}

/** An error with its causes. */
function reasons(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause === undefined ? error.message : `${error.message}: ${reasons(error.cause)}`
}

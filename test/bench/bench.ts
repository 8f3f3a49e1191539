#!/usr/bin/env node
import { existsSync } from 'node:fs'
import { availableParallelism, loadavg } from 'node:os'
import { Command, InvalidArgumentError } from 'commander'
import type { Both, Comparison, Figure } from './comparison.ts'
import { brokerScript, type Contestant, startBroker, startFloor, takeRunning } from './contestants.ts'
import { Load, type Measurement } from './load.ts'
import { ratioLine, tableHead, tableRow } from './presentation.ts'

interface Options {
  readonly subscribers?: number[]
  readonly sizes?: number[]
  readonly runs?: number
  readonly seconds?: number
  readonly rate?: number
  readonly quick?: true
  readonly withoutHistory?: true
  readonly withViewer?: true
  readonly against?: { readonly host: string; readonly port: number }
  readonly pid?: number
  readonly broker: string
  readonly noise?: true
  readonly json?: true
}

/** What is measured if nothing else is asked for. */
const thorough = { subscribers: [1, 10, 50], sizes: [500, 2_000], runs: 8, seconds: 0.5 }
/** What `--quick` measures. */
const quick = { subscribers: [1, 10, 50], sizes: [500], runs: 4, seconds: 0.3 }
/** How long each broker is driven before the first measurement, so that its code is compiled. */
const warmUpSeconds = 0.5

const options = new Command('bench')
  .description('End-to-end throughput of the broker beside the floor, the least that a broker can do in Node.')
  .option('--subscribers <list>', `numbers of subscribers (default: ${thorough.subscribers})`, positiveNumbers)
  .option('--sizes <list>', `bytes of each indicator (default: ${thorough.sizes})`, positiveNumbers)
  .option(
    '--runs <number>',
    `measurements of each, of which the median counts (default: ${thorough.runs})`,
    positiveNumber,
  )
  .option('--seconds <number>', `length of a measurement (default: ${thorough.seconds})`, positiveNumber)
  .option('--rate <number>', 'messages per second by the clock, to measure latency', positiveNumber)
  .option('--quick', 'a rough answer, soon')
  .option('--broker <file>', 'the script of the broker to start', brokerScript)
  .option('--against <host:port>', 'measure a broker that runs already, by its manage endpoint', hostAndPort)
  .option('--pid <number>', "that broker's process, to measure its processor time", positiveNumber)
  .option('--without-history', 'measure the broker beside itself without a history: what that costs')
  .option('--with-viewer', 'measure the broker, looked at with the inspector, beside itself: what that costs')
  .option('--noise', 'measure the floor against itself: how far ratios can be trusted')
  .option('--json', 'print everything measured as JSON instead of a table')
  .parse()
  .opts<Options>()

const plan = { ...(options.quick ? quick : thorough), ...options }
const figures: readonly Figure[] = plan.rate
  ? ['messagesPerSecond', 'latencyP50', 'latencyP99', 'cpuPerDelivery']
  : ['deliveriesPerSecond', 'messagesPerSecond', 'cpuPerDelivery']
const ratios: readonly Figure[] = plan.rate ? ['latencyP50', 'latencyP99'] : ['deliveriesPerSecond', 'cpuPerDelivery']

// However it ends, what was started is cleared away: see contestants.ts.
process.once('SIGINT', () => process.exit(130))
process.once('SIGTERM', () => process.exit(143))
process.on('uncaughtException', fail)
bench().catch(fail)

async function bench(): Promise<void> {
  const floor = await startOpponent()
  const broker = await startContestant()
  if (!options.json) process.stdout.write(tableHead(figures, { floor, broker }))
  const comparisons: Comparison[] = []
  for (const bytes of plan.sizes) {
    for (const subscribers of plan.subscribers) {
      const comparison = await measureBoth({ floor, broker }, subscribers, bytes)
      comparisons.push(comparison)
      if (!options.json) process.stdout.write(tableRow(comparison, figures))
    }
  }
  await Promise.all([floor.stop(), broker.stop()])
  if (options.json) process.stdout.write(`${JSON.stringify(document(broker, comparisons), undefined, 2)}\n`)
  else process.stdout.write(ratioLine(comparisons, { floor, broker }, ratios))
  complainOfWrong(comparisons)
  warnOfCompany()
}

function startOpponent(): Promise<Contestant> {
  if (options.withoutHistory) return startBroker(brokerScript, { history: false })
  return options.withViewer ? startBroker(brokerScript) : startFloor()
}

function startContestant(): Promise<Contestant> {
  if (options.noise) return startFloor('second floor')
  if (options.against) return takeRunning(options.against.host, options.against.port, options.pid)
  if (!existsSync(options.broker)) throw new Error(`there is no broker at ${options.broker}`)
  return startBroker(options.broker, { viewer: options.withViewer ?? false })
}

/**
 * Puts the same load on both and measures them in turn, so that what else the machine does meets both alike. Each goes
 * first as often as the other.
 */
async function measureBoth(both: Both<Contestant>, subscribers: number, bytes: number): Promise<Comparison> {
  const { seconds, rate } = plan
  const floor = await Load.start(both.floor, { subscribers, bytes, rate })
  const broker = await Load.start(both.broker, { subscribers, bytes, rate })
  await floor.measure(warmUpSeconds)
  await broker.measure(warmUpSeconds)
  const measurements: Both<Measurement>[] = []
  while (measurements.length < plan.runs) {
    if (measurements.length % 2 === 0) {
      const first = await floor.measure(seconds)
      measurements.push({ floor: first, broker: await broker.measure(seconds) })
    } else {
      const first = await broker.measure(seconds)
      measurements.push({ broker: first, floor: await floor.measure(seconds) })
    }
  }
  return { subscribers, bytes, measurements, accounts: { floor: await floor.end(), broker: await broker.end() } }
}

/** Lost messages are an error; being slow is not. */
function complainOfWrong(comparisons: readonly Comparison[]): void {
  for (const { subscribers, bytes, accounts } of comparisons) {
    for (const [name, { lost, duplicated, reordered, foreign }] of Object.entries(accounts)) {
      if (lost + duplicated + reordered + foreign === 0) continue
      const wrong = `${lost} lost, ${duplicated} duplicated, ${reordered} reordered, ${foreign} foreign`
      process.stderr.write(`bench: ${name}, ${subscribers} × ${bytes} B: ${wrong}\n`)
      process.exitCode = 1
    }
  }
}

/** Ratios of deliveries/s mean little where others take the processors in turns; those of processor time mean more. */
function warnOfCompany(): void {
  const [load = 0] = loadavg()
  const processors = availableParallelism()
  // The benchmark keeps two processors busy by itself.
  if (load < processors + 2) return
  process.stderr.write(`bench: others use this machine too (load ${load.toFixed(1)} on ${processors} processors)\n`)
}

function document(broker: Contestant, comparisons: readonly Comparison[]): object {
  const { seconds, rate } = plan
  return {
    date: new Date().toISOString(),
    node: process.version,
    processors: availableParallelism(),
    loadAverage: loadavg(),
    broker: broker.name,
    seconds,
    rate,
    comparisons,
  }
}

/** Says what went wrong, and gives a broker that is dying the time to say its last words. */
function fail(error: unknown): void {
  process.stderr.write(`bench: ${reasons(error)}\n`)
  setTimeout(() => process.exit(1), 200)
}

function positiveNumber(text: string): number {
  const number = Number(text)
  if (!(number > 0)) throw new InvalidArgumentError('It must be a positive number.')
  return number
}

function positiveNumbers(list: string): number[] {
  return list.split(',').map(positiveNumber)
}

function hostAndPort(text: string): { host: string; port: number } {
  const [, host, port] = /^(.+):(\d+)$/.exec(text) ?? []
  if (host === undefined) throw new InvalidArgumentError('It must be host:port.')
  return { host, port: Number(port) }
}

/** An error with its causes. */
function reasons(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause === undefined ? error.message : `${error.message}: ${reasons(error.cause)}`
}

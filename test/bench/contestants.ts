import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { indicatorTopic } from './indicators.ts'
import { ManageClient } from './manage-client.ts'
import { freePorts, localhost, type Program, startProgram, temporaryDirectory } from './program.ts'
import type { Endpoint } from './wires/connection.ts'
import type { WireName } from './wires/wires.ts'

/** A broker that is up and answers. */
export interface Contestant {
  readonly name: string
  readonly wire: WireName
  /** Its process, to read its processor time and memory. */
  readonly pid?: number | undefined
  /** Enters subscribers for indicators. */
  readonly join: (subscribers: number) => Promise<Membership>
  /** Ends it, if it was started here. */
  readonly stop: () => Promise<void>
}

/** Subscribers that a broker knows, and where messages come from and go to. */
export interface Membership {
  /** What each subscribes to. */
  readonly topics: readonly string[]
  readonly pub: Endpoint
  readonly sub: Endpoint
  readonly leave: () => Promise<void>
}

/** A broker of Threat Bus's protocol. */
export interface BusContestant extends Contestant {
  readonly manage: Endpoint
  /** From its start to its first answer, in milliseconds; unless it ran already. */
  readonly startMilliseconds?: number
}

/** How long a broker may take until it answers, in milliseconds. */
const readyTimeout = 10_000

const floorScript = fileURLToPath(import.meta.resolve('./floor.js'))
/** This package's own broker. */
export const brokerScript = fileURLToPath(import.meta.resolve('../../bin/threatbus.js'))

/** Starts the floor. */
export async function startFloor(name = 'floor'): Promise<BusContestant> {
  const ports = await freePorts(3)
  const [manage = 0] = ports
  return startBus(name, manage, [floorScript, ...ports.map(String)])
}

/** Settings of a broker that are not the defaults. */
export interface BrokerSettings {
  readonly history?: { readonly enabled?: boolean; readonly max_bytes?: number }
  readonly inspector?: { readonly port: number }
}

/** Starts a broker that takes this package's options, with its defaults and a directory of its own. */
export async function startBroker(script: string, settings: BrokerSettings = {}): Promise<BusContestant> {
  const [manage = 0, pub = 0, sub = 0] = await freePorts(3)
  const directory = temporaryDirectory()
  const config = join(directory, 'config.yaml')
  // JSON is YAML.
  const plugins = { apps: { zmq: { host: localhost, manage, pub, sub } } }
  // All of the load comes from one address.
  const shares = { max_subscribers_per_address: 1_000_000, subscribe_rate: 1_000_000 }
  writeFileSync(config, JSON.stringify({ inspector: { port: 0 }, plugins, ...shares, ...settings }))
  const name = settings.history?.enabled === false ? 'no history' : 'broker'
  const broker = await startBus(name, manage, [script, '-c', config], directory)
  return {
    ...broker,
    async stop() {
      await broker.stop()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** Starts a broker, and reads what its inspector's page is told for as long as it runs. */
export async function startWatchedBroker(script: string, settings: BrokerSettings = {}): Promise<BusContestant> {
  const [port = 0] = await freePorts(1)
  const broker = await startBroker(script, { ...settings, inspector: { port } })
  const { body } = await fetch(`http://${localhost}:${port}/inspector/live`)
  body?.pipeTo(new WritableStream()).catch(() => {})
  return { ...broker, name: 'watched' }
}

/** Takes a broker that runs already, and leaves it running. */
export async function takeRunning(manage: Endpoint, pid: number | undefined): Promise<BusContestant> {
  await answers(manage)
  return busContestant(`${manage.host}:${manage.port}`, manage, { pid, async stop() {} })
}

/** Starts a Node program, and waits until it answers on `manage`. */
async function startBus(name: string, port: number, args: readonly string[], cwd?: string): Promise<BusContestant> {
  const manage = { host: localhost, port }
  const awaitReady = () => answers(manage)
  const program = await startProgram({ name, command: process.execPath, args, cwd, awaitReady })
  return busContestant(name, manage, program)
}

function busContestant(
  name: string,
  manage: Endpoint,
  program: Pick<Program, 'pid' | 'stop'> & { readonly startMilliseconds?: number },
): BusContestant {
  return { ...program, name, wire: 'zmtp', manage, join: subscribers => joinBus(manage, subscribers) }
}

async function joinBus(manage: Endpoint, subscribers: number): Promise<Membership> {
  const client = new ManageClient(manage)
  const { p2pTopics, pubPort, subPort } = await client.subscribe(indicatorTopic, subscribers)
  client.close()
  return {
    topics: p2pTopics,
    pub: { host: manage.host, port: pubPort },
    sub: { host: manage.host, port: subPort },
    async leave() {
      const client = new ManageClient(manage)
      await client.unsubscribe(p2pTopics)
      client.close()
    },
  }
}

async function answers(manage: Endpoint): Promise<void> {
  const client = new ManageClient(manage, readyTimeout)
  try {
    await client.awaitReady()
  } finally {
    client.close()
  }
}

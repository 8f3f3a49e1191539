import { accessSync, constants, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Contestant } from './contestants.ts'
import { indicatorTopic } from './indicators.ts'
import { freePorts, localhost, type ProgramOptions, startProgram, temporaryDirectory } from './program.ts'
import { type WireName, wires } from './wires/wires.ts'

/** A broker that people could pick instead. It is started with its defaults, on a port and in a directory of its own. */
export interface Peer {
  readonly name: string
  /** Its program, if it is installed. */
  readonly command: string | undefined
  readonly start: () => Promise<Contestant>
}

/** How long a peer may take until it takes connections, in milliseconds. */
const readyTimeout = 60_000

/** Where Debian puts programs that are not for everybody, beside the PATH. */
const systemDirectories = ['/usr/sbin', '/usr/local/sbin']
/** Behind Debian's program is RabbitMQ's own, which needs no user of its own. */
const rabbitDirectory = '/usr/lib/rabbitmq/bin'

/** The peers, whether they are installed or not. */
export function findPeers(): Peer[] {
  const mosquitto = find('mosquitto', systemDirectories)
  const nats = find('nats-server', systemDirectories)
  const rabbit = find('rabbitmq-server', [rabbitDirectory])
  return [
    { name: 'Mosquitto', command: mosquitto, start: () => startMosquitto(installed(mosquitto)) },
    { name: 'NATS', command: nats, start: () => startNats(installed(nats)) },
    { name: 'RabbitMQ', command: rabbit, start: () => startRabbit(installed(rabbit)) },
  ]
}

async function startMosquitto(command: string): Promise<Contestant> {
  const [port = 0] = await freePorts(1)
  const config = join(temporaryDirectory(), 'mosquitto.conf')
  writeFileSync(config, `listener ${port} ${localhost}\nallow_anonymous true\n`)
  // As root it would become a user that may not read the directory.
  if (process.getuid?.() === 0) writeFileSync(config, 'user root\n', { flag: 'a' })
  return startPeer('Mosquitto', 'mqtt', port, { command, args: ['-c', config] })
}

async function startNats(command: string): Promise<Contestant> {
  const [port = 0] = await freePorts(1)
  return startPeer('NATS', 'nats', port, { command, args: ['-a', localhost, '-p', String(port)] })
}

/** RabbitMQ needs Erlang's port mapper, which would stay behind if it were not started here. */
async function startRabbit(command: string): Promise<Contestant> {
  const [port = 0, distribution = 0, mapper = 0] = await freePorts(3)
  const directory = temporaryDirectory()
  const epmd = await startProgram({
    name: "Erlang's port mapper",
    command: installed(find('epmd', [])),
    args: ['-port', String(mapper), '-address', localhost],
    awaitReady: () => delay(200),
  })
  const env = {
    ...process.env,
    HOME: directory,
    ERL_EPMD_PORT: String(mapper),
    RABBITMQ_NODENAME: 'bench@localhost',
    RABBITMQ_NODE_IP_ADDRESS: localhost,
    RABBITMQ_NODE_PORT: String(port),
    RABBITMQ_DIST_PORT: String(distribution),
    RABBITMQ_MNESIA_BASE: directory,
    RABBITMQ_LOG_BASE: directory,
    RABBITMQ_ENABLED_PLUGINS_FILE: join(directory, 'no-plugins'),
    // It runs in the foreground then, as the process that was started.
    RUNNING_UNDER_SYSTEMD: 'true',
  }
  const rabbit = await startPeer('RabbitMQ', 'amqp', port, { command, args: [], cwd: directory, env })
  return {
    ...rabbit,
    async stop() {
      await rabbit.stop()
      await epmd.stop()
    },
  }
}

async function startPeer(
  name: string,
  wire: WireName,
  port: number,
  options: Omit<ProgramOptions, 'name' | 'awaitReady'>,
): Promise<Contestant> {
  const endpoint = { host: localhost, port }
  const { pid, stop } = await startProgram({ ...options, name, awaitReady: () => takesConnections(wire, port) })
  return {
    ...{ name, wire, pid, stop },
    join: async subscribers => ({
      topics: Array.from({ length: subscribers }, () => indicatorTopic),
      pub: endpoint,
      sub: endpoint,
      async leave() {},
    }),
  }
}

async function takesConnections(wire: WireName, port: number): Promise<void> {
  const giveUp = performance.now() + readyTimeout
  for (;;) {
    try {
      const connection = await wires[wire].connectPublisher({ host: localhost, port })
      return connection.close()
    } catch (error) {
      if (performance.now() > giveUp) throw error
      await delay(100)
    }
  }
}

function find(program: string, directories: readonly string[]): string | undefined {
  const paths = [...directories, ...(process.env.PATH ?? '').split(delimiter)].map(directory =>
    join(directory, program),
  )
  return paths.find(isExecutable)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

function installed(command: string | undefined): string {
  if (command === undefined) throw new Error('it is not installed')
  return command
}

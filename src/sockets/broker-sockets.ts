import type { EndpointName } from '../../machines/vocabulary-endpoint.ts'
import type { Config } from '../config/schema.ts'
import { subscribedPrefixes } from '../protocol/frames.ts'
import { addressOf } from './address.ts'
import { ManageSocket, type RawRequest } from './manage.ts'
import { descriptorsLeft, isDescriptorLeft, openFiles } from './open-files.ts'
import { PubSocket, type PubSocketPeers } from './pub.ts'
import { type Publications, SubSocket } from './sub.ts'
import { ConnectionAdmission } from './zmtp/connection-admission.ts'
import type { ListenTroubles } from './zmtp/listener.ts'
import { PeerBudget } from './zmtp/peer-budget.ts'

/** Time that replies on their way have at least when the sockets are closed. */
const leastLingerMs = 100

/** What connections may hold together is enough for so many messages at least that have not come whole. */
const leastMessages = 4

/** Files that are kept free for what is open for a moment, or is not known to this program. */
const otherFiles = 32

const endpointsNumber = 3

/** How often it is looked whether a file can be opened still. */
const descriptorsIntervalMs = 1000

/** What becomes of what comes by a broker's sockets, and what it shares the process with. */
export interface SocketWork {
  /** Files that others have open, or will. */
  readonly filesBeside: number
  /** Answers a request on `manage`. */
  answer(request: RawRequest): Promise<void> | void
  /** Admits a connection that subscribed to something on `pub`. */
  readonly accept: PubSocketPeers['accept']
  /** Takes what is published on `sub`. */
  readonly publications: Publications
}

/** Who hears of what goes wrong with connections. */
export interface SocketReports {
  troublesOf(endpoint: EndpointName): ListenTroubles
  reached(limit: 'plugins.apps.zmq.max_peer_bytes' | 'change_rate'): void
  /** A subscription on `pub` was not admitted. */
  eavesdropper(): void
  noFile(): void
  fewFiles(files: Readonly<Record<'limit' | 'connections' | 'wanted' | 'ports', number>>): void
}

/** The three sockets of a broker, and what their connections share. */
export class BrokerSockets {
  readonly manage: ManageSocket
  readonly pub: PubSocket
  readonly sub: SubSocket
  /** The addresses that they bind, as they are configured. */
  readonly addresses: Readonly<Record<EndpointName, string>>
  readonly #budget: PeerBudget
  readonly #admission: ConnectionAdmission
  readonly #shutdownMs: number
  readonly #watch: NodeJS.Timeout
  #stopAtMs = Number.POSITIVE_INFINITY

  constructor(config: Config, work: SocketWork, reports: SocketReports) {
    const { answer, accept, publications, filesBeside } = work
    const { zmq } = config.plugins.apps
    const { inspector } = config
    const files = otherFiles + filesBeside + (inspector.enabled ? inspector.max_connections : 0)
    this.addresses = {
      manage: addressOf(zmq.host, zmq.manage),
      pub: addressOf(zmq.host, zmq.pub),
      sub: addressOf(zmq.host, zmq.sub),
    }
    this.#shutdownMs = config.shutdownTimeoutMs
    this.#budget = new PeerBudget({
      maxBytes: Math.max(zmq.max_peer_bytes, leastMessages * zmq.max_message_size),
      messageTimeoutMs: zmq.messageTimeoutMs,
      exceeded: () => reports.reached('plugins.apps.zmq.max_peer_bytes'),
    })
    this.#admission = new ConnectionAdmission(connectionsAtMost(zmq.max_connections, files, reports))
    const listening = {
      host: zmq.host,
      maxConnections: zmq.max_connections,
      maxMessageBytes: zmq.max_message_size,
      admission: this.#admission,
      sendBufferBytes: zmq.send_buffer_size,
      keepaliveIdleMs: zmq.tcpKeepaliveMs,
      handshakeTimeoutMs: zmq.handshakeTimeoutMs,
      budget: this.#budget,
      // What the sockets hold when they are closed may take what is left of the time to shut down.
      lingerMs: () => Math.min(this.#shutdownMs, Math.max(leastLingerMs, this.#stopAtMs - performance.now())),
    }
    this.manage = new ManageSocket({ ...listening, port: zmq.manage }, answer, reports.troublesOf('manage'))
    this.pub = new PubSocket(
      {
        ...listening,
        port: zmq.pub,
        answerTimeoutMs: config.heartbeat.timeoutMs,
        joinTimeoutMs: config.joinTimeoutMs,
        windowBytes: zmq.acknowledgement_window,
      },
      {
        ...reports.troublesOf('pub'),
        accept,
        refused: () => reports.eavesdropper(),
        changesTooOften: () => reports.reached('change_rate'),
      },
    )
    this.sub = new SubSocket(
      { ...listening, port: zmq.sub, lingerMs: () => 0, prefixes: subscribedPrefixes },
      publications,
      reports.troublesOf('sub'),
    )
    this.#watch = setInterval(() => {
      if (!isDescriptorLeft()) reports.noFile()
    }, descriptorsIntervalMs)
  }

  /** How many connections each of them has. */
  get connections(): Readonly<Record<EndpointName, number>> {
    const { manage, pub, sub } = this
    return { manage: manage.connections, pub: pub.connections, sub: sub.connections }
  }

  /** Are there file descriptors for more of them? */
  get hasDescriptors(): boolean {
    return this.#admission.hasRoom && isDescriptorLeft()
  }

  /** Bytes that they hold together. */
  get peerBytes(): PeerBudget['held'] {
    return this.#budget.held
  }

  /** Fulfilled when each has its port, or did not get it at once. */
  get portsTried(): Promise<unknown> {
    return Promise.all([this.manage.tried, this.pub.tried, this.sub.tried])
  }

  /** The time to shut down begins. */
  beginToStop(): void {
    this.#stopAtMs = performance.now() + this.#shutdownMs
  }

  /** Closes those that are not closed yet. */
  close(): void {
    for (const socket of [this.manage, this.sub, this.pub]) socket.close()
  }

  /** Looks no more whether there are descriptors. */
  endWatch(): void {
    clearInterval(this.#watch)
  }
}

/** Connections that there are file descriptors for beside what else is open. Tells if those are too few. */
function connectionsAtMost(perPort: number, others: number, reports: SocketReports): number {
  const files = openFiles()
  if (files === undefined) return Number.POSITIVE_INFINITY
  const connections = descriptorsLeft(files, others)
  const wanted = endpointsNumber * perPort
  if (connections < wanted) reports.fewFiles({ limit: files.limit, connections, wanted, ports: endpointsNumber })
  return connections
}

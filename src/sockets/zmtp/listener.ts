import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { networkInterfaces } from 'node:os'
import { connectionAccepted } from '../../turns/turn.ts'
import { isOutOfDescriptors } from '../open-files.ts'
import type { Broken } from './break-reason.ts'
import type { ConnectionAdmission, Entrance, Guest, Shortage } from './connection-admission.ts'
import { type PeerHandler, type PeerOptions, type PeerTerms, ZmtpPeer } from './peer.ts'

/** Where an endpoint listens, and what its connections may take. */
export interface ListenOptions extends Pick<PeerTerms, 'handshakeTimeoutMs' | 'budget'> {
  /** An address, a network interface, or `*` for every address of this machine. */
  readonly host: string
  /** 0 lets the system pick one. */
  readonly port: number
  /** Connections at most: for one more a stranger gives way, or it is closed at once. */
  readonly maxConnections: number
  /** Who may be connected, to this and other endpoints. */
  readonly admission: ConnectionAdmission
  /** Bytes that a connection may hold in this process before it has no room for more. */
  readonly sendBufferBytes: number
  /** When nothing was heard for so long, the system asks whether the peer is still there (TCP keepalive). */
  readonly keepaliveIdleMs: number
  /** Asked when it is closed: how long what connections hold unsent may take then. */
  lingerMs(): number
}

/** What an endpoint tells of connections that it can't have. */
export interface ListenTroubles {
  /** A connection was ended because of what its peer did, or did not do in time. */
  readonly broken: Broken
  /** A connection was closed at once: for want of this; undefined: the system could not give it. */
  dropped(shortage: Shortage | undefined, detail: string): void
}

/** Connections that the system may keep until they are accepted: many come at once after a restart. */
const backlog = 4096

const shortages: Readonly<Record<Shortage, string>> = {
  max_connections: 'there are as many connections as may be',
  file_descriptors: 'there are as many open files as may be',
}

/** A TCP port where ZeroMQ's sockets connect: what the bound ends of all types of sockets have in common. */
export class ZmtpListener {
  readonly #options: ListenOptions & PeerOptions
  readonly #troubles: ListenTroubles
  readonly #accept: (peer: ZmtpPeer) => PeerHandler
  readonly #server: Server
  readonly #peers = new Set<ZmtpPeer>()
  readonly #entrance: Entrance
  readonly #served: Promise<void>
  /** Fulfilled when it was bound, or could not be, for the first time. */
  readonly tried: Promise<void>
  #haveTried: () => void = () => {}
  #ended: () => void = () => {}
  #failed: (error: unknown) => void = () => {}

  /** @param accept is asked what is done with a peer that has said what it is */
  constructor(options: ListenOptions & PeerOptions, troubles: ListenTroubles, accept: (peer: ZmtpPeer) => PeerHandler) {
    this.#options = options
    this.#troubles = troubles
    this.#accept = accept
    this.tried = new Promise(resolve => {
      this.#haveTried = resolve
    })
    this.#served = new Promise((resolve, reject) => {
      this.#ended = resolve
      this.#failed = reject
    })
    this.#server = createServer({
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: options.keepaliveIdleMs,
      highWaterMark: options.sendBufferBytes,
    })
    this.#entrance = options.admission.entrance(options.maxConnections)
    this.#server.on('connection', socket => this.#add(socket))
  }

  /** How many connections there are. */
  get connections(): number {
    return this.#peers.size
  }

  /** Listens, and answers the port. Rejects with the code `EADDRINUSE` while another process has it. */
  async bind(): Promise<number> {
    const { host, port } = this.#options
    const address = host === '*' ? '0.0.0.0' : addressOfInterface(host)
    this.#server.listen({ host: address, port, backlog })
    await once(this.#server, 'listening').finally(this.#haveTried)
    // From now on errors are of single connections that could not be accepted.
    this.#server.on('error', error => {
      this.#troubles.dropped(isOutOfDescriptors(error) ? 'file_descriptors' : undefined, error.message)
    })
    return (this.#server.address() as AddressInfo).port
  }

  /** Serves its peers until it is closed. Rejects if that fails. */
  serve(): Promise<void> {
    return this.#served
  }

  /** A peer did what the endpoint is there for: it does not have to give way any more. */
  protected known(peer: ZmtpPeer): void {
    this.#entrance.known(peer)
  }

  /** Those who have been connected for so long and done nothing. */
  protected strangersFor(milliseconds: number): readonly Guest[] {
    return this.#entrance.strangersFor(milliseconds)
  }

  /** Is it a stranger? */
  protected isStranger(guest: Guest): boolean {
    return this.#entrance.isStranger(guest)
  }

  /** Serving has failed. */
  protected fail(error: unknown): void {
    this.#failed(error)
  }

  /** Stops listening. What connections hold unsent gets the linger time. */
  close(): void {
    this.#server.close()
    const peers = [...this.#peers]
    for (const peer of peers) peer.closeWhenSent()
    setTimeout(() => {
      for (const peer of peers) peer.close()
    }, this.#options.lingerMs()).unref()
    this.#ended()
  }

  #add(socket: Socket): void {
    connectionAccepted()
    const shortage = this.#entrance.makeRoom()
    if (shortage !== undefined) {
      socket.destroy()
      this.#troubles.dropped(shortage, shortages[shortage])
      return
    }
    const peer = new ZmtpPeer(socket, this.#options, this.#accept, this.#troubles.broken)
    this.#peers.add(peer)
    this.#entrance.enter(peer)
    socket.on('close', () => {
      this.#peers.delete(peer)
      this.#entrance.leave(peer)
    })
  }
}

/** A network interface may stand for its address, as in libzmq. */
function addressOfInterface(host: string): string {
  const addresses = networkInterfaces()[host] ?? []
  return (addresses.find(({ family }) => family === 'IPv4') ?? addresses[0])?.address ?? host
}

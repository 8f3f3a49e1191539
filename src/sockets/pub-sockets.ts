import type { PubSocket } from './pub.ts'

/**
 * The `pub` endpoint as a whole: a {@link PubSocket} for each of its ports. Subscribers are spread over them.
 *
 * When a peer disconnects, libzmq walks over the subscriptions of its socket, so each socket should not have all of them.
 */
export class PubSockets {
  readonly #sockets: readonly PubSocket[]
  readonly #ports: number[] = []
  #given = 0

  /** @param sockets one or more */
  constructor(sockets: readonly PubSocket[]) {
    this.#sockets = sockets
  }

  /** The ports that it listens on. */
  get ports(): readonly number[] {
    return this.#ports
  }

  /**
   * Binds to as many addresses as it has sockets, and answers the first one's port. Rejects like {@link PubSocket.bind};
   * the next call goes on where that happened.
   */
  async bind(addresses: readonly string[]): Promise<number> {
    for (const [index, socket] of this.#sockets.entries()) {
      this.#ports[index] ??= await socket.bind(addresses[index] ?? '')
    }
    return this.#ports[0] ?? 0
  }

  /** The port for one more subscriber: each in turn. */
  nextPort(): number {
    return this.#ports[this.#given++ % this.#ports.length] ?? 0
  }

  /** Sends a frame on one of the sockets, by its place in the list: see {@link PubSocket.send}. */
  send(frame: string, socket: number): Promise<void> {
    return (this.#sockets[socket] as PubSocket).send(frame)
  }

  /** Reads subscriptions until the sockets are closed. Rejects if one fails. */
  async serve(): Promise<void> {
    await Promise.all(this.#sockets.map(socket => socket.serve()))
  }

  /** Closes the sockets: see {@link PubSocket.close}. */
  close(): void {
    for (const socket of this.#sockets) socket.close()
  }
}

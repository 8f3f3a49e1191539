import { Context } from 'zeromq'

/**
 * The context of all client sockets. Not *blocky*: a process that ends waits for what a socket's own linger says, and
 * for nothing else.
 */
const context = new Context({ blocky: false })

/**
 * What every client socket is made with, given the address it will connect to.
 *
 * - `ipv6` only for a literal IPv6 address: with it, libzmq takes the first address that a host name resolves to, and
 *   `localhost` is often `::1` first, where no broker listens.
 * - A vanished peer is noticed by TCP keepalive within about a minute. ZMTP heartbeats stay off: they disconnect peers
 *   that are merely slow (ARCHITECTURE "What was measured").
 * - Reconnecting starts fast and slows down to once in two seconds.
 */
export function connectionOptions(address: string) {
  return {
    context,
    ipv6: address.includes('['),
    linger: 0,
    reconnectInterval: 100,
    reconnectMaxInterval: 2000,
    tcpKeepalive: 1,
    tcpKeepaliveIdle: 30,
    tcpKeepaliveInterval: 10,
    tcpKeepaliveCount: 3,
  }
}

/** Is this how zeromq says that nothing could be done right now, or that the socket was closed meanwhile? */
export function isUnready(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EAGAIN'
}

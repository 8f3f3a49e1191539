import type { Socket } from 'zeromq'

/** The TCP port a bound socket listens on: the one that was asked for, or the system's choice for port 0. 0 for other transports. */
export function boundPort(socket: Socket): number {
  return Number(/^tcp:.*:(\d+)$/.exec(socket.lastEndpoint ?? '')?.[1] ?? 0)
}

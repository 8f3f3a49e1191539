import { Context } from 'zeromq'

/**
 * The ZeroMQ context of one process: `ioThreads` move the bytes, and a process ends even if a peer never took its last
 * messages (`blocky` off: closing does not wait).
 */
export function openContext(ioThreads: number): Context {
  return new Context({ ioThreads, blocky: false })
}

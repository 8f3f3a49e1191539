import { Context } from 'zeromq'

/** Where sockets have their connections served: options of ZeroMQ's, to be given to each. */
export interface IoThreads {
  readonly context: Context
  /** The context's I/O threads that serve them, one bit each. */
  readonly affinity: number
}

/**
 * The I/O threads of one process, which move the bytes: one for `manage`, and `deliveryThreads` for what is published and
 * received. One that is writing a message to ten thousand connections reads nothing meanwhile: a heartbeat would wait for
 * all of them.
 */
export function startIoThreads(deliveryThreads: number): { readonly manage: IoThreads; readonly delivery: IoThreads } {
  // `blocky` off, closing does not wait: a process ends even if a peer never took its last messages.
  const context = new Context({ ioThreads: deliveryThreads + 1, blocky: false })
  return { manage: { context, affinity: 1 }, delivery: { context, affinity: 2 ** (deliveryThreads + 1) - 2 } }
}

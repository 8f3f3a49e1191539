import { Request } from 'zeromq'
import { connectionOptions, isUnready } from './connection.ts'

/**
 * How long to wait for something, and what ends the waiting early. Several signals, and not `AbortSignal.any` of them:
 * one that lives long remembers each combination it was ever part of (Node 20), and a publisher makes one a message.
 */
export interface Patience {
  readonly timeoutMs: number
  readonly signals: readonly AbortSignal[]
}

/** Throws the reason of a signal that was aborted, if there is one. */
export function throwIfAborted(signals: readonly AbortSignal[]): void {
  for (const signal of signals) signal.throwIfAborted()
}

/**
 * Sends one request and answers the parts of its reply, or undefined if none came in time.
 *
 * Each request has a connection of its own (PROTOCOL "Management"): a Request socket whose reply did not come can't be
 * used again. An address where nobody listens yet is tried again until the time is up.
 *
 * Throws the reason of a signal that is aborted.
 */
export async function request(
  address: string,
  text: string,
  { timeoutMs, signals }: Patience,
): Promise<readonly Buffer[] | undefined> {
  throwIfAborted(signals)
  const socket = new Request({ ...connectionOptions(address), sendTimeout: timeoutMs, receiveTimeout: timeoutMs })
  const close = () => socket.close()
  for (const signal of signals) signal.addEventListener('abort', close)
  try {
    socket.connect(address)
    await socket.send(text)
    return await socket.receive()
  } catch (error) {
    throwIfAborted(signals)
    if (isUnready(error)) return undefined
    throw error
  } finally {
    for (const signal of signals) signal.removeEventListener('abort', close)
    socket.close()
  }
}

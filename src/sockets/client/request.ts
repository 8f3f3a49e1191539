import { Request } from 'zeromq'
import { connectionOptions, isUnready } from './connection.ts'

/** How long to wait for something, and what ends the waiting early. */
export interface Patience {
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
}

/**
 * Sends one request and answers the parts of its reply, or undefined if none came in time.
 *
 * Each request has a connection of its own (PROTOCOL "Management"): a Request socket whose reply did not come can't be
 * used again. An address where nobody listens yet is tried again until the time is up.
 *
 * Throws the signal's reason when it is aborted.
 */
export async function request(
  address: string,
  text: string,
  { timeoutMs, signal }: Patience,
): Promise<readonly Buffer[] | undefined> {
  signal?.throwIfAborted()
  const socket = new Request({ ...connectionOptions(address), sendTimeout: timeoutMs, receiveTimeout: timeoutMs })
  const close = () => socket.close()
  signal?.addEventListener('abort', close)
  try {
    socket.connect(address)
    await socket.send(text)
    return await socket.receive()
  } catch (error) {
    signal?.throwIfAborted()
    if (isUnready(error)) return undefined
    throw error
  } finally {
    signal?.removeEventListener('abort', close)
    socket.close()
  }
}

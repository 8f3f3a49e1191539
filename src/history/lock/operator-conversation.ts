import { once } from 'node:events'
import type { Socket } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { reasonOf } from '../reason.ts'
import { type OperatorRequest, type OperatorService, operatorRequestSchema } from './operator-request.ts'

/** The longest request, in bytes. */
const longestRequest = 262_144

/** How long the operator may take to read on, in milliseconds. */
const readingPatience = 10_000

/** Lines of a reply that are written before everything else has its turn. */
const linesATurn = 200

/** The last line of a reply: without it, it is not whole. */
export const lastLine = { end: true } as const

/**
 * Reads one request from a socket, a line, carries it out, and answers by lines of JSON, of which the last is
 * {@link lastLine}, or `{"error":"…"}`. Then it hangs up. Never rejects.
 */
export function converseWithOperator(socket: Socket, service: OperatorService): void {
  const parts: Buffer[] = []
  let length = 0
  const read = (part: Buffer) => {
    const end = part.indexOf('\n')
    parts.push(end < 0 ? part : part.subarray(0, end))
    length += part.length
    if (length > longestRequest) socket.destroy()
    if (end < 0) return
    socket.off('data', read)
    // How long it takes is not up to the operator.
    socket.setTimeout(0)
    answer(socket, Buffer.concat(parts).toString(), service).catch(() => socket.destroy())
  }
  socket.on('data', read)
}

async function answer(socket: Socket, text: string, service: OperatorService): Promise<void> {
  const lines = await replyTo(text, service)
  socket.setTimeout(readingPatience)
  for (let from = 0; from < lines.length && !socket.destroyed; from += linesATurn) {
    const part = lines.slice(from, from + linesATurn)
    const hasRoom = socket.write(part.map(line => `${JSON.stringify(line)}\n`).join(''))
    await (hasRoom ? nextTurn() : Promise.race([once(socket, 'drain'), once(socket, 'close')]))
  }
  socket.end()
}

async function replyTo(text: string, service: OperatorService): Promise<readonly object[]> {
  const request = requestIn(text)
  if (request === undefined)
    return [{ error: 'this broker does not know such a request: it may be of another version' }]
  try {
    return [...(await service(request)), lastLine]
  } catch (error) {
    return [{ error: reasonOf(error) }]
  }
}

function requestIn(text: string): OperatorRequest | undefined {
  try {
    return operatorRequestSchema.safeParse(JSON.parse(text)).data
  } catch {
    return undefined
  }
}

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { resolve } from 'node:path'
import { HistoryError } from '../history-error.ts'
import { codeOf, reasonOf } from '../reason.ts'
import { inodeOf, ownerSocket } from './election.ts'
import { lastLine } from './operator-conversation.ts'
import type { OperatorRequest } from './operator-request.ts'
import { openSocketDirectory } from './socket-directory.ts'

/**
 * Asks the broker that uses a history directory to do something, by its socket there. Answers the lines of its reply.
 *
 * @param timeoutMs how long it may be silent
 * @throws HistoryError if there is none, it does not answer (in time), or can't do it
 */
export async function askBroker(
  directory: string,
  request: OperatorRequest,
  timeoutMs: number,
): Promise<readonly object[]> {
  const path = resolve(directory)
  if ((await inodeOf(path)) === undefined) throw noBroker(path)
  const sockets = await openSocketDirectory(path, ownerSocket.length)
  try {
    const socket = await connected(sockets.pathOf(ownerSocket), path)
    socket.setTimeout(timeoutMs, () => socket.destroy(new Error(`no answer in ${timeoutMs / 1000} s`)))
    try {
      return await converse(socket, request)
    } catch (error) {
      if (error instanceof HistoryError) throw error
      throw new HistoryError(`the broker of ${path} does not answer: ${reasonOf(error)}`, { cause: error })
    } finally {
      socket.destroy()
    }
  } finally {
    await sockets.close()
  }
}

function noBroker(directory: string): HistoryError {
  return new HistoryError(`no broker uses the history directory ${directory}: none runs there, or it keeps no history`)
}

async function connected(socketPath: string, directory: string): Promise<Socket> {
  const socket = connect({ path: socketPath })
  try {
    await once(socket, 'connect')
    return socket
  } catch (error) {
    const code = codeOf(error)
    if (code === 'ENOENT' || code === 'ECONNREFUSED') throw noBroker(directory)
    throw new HistoryError(`the broker of ${directory} can't be asked: ${reasonOf(error)}`, { cause: error })
  }
}

/** The lines between the first one, in which whoever answers says who it is, and the last. */
async function converse(socket: Socket, request: OperatorRequest): Promise<readonly object[]> {
  socket.write(`${JSON.stringify(request)}\n`)
  const lines: object[] = []
  let rest = ''
  for await (const part of socket.setEncoding('utf8')) {
    const texts = `${rest}${part}`.split('\n')
    rest = texts.pop() ?? ''
    for (const text of texts) {
      const line = JSON.parse(text) as object
      if ('error' in line) throw new HistoryError(`${line.error}`)
      if ('end' in line && line.end === lastLine.end) return lines.slice(1)
      lines.push(line)
    }
  }
  const who =
    lines.length === 0 ? 'it hung up' : 'it takes no requests (another command uses the history, or an older broker)'
  throw new Error(who)
}

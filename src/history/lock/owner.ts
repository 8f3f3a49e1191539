import { connect, type Server } from 'node:net'
import * as z from 'zod'
import { HistoryError } from '../history-error.ts'
import { converseWithOperator } from './operator-conversation.ts'
import type { OperatorService } from './operator-request.ts'

/** What an owner may say about itself beside its process id, such as `{ manage: '127.0.0.1:13370' }`. */
export type OwnerDetails = Readonly<Record<string, string | number | boolean>>

/** What the owner of a history directory says about itself. Empty if there is one that says nothing (in time). */
export interface OwnerDescription {
  readonly pid?: number
  readonly details?: OwnerDetails
}

/** Who is behind a socket: nothing is there; its process is gone; or one that lives and says this. */
export type Answer = 'absent' | 'dead' | { readonly id?: string; readonly owner: OwnerDescription }

/** How long an answer is waited for, in milliseconds. Who doesn't answer may be stopped, or busy; it lives all the same. */
const patience = 1000

/** The longest answer that is read, in bytes. */
const longestAnswer = 16_384

// Shown in error messages: no character that could do something to a terminal.
const text = z
  .string()
  .regex(/^\P{C}*$/u)
  .max(1000)
const answerSchema = z.object({
  id: z.string(),
  pid: z.int(),
  details: z.record(text, z.union([text, z.number(), z.boolean()])),
})

/**
 * Lets a server, on a socket, answer everyone with one line about its owner. Who connects can't hold anything up: it gets the line and
 * is hung up on, there are few at a time, and neither they nor the server keep the process alive. While there is a service, it
 * may ask that for something first, in the time of {@link patience}.
 */
export function answerWith(
  server: Server,
  line: () => { readonly id: string; readonly details: OwnerDetails },
  serviceNow: () => OperatorService | undefined = () => undefined,
): void {
  server.maxConnections = 16
  server.unref()
  server.on('connection', socket => {
    socket.unref()
    // A peer that is gone already misses its answer; nobody else is concerned.
    socket.on('error', () => socket.destroy())
    socket.setTimeout(patience, () => socket.destroy())
    const first = `${JSON.stringify({ pid: process.pid, ...line() })}\n`
    const service = serviceNow()
    if (service === undefined) socket.end(first, () => socket.destroy())
    else {
      socket.write(first)
      converseWithOperator(socket, service)
    }
  })
  // A connection that couldn't be accepted, for want of file descriptors: the socket still tells that its owner lives.
  server.on('error', () => {})
}

/**
 * Connects to a socket and hears who is behind it.
 *
 * @throws HistoryError if it isn't allowed to
 */
export async function ask(path: string): Promise<Answer> {
  const { error, text } = await converse(path)
  switch (error) {
    case 'ENOENT':
      return 'absent'
    case 'ECONNREFUSED':
      return 'dead'
    case 'EACCES':
    case 'EPERM':
      throw new HistoryError(`it can't be found out who uses ${path}: connecting to it is not permitted (${error})`)
    default:
      return understand(text)
  }
}

/** Connects and reads to the end of the first line. Other errors than that of connecting count as the end. */
function converse(path: string): Promise<{ readonly error?: string; readonly text: string }> {
  return new Promise(resolve => {
    let text = ''
    const socket = connect({ path })
    const end = (error?: string) => {
      clearTimeout(timer)
      socket.destroy()
      resolve(error === undefined ? { text } : { error, text })
    }
    const timer = setTimeout(end, patience)
    socket.on('error', (error: NodeJS.ErrnoException) => end(error.syscall === 'connect' ? error.code : undefined))
    socket.on('close', () => end())
    socket.setEncoding('utf8').on('data', (part: string) => {
      text += part
      if (text.includes('\n') || text.length > longestAnswer) end()
    })
  })
}

function understand(text: string): Answer {
  try {
    const { id, pid, details } = answerSchema.parse(JSON.parse(text))
    return { id, owner: { pid, details } }
  } catch {
    return { owner: {} }
  }
}

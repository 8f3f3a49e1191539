import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { chmod, link, rename, unlink } from 'node:fs/promises'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { join, relative } from 'node:path'
import { HistoryError } from './history-error.ts'

/** What the owner of a directory says of itself. */
export interface Owner {
  readonly pid: number
  /** Where it answers management requests: `host:port`; absent until it does. */
  readonly manage?: string
}

/** Longest path of a socket that every system takes, in bytes. */
const maxPathBytes = 100

/** How long an owner may take to say who it is, and how much it may say. */
const answerTimeoutMs = 1000
const maxAnswerBytes = 4096

/** Connections that ask who owns the directory, at once. */
const maxConnections = 16

/**
 * Owns a directory, so that no two brokers write to it: whoever listens on its socket is the owner. The system lets go of
 * it whatever this process ends of.
 */
export class Lock {
  readonly #server: Server
  readonly #path: string
  #owner: Owner

  private constructor(server: Server, path: string, owner: Owner) {
    this.#server = server
    this.#path = path
    this.#owner = owner
    server.on('connection', socket => this.#answer(socket))
  }

  /** Becomes the owner of a directory that is there. Throws {@link HistoryError} if another process is. */
  static async acquire(directory: string): Promise<Lock> {
    const path = socketPath(directory, 'broker.sock')
    const own = socketPath(directory, `${randomUUID().slice(0, 8)}.sock`)
    const server = createServer()
    server.maxConnections = maxConnections
    server.unref()
    const listening = once(server, 'listening')
    server.listen(own)
    await listening
    const lock = new Lock(server, path, { pid: process.pid })
    try {
      await chmod(own, 0o600)
      await takePlace(own, path, directory)
      return lock
    } catch (error) {
      server.close()
      throw error
    } finally {
      await unlink(own).catch(() => {})
    }
  }

  /** Says where the owner answers from now on. */
  describe(manage: string): void {
    this.#owner = { ...this.#owner, manage }
  }

  /** Gives the directory up. */
  async release(): Promise<void> {
    await unlink(this.#path).catch(() => {})
    this.#server.close()
  }

  #answer(socket: Socket): void {
    socket.on('error', () => {})
    socket.unref()
    socket.end(`${JSON.stringify(this.#owner)}\n`)
    socket.destroySoon()
  }
}

/** Asks who owns a directory; undefined if nobody does. */
export async function ownerOf(directory: string): Promise<Owner | undefined> {
  return askOwner(socketPath(directory, 'broker.sock'))
}

/** Puts the socket `own` in the place that the owner's has, unless an owner is there who answers. */
async function takePlace(own: string, path: string, directory: string): Promise<void> {
  for (let attempt = 0; attempt < 5; attempt++) {
    try {
      // A link is made or is there already: of several who try, one succeeds.
      await link(own, path)
      return
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    const owner = await askOwner(path)
    if (owner) {
      const where = owner.manage === undefined ? '' : `, manage ${owner.manage}`
      throw new HistoryError(
        `the history in ${directory} is in use by another broker (process ${owner.pid}${where}): stop that one, or choose another history.path`,
      )
    }
    // Its owner is gone. Moved away and not removed: if another has taken the place meanwhile, it is put back.
    const stale = `${own}.stale`
    await rename(path, stale).catch(() => {})
    if (await askOwner(stale)) await link(stale, path).catch(() => {})
    await unlink(stale).catch(() => {})
  }
  throw new HistoryError(`the history in ${directory} cannot be locked: several brokers try to use it at once`)
}

/** Who answers at a socket; undefined if nobody listens there. Somebody who does not say who it is, is somebody. */
async function askOwner(path: string): Promise<Owner | undefined> {
  const socket = connect(path)
  socket.setTimeout(answerTimeoutMs, () => socket.destroy())
  try {
    await once(socket, 'connect')
  } catch {
    return undefined
  }
  let answer = ''
  try {
    for await (const bytes of socket) {
      answer += bytes
      if (answer.length > maxAnswerBytes) break
    }
    const { pid, manage } = JSON.parse(answer) as Partial<Owner>
    return { pid: Number(pid), ...(typeof manage === 'string' && { manage }) }
  } catch {
    return { pid: Number.NaN }
  } finally {
    socket.destroy()
  }
}

/** The path of a socket in a directory, as short as it can be said. Throws {@link HistoryError} if that is too long. */
function socketPath(directory: string, name: string): string {
  const path = join(directory, name)
  const shortest = [path, relative(process.cwd(), path)].sort((one, other) => one.length - other.length)[0] as string
  if (Buffer.byteLength(shortest) <= maxPathBytes) return shortest
  throw new HistoryError(
    `the history in ${directory} cannot be locked: the path has more than ${maxPathBytes} bytes; choose a shorter history.path`,
  )
}

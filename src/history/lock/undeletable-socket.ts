import { readdir, readFile, readlink, stat } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { codeOf } from '../reason.ts'
import { answerWith, ask, type OwnerDescription, type OwnerDetails } from './owner.ts'

/** Bytes of the name of a Unix domain socket on Linux (unix(7), `sun_path`). */
const nameBytes = 108

/** What tells one directory from all others, as long as it is there. */
export interface DirectoryIdentity {
  readonly dev: bigint
  readonly ino: bigint
}

/**
 * The name of a socket that stands for a directory and that nobody can delete: one of Linux's abstract namespace (unix(7)).
 * It belongs to whoever listens on it first, within one network namespace: containers have their own. Undefined where there
 * are no such sockets.
 */
export function undeletableNameOf({ dev, ino }: DirectoryIdentity): string | undefined {
  // Of the full length: versions of Node differ in whether they fill up a shorter one.
  return process.platform === 'linux' ? `\0threatbus history ${dev}:${ino} `.padEnd(nameBytes, '.') : undefined
}

/** Listens on such a socket, and answers there as an owner does. `taken`: somebody else listens there; `failed`: it can't be. */
export async function listenUndeletably(
  name: string,
  details: () => OwnerDetails,
): Promise<Server | 'taken' | 'failed'> {
  const server = createServer()
  answerWith(server, () => ({ id: '', details: details() }))
  try {
    await new Promise<void>((listening, failed) => {
      server.once('error', failed)
      server.listen({ path: name, exclusive: true }, listening)
    })
    return server
  } catch (error) {
    server.close()
    return codeOf(error) === 'EADDRINUSE' ? 'taken' : 'failed'
  }
}

/** Who listens on such a socket. Any user of the machine can: it is a `stranger` unless it is a process of this one's user. */
export async function undeletableOwner(name: string): Promise<OwnerDescription | 'nobody' | 'stranger'> {
  const answer = await ask(name).catch(() => 'dead' as const)
  if (typeof answer === 'string') return 'nobody'
  const inode = await inodeOfListener(name)
  if (inode === undefined) return 'nobody'
  const pids = (await readdir('/proc')).filter(entry => /^\d+$/.test(entry))
  const named = String(answer.owner.pid)
  for (const pid of [named, ...pids.filter(pid => pid !== named)]) {
    if (await hasSocket(pid, inode)) return answer.owner
  }
  return 'stranger'
}

/** The inode of the socket that listens under an abstract name; undefined if none does (proc(5), `/proc/net/unix`). */
async function inodeOfListener(name: string): Promise<string | undefined> {
  const lines = (await readFile('/proc/net/unix', 'utf8')).split('\n')
  const isListening = (line: string) => line.split(/\s+/)[3] === '00010000'
  const line = lines.find(line => line.endsWith(` ${name.replace('\0', '@')}`) && isListening(line))
  return line?.split(/\s+/)[6]
}

/** Is it a process of this one's user, and has it this socket? What can't be looked into, or has ended, is not. */
async function hasSocket(pid: string, inode: string): Promise<boolean> {
  const directory = `/proc/${pid}`
  if ((await stat(directory).catch(() => undefined))?.uid !== process.geteuid?.()) return false
  for (const fd of await readdir(`${directory}/fd`).catch(() => [])) {
    if ((await readlink(`${directory}/fd/${fd}`).catch(() => '')) === `socket:[${inode}]`) return true
  }
  return false
}

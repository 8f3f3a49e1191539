import { randomBytes } from 'node:crypto'
import { chmod, lstat, readdir, rename, unlink } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { HistoryError } from '../history-error.ts'
import { codeOf, reasonOf } from '../reason.ts'
import type { OperatorService } from './operator-request.ts'
import { type Answer, answerWith, ask, type OwnerDescription, type OwnerDetails } from './owner.ts'
import type { SocketDirectory } from './socket-directory.ts'

/** The socket of the directory's owner. Only who has won an election puts it there. */
export const ownerSocket = 'broker.sock'

/** Length of the longest name of a socket in the directory, in bytes: a candidate's. */
export const longestSocketName = `${ownerSocket}.00000000-00000000`.length

const candidatePattern = /^broker\.sock\.[0-9a-f]{8}-[0-9a-f]{8}$/

/** A process that wants to own a directory, or does, and that answers on its socket there as long as it does. */
export interface Candidate {
  /** The name of its socket until it is elected. Never used again: a socket of that name that is dead stays so. */
  readonly name: string
  readonly server: Server
}

/** How the directory stands, seen by one candidate. */
export type Standing =
  /** It may take it: nobody else can. */
  | 'elected'
  /** Another candidate goes first. */
  | 'outranked'
  /** Another candidate goes last, but may have taken it already without having seen this one. */
  | 'undecided'
  /** It has an owner. */
  | { readonly owner: OwnerDescription }

/** Draws what a process is ranked by among those that want the same directory: the lowest goes first. */
export function drawRank(): string {
  return randomBytes(4).toString('hex')
}

/**
 * Announces a candidate: opens its socket in the directory.
 *
 * @throws HistoryError if there can't be one
 */
export async function announce(
  directory: string,
  sockets: SocketDirectory,
  rank: string,
  details: () => OwnerDetails,
  service: () => OperatorService | undefined,
): Promise<Candidate> {
  const name = `${ownerSocket}.${rank}-${randomBytes(4).toString('hex')}`
  const server = createServer()
  answerWith(server, () => ({ id: name, details: details() }), service)
  try {
    await new Promise<void>((listening, failed) => {
      server.once('error', failed)
      server.listen({ path: sockets.pathOf(name), exclusive: true }, listening)
    })
    await chmod(resolve(directory, name), 0o600).catch(passOverMissing)
    return { name, server }
  } catch (error) {
    server.close()
    throw new HistoryError(`no socket can be opened in the history directory ${directory}: ${reasonOf(error)}`, {
      cause: error,
    })
  }
}

/**
 * Looks who else wants the directory or owns it. Why never two are elected: each candidate is there to be seen before it
 * looks, so that of two at least one sees the other; and one that is elected is seen as a candidate until it is seen as
 * the owner, as candidates are looked at first and the owner's socket last.
 */
export async function standingOf(candidate: Candidate, directory: string, sockets: SocketDirectory): Promise<Standing> {
  const names = await candidatesIn(directory)
  const others = names.filter(name => name !== candidate.name)
  const answers = await Promise.all(others.map(name => ask(sockets.pathOf(name))))
  const owner = await ask(sockets.pathOf(ownerSocket))
  if (lives(owner)) return { owner: owner.owner }
  const rivals = others.filter((_, index) => lives(answers[index]))
  if (rivals.some(name => name < candidate.name)) return 'outranked'
  return rivals.length > 0 ? 'undecided' : 'elected'
}

/**
 * Makes an elected candidate the owner, in one step that replaces a dead owner's socket, and clears away what dead
 * candidates left. False if the candidate's socket isn't there any more; then it was not visible to others and has to
 * stand again.
 */
export async function install(candidate: Candidate, directory: string, sockets: SocketDirectory): Promise<boolean> {
  await refuseStrangeFile(directory)
  try {
    await rename(resolve(directory, candidate.name), resolve(directory, ownerSocket))
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false
    throw new HistoryError(`the history directory ${directory} can't be locked: ${reasonOf(error)}`, { cause: error })
  }
  const answer = await ask(sockets.pathOf(ownerSocket))
  if (!lives(answer) || answer.id !== candidate.name) return false
  for (const name of await candidatesIn(directory)) {
    // One that is about to listen looks dead as well; it will find that its socket is gone and stand again.
    if ((await ask(sockets.pathOf(name))) === 'dead') await unlink(resolve(directory, name)).catch(() => {})
  }
  return true
}

/** Takes a candidate back, or the owner that it has become. Its own socket only is removed. Never rejects. */
export async function withdraw({ name, server }: Candidate, directory: string, inode?: bigint): Promise<void> {
  await unlink(resolve(directory, name)).catch(() => {})
  const path = resolve(directory, ownerSocket)
  if (inode !== undefined && (await inodeOf(path)) === inode) await unlink(path).catch(() => {})
  server.close()
}

/** The number of a file, by which it is the same under any name; undefined if it isn't there. */
export async function inodeOf(path: string): Promise<bigint | undefined> {
  const status = await lstat(path, { bigint: true }).catch(() => undefined)
  return status?.ino
}

/**
 * The socket is gone already: another candidate was elected, looked between the making of this one and its first
 * listening, and took it for dead. This candidate can't be elected any more, and will see that other as the owner.
 */
function passOverMissing(error: unknown): void {
  if (codeOf(error) !== 'ENOENT') throw error
}

/** A moment of chance length, in which candidates that are in each other's way decide. */
export function waitABit(): Promise<void> {
  return sleep(5 + Math.random() * 20)
}

function lives(answer: Answer | undefined): answer is Exclude<Answer, string> {
  return typeof answer === 'object'
}

async function candidatesIn(directory: string): Promise<string[]> {
  try {
    const names = await readdir(directory)
    return names.filter(name => candidatePattern.test(name))
  } catch (error) {
    throw new HistoryError(`the history directory ${directory} can't be read: ${reasonOf(error)}`, { cause: error })
  }
}

/** A file that is no socket is nobody's lock: who put it there may want it back. */
async function refuseStrangeFile(directory: string): Promise<void> {
  const path = resolve(directory, ownerSocket)
  const status = await lstat(path).catch(() => undefined)
  if (status === undefined || status.isSocket()) return
  throw new HistoryError(`${path} is in the way: it should be a broker's socket but isn't one; move it away`)
}

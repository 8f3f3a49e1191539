import { type FileHandle, lstat, mkdir, open, stat } from 'node:fs/promises'
import type { Server } from 'node:net'
import { resolve } from 'node:path'
import { HistoryError } from '../history-error.ts'
import { codeOf, reasonOf } from '../reason.ts'
import {
  announce,
  type Candidate,
  drawRank,
  inodeOf,
  install,
  longestSocketName,
  ownerSocket,
  type Standing,
  standingOf,
  waitABit,
  withdraw,
} from './election.ts'
import type { OperatorService } from './operator-request.ts'
import { ask, type OwnerDescription, type OwnerDetails } from './owner.ts'
import { openSocketDirectory, type SocketDirectory } from './socket-directory.ts'
import { type DirectoryIdentity, listenUndeletably, undeletableNameOf, undeletableOwner } from './undeletable-socket.ts'

/** How long candidates may be in each other's way, in milliseconds; one that was stopped would be forever. */
const electionTime = 5000

/** A history directory that this process owns: no other broker writes in it, until it is released or the process ends. */
export interface Lock {
  /** What the owner says about itself from now on, to who is refused the directory and to {@link describeOwner}. */
  describe(details: OwnerDetails): void
  /** What carries out from now on what the operator asks for by the socket in the directory; undefined: nothing does. */
  serve(service: OperatorService | undefined): void
  /**
   * Makes sure that the directory is still this one, and this process its owner. Answers whether the lock had been deleted,
   * and was put back.
   *
   * @throws DirectoryLostError if it is not; another error if that can't be found out, or put back, at present
   */
  verify(): Promise<boolean>
  /** Gives the directory back. To be called when nothing is written there any more. Never rejects. */
  release(): Promise<void>
}

/** The directory belongs to another broker. */
export class DirectoryInUseError extends HistoryError {
  readonly owner: OwnerDescription

  constructor(directory: string, owner: OwnerDescription) {
    const who = ownerInWords(owner)
    super(
      `history directory ${directory} is in use by another broker (${who}): ` +
        'stop that one, or give this one a directory of its own',
    )
    this.owner = owner
  }
}

/** The directory that this process owned is not there any more, or belongs to another broker. */
export class DirectoryLostError extends HistoryError {}

/**
 * Makes this process the owner of a history directory, which is created if it isn't there. The ownership is a Unix
 * domain socket that is listened on, which the operating system takes back from a process however it ends: what a
 * dead owner has left is taken over. It holds among the processes of one machine, containers included, and not among
 * machines that share a file system. On Linux there is a second one, which holds although the first was deleted, except
 * between containers.
 *
 * @throws DirectoryInUseError if it has an owner; HistoryError if it can't be created or there can't be a socket in it
 */
export async function acquireLock(directory: string, details: OwnerDetails = {}): Promise<Lock> {
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw new HistoryError(`the history directory ${directory} can't be created: ${reasonOf(error)}`, { cause: error })
  }
  const path = resolve(directory)
  const handle = await open(path, 'r').catch(error => {
    throw new HistoryError(`the history directory ${directory} can't be opened: ${reasonOf(error)}`, { cause: error })
  })
  const owner = new Owner(path, handle, await handle.stat({ bigint: true }), details)
  try {
    await owner.acquire()
    return owner
  } catch (error) {
    await owner.release()
    throw error
  }
}

/**
 * Asks who owns a history directory: undefined if nobody does, or if there is no directory. An owner that doesn't
 * answer within a second is described as empty.
 *
 * @throws HistoryError if it can't be found out
 */
export async function describeOwner(directory: string): Promise<OwnerDescription | undefined> {
  const path = resolve(directory)
  const identity = await stat(path, { bigint: true }).catch(() => undefined)
  if (identity === undefined) return undefined
  const sockets = await openSocketDirectory(path, ownerSocket.length)
  try {
    const answer = await ask(sockets.pathOf(ownerSocket))
    if (typeof answer !== 'string') return answer.owner
  } finally {
    await sockets.close()
  }
  const name = undeletableNameOf(identity)
  const owner = name === undefined ? 'nobody' : await undeletableOwner(name)
  return typeof owner === 'string' ? undefined : owner
}

/** An owner in a few words: `process 123, manage 127.0.0.1:13370`. */
export function ownerInWords({ pid, details = {} }: OwnerDescription): string {
  if (pid === undefined) return 'which does not answer'
  return [`process ${pid}`, ...Object.entries(details).map(([what, value]) => `${what} ${value}`)].join(', ')
}

class Owner implements Lock {
  readonly #directory: string
  /** As long as it is open, no other directory gets its inode. */
  readonly #handle: FileHandle
  readonly #identity: DirectoryIdentity
  #details: OwnerDetails
  #service: OperatorService | undefined
  #undeletable: Server | undefined
  #elected: { readonly candidate: Candidate; readonly inode: bigint | undefined } | undefined
  #verifying: Promise<boolean> | undefined

  constructor(directory: string, handle: FileHandle, identity: DirectoryIdentity, details: OwnerDetails) {
    this.#directory = directory
    this.#handle = handle
    this.#identity = identity
    this.#details = details
  }

  async acquire(): Promise<void> {
    await this.#listenUndeletably()
    await this.#standUntilElected()
  }

  verify(): Promise<boolean> {
    this.#verifying ??= this.#verify().finally(() => {
      this.#verifying = undefined
    })
    return this.#verifying
  }

  describe(details: OwnerDetails): void {
    this.#details = details
  }

  serve(service: OperatorService | undefined): void {
    this.#service = service
  }

  async release(): Promise<void> {
    await this.#verifying?.catch(() => {})
    const elected = this.#elected
    this.#elected = undefined
    if (elected !== undefined) await withdraw(elected.candidate, this.#directory, elected.inode)
    this.#undeletable?.close()
    this.#undeletable = undefined
    await this.#handle.close()
  }

  async #verify(): Promise<boolean> {
    const there = await stat(this.#directory, { bigint: true }).catch(absent)
    if (there === undefined) throw new DirectoryLostError(`the history directory ${this.#directory} is gone`)
    if (there.dev !== this.#identity.dev || there.ino !== this.#identity.ino) {
      throw new DirectoryLostError(`in the place of the history directory ${this.#directory} is another one`)
    }
    const socket = await lstat(resolve(this.#directory, ownerSocket), { bigint: true }).catch(absent)
    if (socket !== undefined && socket.ino === this.#elected?.inode) return false
    this.#elected?.candidate.server.close()
    this.#elected = undefined
    await this.#standUntilElected().catch(error => {
      if (!(error instanceof DirectoryInUseError)) throw error
      throw new DirectoryLostError(`its lock was deleted, and now the ${error.message}`, { cause: error })
    })
    return true
  }

  /** A stranger, who has no business there, keeps nobody from a directory: then there is only the socket in it. */
  async #listenUndeletably(): Promise<void> {
    const name = undeletableNameOf(this.#identity)
    if (name === undefined) return
    for (;;) {
      const listening = await listenUndeletably(name, () => this.#details)
      if (typeof listening !== 'string') this.#undeletable = listening
      if (listening !== 'taken') return
      const owner = await undeletableOwner(name)
      if (typeof owner !== 'string') throw new DirectoryInUseError(this.#directory, owner)
      if (owner === 'stranger') return
    }
  }

  async #standUntilElected(): Promise<void> {
    const sockets = await openSocketDirectory(this.#directory, longestSocketName)
    try {
      await this.#standAt(sockets)
    } finally {
      await sockets.close()
    }
  }

  async #standAt(sockets: SocketDirectory): Promise<void> {
    const rank = drawRank()
    const end = performance.now() + electionTime
    while (this.#elected === undefined) {
      const candidate = await announce(
        this.#directory,
        sockets,
        rank,
        () => this.#details,
        () => this.#service,
      )
      const inode = await inodeOf(resolve(this.#directory, candidate.name))
      try {
        const standing = await this.#decisionOn(candidate, sockets, end)
        if (typeof standing === 'object') throw new DirectoryInUseError(this.#directory, standing.owner)
        if (standing === 'elected' && (await install(candidate, this.#directory, sockets))) {
          this.#elected = { candidate, inode }
        } else if (performance.now() > end) {
          throw new DirectoryInUseError(this.#directory, {})
        }
      } finally {
        if (this.#elected === undefined) await withdraw(candidate, this.#directory, inode)
      }
      if (this.#elected === undefined) await waitABit()
    }
  }

  /** Waits for those that are ranked lower: they take themselves back once they see this candidate, or own the directory. */
  async #decisionOn(candidate: Candidate, sockets: SocketDirectory, end: number): Promise<Standing> {
    for (;;) {
      const standing = await standingOf(candidate, this.#directory, sockets)
      if (standing !== 'undecided' || performance.now() > end) return standing
      await waitABit()
    }
  }
}

/** Nothing is there; any other error is rethrown. */
function absent(error: unknown): undefined {
  if (codeOf(error) !== 'ENOENT' && codeOf(error) !== 'ENOTDIR') throw error
}

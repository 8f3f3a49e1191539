import { mkdir } from 'node:fs/promises'
import { resolve } from 'node:path'
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
import { HistoryError } from './history-error.ts'
import type { OperatorService } from './operator-request.ts'
import { ask, type OwnerDescription, type OwnerDetails } from './owner.ts'
import { reasonOf } from './reason.ts'
import { openSocketDirectory, type SocketDirectory } from './socket-directory.ts'

/** How long candidates may be in each other's way, in milliseconds; one that was stopped would be forever. */
const electionTime = 5000

/** A history directory that this process owns: no other broker writes in it, until it is released or the process ends. */
export interface Lock {
  /** What the owner says about itself from now on, to who is refused the directory and to {@link describeOwner}. */
  describe(details: OwnerDetails): void
  /** What carries out from now on what the operator asks for by the socket in the directory; undefined: nothing does. */
  serve(service: OperatorService | undefined): void
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

/**
 * Makes this process the owner of a history directory, which is created if it isn't there. The ownership is a Unix
 * domain socket that is listened on, which the operating system takes back from a process however it ends: what a
 * dead owner has left is taken over. It holds among the processes of one machine, containers included, and not among
 * machines that share a file system.
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
  const sockets = await openSocketDirectory(path, longestSocketName)
  try {
    const owner = new Owner(path, details)
    await owner.standUntilElected(sockets)
    return owner
  } finally {
    await sockets.close()
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
  if ((await inodeOf(path)) === undefined) return undefined
  const sockets = await openSocketDirectory(path, ownerSocket.length)
  try {
    const answer = await ask(sockets.pathOf(ownerSocket))
    return typeof answer === 'string' ? undefined : answer.owner
  } finally {
    await sockets.close()
  }
}

/** An owner in a few words: `process 123, manage 127.0.0.1:13370`. */
export function ownerInWords({ pid, details = {} }: OwnerDescription): string {
  if (pid === undefined) return 'which does not answer'
  return [`process ${pid}`, ...Object.entries(details).map(([what, value]) => `${what} ${value}`)].join(', ')
}

class Owner implements Lock {
  readonly #directory: string
  #details: OwnerDetails
  #service: OperatorService | undefined
  #elected: { readonly candidate: Candidate; readonly inode: bigint | undefined } | undefined

  constructor(directory: string, details: OwnerDetails) {
    this.#directory = directory
    this.#details = details
  }

  describe(details: OwnerDetails): void {
    this.#details = details
  }

  serve(service: OperatorService | undefined): void {
    this.#service = service
  }

  async release(): Promise<void> {
    const elected = this.#elected
    this.#elected = undefined
    if (elected !== undefined) await withdraw(elected.candidate, this.#directory, elected.inode)
  }

  async standUntilElected(sockets: SocketDirectory): Promise<void> {
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

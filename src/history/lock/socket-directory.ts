import { type FileHandle, open, stat } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import { HistoryError } from '../history-error.ts'

/** The longest path of a Unix domain socket that the operating system takes, in bytes, without the closing zero. */
export const longestSocketPath = process.platform === 'linux' ? 107 : 103

/**
 * A directory as sockets can be named in it. Their paths are limited to {@link longestSocketPath} bytes, files' aren't:
 * for a directory far down it takes a shorter name. Binding and connecting need it; afterwards the name is of no use.
 */
export interface SocketDirectory {
  /** The path of a socket in it, to bind or to connect. */
  pathOf(name: string): string
  /** Lets go of what made the short name possible. Never rejects. */
  close(): Promise<void>
}

/**
 * Finds a name for a directory, which exists, that leaves room for sockets with names of so many bytes.
 *
 * @throws HistoryError if there is none
 */
export async function openSocketDirectory(directory: string, longestName: number): Promise<SocketDirectory> {
  const absolute = resolve(directory)
  const names = [absolute, relative(process.cwd(), absolute) || '.']
  const short = names.find(name => Buffer.byteLength(name) + 1 + longestName <= longestSocketPath)
  if (short !== undefined) return { pathOf: name => join(short, name), close: async () => {} }
  const handle = await openOnLinux(absolute)
  if (handle === undefined) {
    throw new HistoryError(
      `the path of the history directory ${absolute} is too long for a socket in it, which may have ` +
        `${longestSocketPath} bytes in all: choose one of ${longestSocketPath - 1 - longestName} bytes at most`,
    )
  }
  return {
    pathOf: name => `/proc/self/fd/${handle.fd}/${name}`,
    close: () => handle.close().catch(() => {}),
  }
}

/** Undefined where open directories have no name in /proc. */
async function openOnLinux(directory: string): Promise<FileHandle | undefined> {
  const handle = process.platform === 'linux' ? await open(directory, 'r').catch(() => undefined) : undefined
  if (handle === undefined) return undefined
  try {
    await stat(`/proc/self/fd/${handle.fd}/.`)
    return handle
  } catch {
    await handle.close()
    return undefined
  }
}

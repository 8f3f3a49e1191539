import { type FileHandle, open, rename, stat, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { codeOf } from '../reason.ts'

/** How files are opened; tests give one whose files fail. */
export type OpenFile = (path: string, flags: string, mode?: number) => Promise<FileHandle>

/**
 * A file that is appended to, and replaced as a whole: it is there in full or not at all, whenever the process or the
 * machine stops. Only its owner can read it. One call at a time, but {@link sync} at any.
 */
export class JournalFile {
  readonly #path: string
  readonly #open: OpenFile
  #handle: FileHandle | undefined
  #isReplacing = false
  #size = 0

  constructor(path: string, openFile: OpenFile = open) {
    this.#path = path
    this.#open = openFile
  }

  /** In bytes, as far as it was written by this object. */
  get size(): number {
    return this.#size
  }

  /** Appends; fulfilled once the operating system has it. Before the first {@link replace} it rejects. */
  async append(text: string): Promise<void> {
    if (text === '') return
    const bytes = Buffer.from(text)
    await this.#opened.appendFile(bytes)
    this.#size += bytes.length
  }

  /** Fulfilled once all that was appended is safe from a power cut. */
  async sync(): Promise<void> {
    await this.#opened.datasync()
  }

  /** Is what was written still there, under its name? */
  async isInPlace(): Promise<boolean> {
    const handle = this.#handle
    if (handle === undefined) return true
    const [own, named] = await Promise.all([
      handle.stat({ bigint: true }),
      stat(this.#path, { bigint: true }).catch(() => undefined),
    ]).catch(() => [])
    // Of one that is being replaced it is not to be said.
    return this.#isReplacing || handle !== this.#handle || (own?.ino === named?.ino && own?.dev === named?.dev)
  }

  /** Puts another content in the place of what is there; fulfilled once that is safe from a power cut. */
  async replace(parts: Iterable<string>): Promise<void> {
    const temporary = `${this.#path}.new`
    // A leftover of an earlier life may have another mode.
    await unlink(temporary).catch(() => {})
    const handle = await this.#open(temporary, 'wx', 0o600)
    this.#isReplacing = true
    try {
      let size = 0
      for (const part of parts) {
        const bytes = Buffer.from(part)
        await handle.appendFile(bytes)
        size += bytes.length
      }
      await handle.sync()
      await rename(temporary, this.#path)
      await this.#syncDirectory()
      const replaced = this.#handle
      this.#handle = handle
      this.#size = size
      // It waits for a sync that is under way, which nobody else has to.
      replaced?.close().catch(() => {})
    } catch (error) {
      await handle.close().catch(() => {})
      // What there is of it may take up the last room on the disk.
      await unlink(temporary).catch(() => {})
      throw error
    } finally {
      this.#isReplacing = false
    }
  }

  /** Never rejects. */
  async close(): Promise<void> {
    const handle = this.#handle
    this.#handle = undefined
    await handle?.close().catch(() => {})
  }

  get #opened(): FileHandle {
    if (this.#handle === undefined) throw new Error(`${this.#path} is not open`)
    return this.#handle
  }

  /** A renamed file has its new name for good once its directory is on disk too. */
  async #syncDirectory(): Promise<void> {
    const directory = await this.#open(dirname(this.#path), 'r')
    try {
      await directory.sync()
    } finally {
      await directory.close()
    }
  }
}

/** Bytes that are read at once. */
const chunkBytes = 1_048_576

/** Longer lines are skipped: the longest are of versions that kept topics whole, 16 MiB of them, each byte escaped. */
const longestLineBytes = 134_217_728

/**
 * The lines of a file that end, in turn, without their ends; undefined for one that is too long. They are there until the
 * next is asked for: however large the file is, only a piece and a line of it are in memory. A file that isn't there has none.
 *
 * Rejects if it can't be read.
 */
export async function* linesIn(
  path: string,
  maxLineBytes = longestLineBytes,
): AsyncGenerator<Buffer | undefined, void, undefined> {
  const handle = await open(path, 'r').catch(error => {
    if (codeOf(error) !== 'ENOENT') throw error
  })
  if (handle === undefined) return
  const chunk = Buffer.allocUnsafe(chunkBytes)
  /** The beginning of a line whose end is still to come, as far as it is kept. */
  let begun: Buffer[] = []
  let begunBytes = 0
  try {
    for (let offset = 0; ; ) {
      const { bytesRead } = await handle.read(chunk, 0, chunkBytes, offset)
      if (bytesRead === 0) return
      offset += bytesRead
      const bytes = chunk.subarray(0, bytesRead)
      let start = 0
      for (let end = bytes.indexOf(10); end >= 0; start = end + 1, end = bytes.indexOf(10, start)) {
        const piece = bytes.subarray(start, end)
        if (begunBytes === 0) yield piece
        else yield begunBytes + piece.length > maxLineBytes ? undefined : Buffer.concat([...begun, piece])
        begun = []
        begunBytes = 0
      }
      begunBytes += bytesRead - start
      if (begunBytes > maxLineBytes) begun = []
      else if (start < bytesRead) begun.push(Buffer.from(bytes.subarray(start)))
    }
  } finally {
    await handle.close()
  }
}

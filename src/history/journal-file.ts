import { type FileHandle, open, rename, stat, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'

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

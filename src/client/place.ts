import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isJsonObject, parseJson } from '../protocol/json.ts'
import { InvalidArgumentError } from './errors.ts'

/** How far an application is in what its subscription brings, by the numbers of messages. Undefined: nothing had a number yet. */
export class Place {
  /** Number of the last message that was handed out: behind it another subscription begins. */
  read: number | undefined

  /** A subscription was granted, under this p2p topic, which begins behind this number if there is nothing to go on from. */
  granted(_topic: string, behind: number | undefined): void {
    this.read ??= behind
  }

  /** The application is done with the message of this number: it asked for the next. */
  processed(_sequence: number): void {}

  /** Fulfilled when it is kept, where it is, and free for another subscription. Never rejects. */
  async close(): Promise<void> {}

  /** There is no subscription after all: it is as it was. */
  abandon(): void {}
}

/** What a name of a durable subscription may be: it becomes one of a file. */
const namePattern = /^[\w-][\w.-]{0,99}$/

/** Files of the places that subscriptions of this process have. */
const inUse = new Set<string>()

/** Between two writings, in milliseconds: what was processed meanwhile, a crash makes come again. */
const pauseMs = 200

/**
 * A place in a file, for the application's next start. The file also has the p2p topic, a secret: by that the next start ends the
 * subscription that a crash left behind. So it is readable for its owner alone, and so is the directory, if it has to be made.
 */
export class DurablePlace extends Place {
  /** The p2p topic that an earlier start left. */
  readonly left: string | undefined
  readonly #path: string
  readonly #failed: (error: unknown) => void
  #topic: string | undefined
  #processed: number | undefined
  #saving: Promise<void> | undefined
  readonly #closing = new AbortController()

  private constructor(path: string, kept: { sequence?: number; topic?: string }, failed: (error: unknown) => void) {
    super()
    this.#path = path
    this.#failed = failed
    this.left = kept.topic
    this.read = this.#processed = kept.sequence
  }

  /**
   * Reads where the subscription of this name was; `failed` hears of it when that can't be written down.
   *
   * Throws `InvalidArgumentError` if the name can't be one of a file, another subscription of this process has it, or the file is
   * none that an earlier start wrote.
   */
  static async open(directory: string, name: string, failed: (error: unknown) => void): Promise<DurablePlace> {
    if (typeof name !== 'string' || !namePattern.test(name)) {
      throw new InvalidArgumentError(
        `a durable subscription is named by up to 100 letters, digits and -._, and ${JSON.stringify(name)} is not`,
      )
    }
    const path = resolve(directory, `${name}.json`)
    if (inUse.has(path))
      throw new InvalidArgumentError(`there is a durable subscription ${name} already: close it first`)
    inUse.add(path)
    try {
      return new DurablePlace(path, await readPlace(path), failed)
    } catch (error) {
      inUse.delete(path)
      throw error
    }
  }

  override granted(topic: string, behind: number | undefined): void {
    super.granted(topic, behind)
    this.#topic = topic
    this.#processed ??= behind
    this.#save()
  }

  override processed(sequence: number): void {
    this.#processed = sequence
    this.#save()
  }

  override async close(): Promise<void> {
    this.#closing.abort()
    await this.#saving
    await this.#write()
    inUse.delete(this.#path)
  }

  override abandon(): void {
    inUse.delete(this.#path)
  }

  #save(): void {
    this.#saving ??= this.#saveAll().finally(() => {
      this.#saving = undefined
    })
  }

  async #saveAll(): Promise<void> {
    for (let saved = Number.NaN; saved !== this.#processed && !this.#closing.signal.aborted; ) {
      saved = this.#processed ?? Number.NaN
      await this.#write()
      await sleep(pauseMs, undefined, { ref: false, signal: this.#closing.signal }).catch(() => {})
    }
  }

  async #write(): Promise<void> {
    const text = JSON.stringify({ version: 1, sequence: this.#processed, topic: this.#topic ?? this.left })
    const temporary = `${this.#path}.new`
    try {
      await mkdir(dirname(this.#path), { recursive: true, mode: 0o700 })
      await writeFile(temporary, text, { mode: 0o600 })
      await rename(temporary, this.#path)
    } catch (error) {
      this.#failed(error)
    }
  }
}

/** Reads the file of a place; nothing, if there is none yet. */
async function readPlace(path: string): Promise<{ sequence?: number; topic?: string }> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {}
    throw new InvalidArgumentError(`where the subscription was can't be read: ${(error as Error).message}`)
  }
  const kept = parseJson(text)
  const { version, sequence, topic } = isJsonObject(kept) ? kept : {}
  const isPlace = version === 1 && (sequence === undefined || Number.isSafeInteger(sequence))
  if (!isPlace || (topic !== undefined && typeof topic !== 'string')) {
    throw new InvalidArgumentError(`${path} does not say where a subscription was: remove it to begin anew`)
  }
  return { ...(sequence !== undefined && { sequence: sequence as number }), ...(topic !== undefined && { topic }) }
}

import type { Logger } from 'pino'
import type { Config } from '../config/schema.ts'
import { acquireLock, type Lock } from './lock.ts'
import { SegmentedStore, type StoreSettings } from './segmented-store.ts'
import { openSubscriptions, type SubscriptionJournal, subscriptionsFile } from './subscriptions.ts'

/** How the configuration wants the messages of the log to be kept. */
export function storeSettings(settings: Config['history']): StoreSettings {
  return {
    retentionDays: settings.retention_days,
    maxBytes: settings.max_bytes,
    maxUnwrittenBytes: settings.max_unwritten_bytes,
  }
}

/** What a broker keeps on disk. */
export class History {
  readonly store: SegmentedStore
  readonly subscriptions: SubscriptionJournal
  readonly #lock: Lock
  readonly #maxUnwrittenBytes: number
  readonly #listeners: Set<() => void>
  #holdUps = 0

  private constructor(
    parts: { readonly store: SegmentedStore; readonly subscriptions: SubscriptionJournal; readonly lock: Lock },
    maxUnwrittenBytes: number,
    listeners: Set<() => void>,
  ) {
    this.store = parts.store
    this.subscriptions = parts.subscriptions
    this.#lock = parts.lock
    this.#maxUnwrittenBytes = maxUnwrittenBytes
    this.#listeners = listeners
  }

  /** Opens the history in a directory, which is made if it isn't there. Throws `HistoryError` if it can't be used. */
  static async open(directory: string, settings: Config['history'], log: Logger): Promise<History> {
    const listeners = new Set<() => void>()
    const tell = () => {
      for (const listen of listeners) listen()
    }
    const failing = (what: string) => (error: unknown) =>
      log.error({ err: error }, `${what} cannot be written; delivery goes on, and it is tried again every second`)
    const damaged = (path: string, lost: number, unit: string) =>
      log.error({ path, [unit]: lost }, `${lost} ${unit} of the history are damaged and passed over`)
    const lock = await acquireLock(directory)
    try {
      const store = await SegmentedStore.open(directory, storeSettings(settings), {
        written: tell,
        failing: error => {
          failing('the log of messages')(error)
          tell()
        },
        recovered: lost => log.warn({ lost }, `the log of messages is written again; ${lost} messages are not in it`),
        damaged: (path, bytes) => damaged(path, bytes, 'bytes'),
      })
      const subscriptions = await openSubscriptions(directory, {
        onFailing: failing('the list of subscriptions'),
        onRecovered: () => log.warn('the list of subscriptions is written again'),
        onSkipped: lines => damaged(subscriptionsFile, lines.length, 'lines'),
      })
      return new History({ store, subscriptions, lock }, settings.max_unwritten_bytes, listeners)
    } catch (error) {
      await lock.release()
      throw error
    }
  }

  /** How often publishers were held up because as much waited to be written as may. */
  get holdUps(): number {
    return this.#holdUps
  }

  /** Calls back whenever something was written, and when it turns out that nothing can be. */
  onWritten(listen: () => void): void {
    this.#listeners.add(listen)
  }

  /** Fulfilled when no more waits to be written than may, or nothing can be written at all. */
  async keepsUp(): Promise<void> {
    if (this.store.unwrittenBytes <= this.#maxUnwrittenBytes || this.store.isFailing) return
    this.#holdUps++
    while (this.store.unwrittenBytes > this.#maxUnwrittenBytes && !this.store.isFailing) await this.store.written()
  }

  /** Says where the broker answers, to whoever asks who uses the directory. */
  describe(manage: string): void {
    this.#lock.describe({ manage })
  }

  /** Writes everything, if it can be written, and gives the directory up. Never rejects. */
  async close(): Promise<void> {
    await this.subscriptions.close()
    await this.store.close()
    await this.#lock.release()
  }
}

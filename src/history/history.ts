import { open } from 'node:fs/promises'
import type { Logger } from 'pino'
import type { Config } from '../config/schema.ts'
import { counted } from '../protocol/quantities.ts'
import { acquireLock, DirectoryLostError, type Lock } from './lock/lock.ts'
import type { OperatorService } from './lock/operator-request.ts'
import { WallClock } from './log/wall-clock.ts'
import { SegmentedStore, type StoreSettings } from './segmented-store.ts'
import { openSubscriptions, type SubscriptionJournal, subscriptionsFile } from './subscriptions/subscriptions.ts'

/** How often it is looked whether the directory, the lock and the files are still there. */
const watchIntervalMs = 1000

/** How the configuration wants the messages of the log to be kept. */
export function storeSettings(settings: Config['history']): StoreSettings {
  return {
    retentionDays: settings.retention_days,
    maxBytes: settings.max_bytes,
    maxUnwrittenBytes: settings.max_unwritten_bytes,
  }
}

/**
 * Files that a history has open at once, about: its segments, of which there are 64 for its bytes (of 1 GiB at most) and 30 for
 * its days, and what is read and written beside.
 */
export function openFilesOf(settings: Config['history']): number {
  return 128 + Math.ceil(settings.max_bytes / 1_073_741_824)
}

/** What a broker keeps on disk. */
export class History {
  readonly store: SegmentedStore
  readonly subscriptions: SubscriptionJournal
  /** The time, as far as this machine's clock is to be believed. */
  readonly clock: WallClock
  readonly #lock: Lock
  readonly #verify: () => Promise<void>
  readonly #maxUnwrittenBytes: number
  readonly #listeners: Set<() => void>
  readonly #log: Logger
  readonly #watch: NodeJS.Timeout
  #tellLoss: (error: DirectoryLostError) => void = () => {}
  #looking: Promise<void> | undefined
  #holdUps = 0

  /** Fulfilled when the directory is lost to this process, which writes nothing any more; otherwise never. */
  readonly lost = new Promise<DirectoryLostError>(resolve => {
    this.#tellLoss = resolve
  })

  private constructor(
    parts: Pick<History, 'store' | 'subscriptions' | 'clock'> & {
      readonly lock: Lock
      /** Makes sure that the directory is this process's. */
      verify(): Promise<void>
    },
    maxUnwrittenBytes: number,
    listeners: Set<() => void>,
    log: Logger,
  ) {
    this.store = parts.store
    this.subscriptions = parts.subscriptions
    this.clock = parts.clock
    this.#lock = parts.lock
    this.#verify = parts.verify
    this.#maxUnwrittenBytes = maxUnwrittenBytes
    this.#listeners = listeners
    this.#log = log
    this.#watch = setInterval(() => {
      this.#looking ??= this.#look().finally(() => {
        this.#looking = undefined
      })
    }, watchIntervalMs).unref()
  }

  /** Opens the history in a directory, which is made if it isn't there. Throws `HistoryError` if it can't be used. */
  static async open(directory: string, settings: Config['history'], log: Logger): Promise<History> {
    const listeners = new Set<() => void>()
    const tell = () => {
      for (const listen of listeners) listen()
    }
    const failing = (what: string) => (error: unknown) =>
      log.error({ err: error }, `${what} cannot be written; delivery goes on, and it is tried again every second`)
    const damaged = (path: string, lost: number, unit: 'byte' | 'line') =>
      log.error({ path, [`${unit}s`]: lost }, `the history is damaged: ${counted(lost, unit)} passed over`)
    const clock = new WallClock(byMs =>
      log.warn(
        { seconds: Math.round(byMs / 1000) },
        `the clock of this machine was set ${byMs > 0 ? 'ahead' : 'back'} by ${inWords(byMs)}: it is believed in an hour, ` +
          'and nothing is deleted for its age before',
      ),
    )
    const lock = await acquireLock(directory)
    try {
      const verify = async () => {
        if (await lock.verify()) log.error('the lock of the history (broker.sock) was deleted; it is there again')
      }
      const store = await SegmentedStore.open(
        directory,
        { ...storeSettings(settings), clock, verify },
        {
          written: tell,
          failing: error => {
            failing('the log of messages')(error)
            tell()
          },
          recovered: lost =>
            log.warn({ lost }, `the log of messages is written again; ${counted(lost, 'message')} lost`),
          damaged: (path, bytes) => damaged(path, bytes, 'byte'),
          ageingHeld: (segments, aheadMs) =>
            log.warn(
              { segments },
              `the newest file of the history is ${inWords(aheadMs)} old by this machine's clock, by which ` +
                `history.retention_days have passed for ${counted(segments, 'file')}: deleted in an hour, unless the clock is set ` +
                'right before',
            ),
          setAside: path =>
            log.error(
              { path },
              'a file of the history can not be read and was set aside under this name; all others are used. What it had is ' +
                'missing: put a good copy in its place (its name up to `.log`) while the broker is stopped, or delete it',
            ),
        },
      )
      const subscriptions = await openSubscriptions(
        directory,
        {
          onFailing: failing('the list of subscriptions'),
          onRecovered: () => log.warn('the list of subscriptions is written again'),
          onSkipped: ({ count }) => damaged(subscriptionsFile, count, 'line'),
        },
        {
          openFile: async (...given) => {
            await verify()
            return open(...given)
          },
        },
      )
      return new History({ store, subscriptions, clock, lock, verify }, settings.max_unwritten_bytes, listeners, log)
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

  /** Fulfilled when no more waits to be written than this share of what may, or nothing can be written at all. */
  async keepsUp(share = 1): Promise<void> {
    const maxBytes = this.#maxUnwrittenBytes * share
    if (this.store.unwrittenBytes <= maxBytes || this.store.isFailing) return
    this.#holdUps++
    while (this.store.unwrittenBytes > maxBytes && !this.store.isFailing) await this.store.written()
  }

  /** Says where the broker answers, to whoever asks who uses the directory. */
  describe(manage: string): void {
    this.#lock.describe({ manage })
  }

  /** Carries out from now on what the operator asks for by the socket in the directory. */
  serve(service: OperatorService): void {
    this.#lock.serve(service)
  }

  /** Writes everything, if it can be written, and gives the directory up. Never rejects. */
  async close(): Promise<void> {
    this.#lock.serve(undefined)
    clearInterval(this.#watch)
    await this.#looking
    await this.subscriptions.close()
    await this.store.close()
    await this.#lock.release()
  }

  /** Looks whether the directory, the lock and the files are still there. */
  async #look(): Promise<void> {
    try {
      await this.#verify()
      await Promise.all([this.store.verify(), this.subscriptions.verify()])
    } catch (error) {
      // What can't be found out at present is told of when something is to be written.
      if (!(error instanceof DirectoryLostError)) return
      clearInterval(this.#watch)
      this.#log.error({ err: error }, `${error.message}: nothing is written any more, and the broker ends`)
      this.store.abandon(error)
      this.subscriptions.abandon(error)
      this.#tellLoss(error)
    }
  }
}

/** A span of time, in minutes, hours or days, as a person would say it. */
function inWords(ms: number): string {
  const minutes = Math.round(Math.abs(ms) / 60_000)
  if (minutes < 120) return counted(minutes, 'minute')
  return minutes < 2880 ? counted(Math.round(minutes / 60), 'hour') : counted(Math.round(minutes / 1440), 'day')
}

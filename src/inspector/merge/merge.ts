import { setTimeout as sleep } from 'node:timers/promises'
import type { Viewer } from '../recorder.ts'
import type { SourceState, SourcesRecord, TraceRecord } from '../trace/records.ts'
import { fileRecords } from './file-records.ts'
import { liveRecords } from './live-records.ts'
import { firstState, type LiveSource, type Source } from './source.ts'
import { SourceClock, TimeOrder } from './time-order.ts'

/** Time between two batches. */
const batchMs = 100

/** How long it waits until it asks a program again that was not there. */
const retryPauseMs = 1000

/** Records of files that are told in one go. */
const recordsPerTurn = 500

/**
 * What several programs tell, as one. Nothing is kept for anybody: each viewer has connections of its own to the programs,
 * from when it begins to look until it ends, so programs are watched only while somebody looks, and a viewer that does not
 * keep up is skipped forward by each of them.
 */
export class Merge {
  readonly #sources: readonly Source[]

  constructor(sources: readonly Source[]) {
    this.#sources = sources
  }

  /** Begins to tell a viewer: what files hold, then what there is, then what happens. */
  watch(viewer: Viewer): Pick<MergedWatch, 'drained' | 'end'> {
    const watch = new MergedWatch(this.#sources, viewer)
    watch.begin()
    return watch
  }
}

/** One viewer's look at all of them. */
class MergedWatch {
  readonly #sources: readonly Source[]
  readonly #viewer: Viewer
  readonly #ending = new AbortController()
  readonly #order = new TimeOrder()
  readonly #states: SourceState[]
  #timer: NodeJS.Timeout | undefined
  #isBlocked = false
  /** Those who wait until the viewer takes records again. */
  #waiting: (() => void)[] = []

  constructor(sources: readonly Source[], viewer: Viewer) {
    this.#sources = sources
    this.#viewer = viewer
    this.#states = sources.map(firstState)
  }

  async begin(): Promise<void> {
    this.#tellStates()
    await this.#tellFiles()
    if (this.#ending.signal.aborted) return
    this.#timer = setInterval(() => this.#batch(), batchMs).unref()
    for (const [place, source] of this.#sources.entries()) if (source.kind === 'live') this.#follow(source, place)
  }

  /** It takes records again. */
  drained(): void {
    this.#isBlocked = false
    const waiting = this.#waiting
    this.#waiting = []
    for (const go of waiting) go()
  }

  end(): void {
    this.#ending.abort()
    clearInterval(this.#timer)
    this.drained()
  }

  async #tellFiles(): Promise<void> {
    const files = this.#sources.filter(source => source.kind === 'file')
    let some: TraceRecord[] = []
    try {
      for await (const record of fileRecords(files)) {
        some.push(record)
        if (some.length < recordsPerTurn) continue
        this.#tell(some)
        some = []
        await this.#room()
        if (this.#ending.signal.aborted) return
      }
    } catch (error) {
      for (const [place, source] of this.#sources.entries()) {
        if (source.kind === 'file') this.#isNow(place, 'broken', (error as Error).message)
      }
    }
    this.#tell(some)
  }

  /** Follows a program, again and again, until nobody looks any more. */
  async #follow(source: LiveSource, place: number): Promise<void> {
    const { signal } = this.#ending
    while (!signal.aborted) {
      let because = 'it has ended'
      const clock = new SourceClock()
      try {
        for await (const records of liveRecords(source, signal)) {
          if (this.#states[place]?.state !== 'live') this.#isNow(place, 'live')
          this.#order.add(records, clock, performance.now())
          // Whoever does not take records is told no more: the program notices, and skips it forward.
          await this.#room()
        }
      } catch (error) {
        because = (error as Error).message
      }
      if (signal.aborted) return
      this.#isNow(place, 'broken', because)
      await sleep(retryPauseMs, undefined, { signal, ref: false }).catch(() => {})
    }
  }

  #batch(): void {
    if (!this.#isBlocked) this.#tell(this.#order.take(performance.now()))
  }

  #isNow(place: number, state: SourceState['state'], because?: string): void {
    const before = this.#states[place]
    if (before === undefined || (before.state === state && before.because === because)) return
    const { origin, name } = before
    this.#states[place] = { origin, name, state, ...(because !== undefined && { because }) }
    this.#tellStates()
  }

  #tellStates(): void {
    this.#tell([{ type: 'sources', sources: [...this.#states] }])
  }

  #tell(records: readonly (TraceRecord | SourcesRecord)[]): void {
    if (records.length === 0 || this.#ending.signal.aborted) return
    if (!this.#viewer.take(records.map(record => JSON.stringify(record)))) this.#isBlocked = true
  }

  /** Fulfilled when the viewer takes records, or nobody looks any more. */
  async #room(): Promise<void> {
    if (!this.#isBlocked || this.#ending.signal.aborted) return
    await new Promise<void>(resolve => this.#waiting.push(resolve))
  }
}

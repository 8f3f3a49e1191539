import { setTimeout as sleep } from 'node:timers/promises'
import type PQueue from 'p-queue'
import { type RetryPauses, retryPauseMs } from '../client/session.ts'
import { referencePrefix } from './sightings.ts'
import type { ConnectorStory } from './story.ts'
import type { CallResult, Vast } from './vast.ts'
import type { Kept, WaitingStore } from './waiting-file.ts'

/** What the live matcher's content needs. */
export interface ContentSurroundings {
  readonly vast: Pick<Vast, 'addIoc' | 'removeIoc'>
  /** The calls of VAST: so many at once, none while it is away. */
  readonly calls: PQueue
  readonly store: WaitingStore
  readonly story: ConnectorStory
  readonly pauses: RetryPauses
  /** IoCs that are looked for at once. */
  readonly most: number
  /** Times that VAST is told of a value that it refuses. */
  readonly attempts: number
  /** Aborted when calls that run are to be killed. */
  readonly killed: AbortSignal
  /** A call failed: VAST may be away. */
  suspectVast(): void
}

/** A value that the live matcher looks for, or shall look for no longer. */
interface Ioc {
  /** The indicators that want it, by id; the last one is what its matches refer to. None: it is to be removed. */
  readonly wantedBy: Set<string>
  /** Calls about it that failed in a row. */
  failures: number
  /** The key in the store, once VAST may know it. */
  key: number | undefined
}

/** Changes of the live matcher go before queries: they are short, and what comes in now is matched by them alone. */
const priority = 1

/**
 * What the live matcher is to look for, as the bus says, and the calls that make it so. At most one call for a value runs
 * at a time, and when it is done what is wanted by then counts: so whatever order calls take, the last word is the bus's.
 */
export class MatcherContent {
  readonly #surroundings: ContentSurroundings
  readonly #iocs = new Map<string, Ioc>()
  readonly #valuesOf = new Map<string, readonly string[]>()
  /** Values of which VAST has not been told yet what is wanted. */
  readonly #untold = new Set<string>()
  readonly #telling = new Set<string>()
  readonly #ending = new AbortController()
  #isHeld = true

  constructor(surroundings: ContentSurroundings) {
    this.#surroundings = surroundings
  }

  /** IoCs that are looked for, those included that are about to be removed. */
  get size(): number {
    return this.#iocs.size
  }

  /** An indicator wants these values, and no longer those it wanted before. */
  put(indicator: string, values: readonly string[]): void {
    for (const value of this.#valuesOf.get(indicator) ?? []) if (!values.includes(value)) this.#unwant(indicator, value)
    const taken = values.filter(value => this.#want(indicator, value))
    if (taken.length === 0) this.#valuesOf.delete(indicator)
    else this.#valuesOf.set(indicator, taken)
    this.#tell()
  }

  /** An indicator wants nothing any more. `values` are those that it names, should it not be known here. */
  remove(indicator: string, values: readonly string[]): void {
    for (const value of new Set([...(this.#valuesOf.get(indicator) ?? []), ...values])) this.#unwant(indicator, value)
    this.#valuesOf.delete(indicator)
    this.#tell()
  }

  /** Is this value to be removed, though VAST may still look for it? */
  isRemoved(value: string): boolean {
    return this.#iocs.get(value)?.wantedBy.size === 0
  }

  /**
   * An earlier run told VAST this value. As long as no indicator wants it, it is to be removed: what was removed in between
   * nobody will say again.
   */
  recall({ key, text: value }: Kept): void {
    this.#begin(value).key = key
  }

  /** The matcher is attached: whatever it knew before, it is told everything. */
  fill(): void {
    this.#isHeld = false
    for (const [value, ioc] of this.#iocs) {
      // What VAST's absence is to blame for does not count.
      ioc.failures = 0
      this.#untold.add(value)
    }
    this.#tell()
  }

  /** VAST is told nothing until the matcher is filled again. */
  hold(): void {
    this.#isHeld = true
  }

  /** The end: what is removed is still removed, if VAST is there. What is wanted will be wanted after the next start. */
  end(): void {
    for (const [value, { wantedBy }] of this.#iocs) if (wantedBy.size > 0) this.#untold.delete(value)
    this.#isHeld = false
    this.#tell()
    this.#ending.abort()
  }

  #want(indicator: string, value: string): boolean {
    const ioc = this.#iocs.get(value)
    if (ioc === undefined && this.#iocs.size >= this.#surroundings.most) {
      const sentence = 'the live matcher looks for as many IoCs as it may (max_live_iocs)'
      this.#surroundings.story.lost('live_matcher_full', sentence, { indicator, value })
      return false
    }
    const { wantedBy } = ioc ?? this.#begin(value)
    // The last one is what matches refer to.
    wantedBy.delete(indicator)
    wantedBy.add(indicator)
    this.#untold.add(value)
    return true
  }

  #unwant(indicator: string, value: string): void {
    const ioc = this.#iocs.get(value) ?? this.#begin(value)
    ioc.wantedBy.delete(indicator)
    this.#untold.add(value)
  }

  #begin(value: string): Ioc {
    const ioc: Ioc = { wantedBy: new Set<string>(), failures: 0, key: undefined }
    this.#iocs.set(value, ioc)
    return ioc
  }

  #forget(value: string, { key }: Ioc): void {
    this.#iocs.delete(value)
    if (key !== undefined) this.#surroundings.store.drop(key)
  }

  /** Makes calls for what is untold: half of what may run at once, so that queries go on. */
  #tell(): void {
    const { calls } = this.#surroundings
    for (const value of this.#untold) {
      if (this.#isHeld || this.#telling.size >= calls.concurrency / 2) return
      if (this.#telling.has(value)) continue
      this.#telling.add(value)
      calls.add(() => this.#tellOf(value), { priority })
    }
  }

  async #tellOf(value: string): Promise<void> {
    const ioc = this.#iocs.get(value)
    // Said with the call: what is wanted anew while it runs is untold again.
    const isUntold = this.#untold.delete(value)
    if (ioc !== undefined && isUntold && !this.#isHeld) {
      const { vast, store, killed: signal } = this.#surroundings
      const reference = [...ioc.wantedBy].at(-1)
      if (reference !== undefined) ioc.key ??= store.keep('ioc', value)
      const result =
        reference === undefined
          ? await vast.removeIoc(value, { signal })
          : await vast.addIoc(value, `${referencePrefix}${reference}`, { signal })
      const isSettled = result.outcome === 'succeeded' || (await this.#isHopeless(value, ioc, result))
      if (isSettled) ioc.failures = 0
      if (isSettled && ioc.wantedBy.size === 0 && !this.#untold.has(value)) this.#forget(value, ioc)
    } else if (ioc !== undefined && isUntold) this.#untold.add(value)
    this.#telling.delete(value)
    this.#tell()
  }

  /** A call failed: it is made again when VAST is there, unless it failed too often, or VAST can't parse it. */
  async #isHopeless(value: string, ioc: Ioc, { outcome, sentence, stderr }: CallResult): Promise<boolean> {
    const { story, attempts, pauses, suspectVast } = this.#surroundings
    if (outcome === 'aborted') return false
    const what = ioc.wantedBy.size === 0 ? 'removing an IoC' : 'adding an IoC'
    if (outcome === 'syntax_error') {
      story.lost('ioc_syntax_error', `${what} is given up: VAST calls it a syntax error`, { value, stderr })
      return true
    }
    suspectVast()
    ioc.failures++
    if (ioc.failures >= attempts) {
      story.lost('ioc_refused', `${what} failed ${ioc.failures} times: VAST ${sentence}`, { value, stderr })
      return true
    }
    story.trouble(`matcher ${outcome}`, `${what}: VAST ${sentence}; it is told again`, { value, stderr })
    this.#untold.add(value)
    const { signal } = this.#ending
    await sleep(retryPauseMs(ioc.failures, pauses), undefined, { signal }).catch(() => {})
    return false
  }
}

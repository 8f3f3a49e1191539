import { setImmediate as nextTurn } from 'node:timers/promises'
import type { ZmtpPeer } from './peer.ts'

/**
 * Where what peers send goes in. It is worked off together: what came until then in one go, and what comes meanwhile in
 * the next. A peer that has sent something meanwhile is not read until its turn has come, so little is held in memory.
 */
export class Inlet {
  readonly #work: () => Promise<void>
  readonly #failed: (error: unknown) => void
  readonly #held = new Set<ZmtpPeer>()
  #state: 'idle' | 'gathering' | 'working' = 'idle'

  /** @param failed hears of an error of `work`, after which nothing is worked off any more */
  constructor(work: () => Promise<void>, failed: (error: unknown) => void) {
    this.#work = work
    this.#failed = failed
  }

  /** Something came from this peer, and is to be worked off. */
  took(peer: ZmtpPeer): void {
    if (this.#state === 'gathering') return
    if (this.#state === 'idle') {
      this.#state = 'gathering'
      this.#run().catch(this.#failed)
    } else if (!this.#held.has(peer)) {
      this.#held.add(peer)
      peer.pause()
    }
  }

  async #run(): Promise<void> {
    // Whoever has something to read now has it read first.
    await nextTurn()
    do {
      this.#state = 'working'
      for (const peer of this.#held) peer.resume()
      this.#held.clear()
      await this.#work()
    } while (this.#held.size > 0)
    this.#state = 'idle'
  }
}

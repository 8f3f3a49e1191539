import { setImmediate as nextTurn } from 'node:timers/promises'
import { FairQueue } from '../../delivery/fair-queue.ts'
import type { ZmtpPeer } from './peer.ts'

/** What is done with what peers send. */
export interface InletWork<Item> {
  /** Works off one thing. If that takes its time, what else the peer sent waits for it, and nothing else does. */
  take(item: Item, peer: ZmtpPeer): Promise<void> | void
  /** A stretch has ended: what was taken in it is sent on. Nothing more is taken until then. */
  flush(): Promise<void>
  /** What a thing counts. */
  bytesOf(item: Item): number
  /** So much of one peer is worked off before it is another one's turn. */
  readonly turnBytes: number
}

/** So long things are worked off one after the other before whatever else the broker has to do has its turn, in milliseconds. */
const maxStretchMs = 2

/** So much of one peer is read before it is worked off: one that sends more waits. */
const maxGatheredBytes = 262_144

/**
 * Where what peers send goes in. Addresses take turns, and the peers of each, in stretches that are short, whatever was sent: in a stretch as much is worked
 * off as there is time for. A peer that has sent something meanwhile is not read until its turn has come, so little is held in
 * memory.
 */
export class Inlet<Item> {
  readonly #work: InletWork<Item>
  readonly #failed: (error: unknown) => void
  /** What has something to be worked off. */
  readonly #ready = new FairQueue<Lane<Item>>()
  #state: 'idle' | 'gathering' | 'working' = 'idle'

  /** @param failed hears of an error of the work, after which nothing is worked off any more */
  constructor(work: InletWork<Item>, failed: (error: unknown) => void) {
    this.#work = work
    this.#failed = failed
  }

  /** Where what this peer sends is put. */
  laneOf(peer: ZmtpPeer): Lane<Item> {
    const isReady = () => this.#isReady(lane)
    const lane: Lane<Item> = new Lane(
      peer,
      this.#work,
      { isReady, mayGather: () => this.#state !== 'working' },
      this.#failed,
    )
    return lane
  }

  #isReady(lane: Lane<Item>): void {
    if (!this.#ready.has(lane.address, lane)) this.#ready.add(lane.address, lane)
    if (this.#state !== 'idle') return
    this.#state = 'gathering'
    this.#run().catch(this.#failed)
  }

  async #run(): Promise<void> {
    // Whoever has something to read now has it read first.
    await nextTurn()
    this.#state = 'working'
    do {
      this.#workOff()
      await this.#work.flush()
      await nextTurn()
    } while (this.#ready.size > 0)
    this.#state = 'idle'
  }

  #workOff(): void {
    const endsMs = performance.now() + maxStretchMs
    for (let lane = this.#ready.take(); lane !== undefined; lane = this.#ready.take()) {
      if (lane.workOff()) this.#isReady(lane)
      if (performance.now() >= endsMs) return
    }
  }
}

/** What one peer sent, which is worked off in order. */
export class Lane<Item> {
  readonly #peer: ZmtpPeer
  readonly #work: InletWork<Item>
  readonly #inlet: { isReady(): void; mayGather(): boolean }
  readonly #failed: (error: unknown) => void
  #items: Item[] = []
  /** How many of them are worked off. */
  #done = 0
  #bytes = 0
  #state: 'read' | 'paused' | 'busy' = 'read'

  constructor(
    peer: ZmtpPeer,
    work: InletWork<Item>,
    inlet: { isReady(): void; mayGather(): boolean },
    failed: (error: unknown) => void,
  ) {
    this.#peer = peer
    this.#work = work
    this.#inlet = inlet
    this.#failed = failed
  }

  get address(): string {
    return this.#peer.address
  }

  /** Something came from the peer. */
  put(item: Item): void {
    this.#items.push(item)
    this.#bytes += this.#work.bytesOf(item)
    if (this.#state === 'read' && (this.#bytes > maxGatheredBytes || !this.#inlet.mayGather())) {
      this.#state = 'paused'
      this.#peer.pause()
    }
    if (this.#items.length === 1 && this.#state !== 'busy') this.#inlet.isReady()
  }

  /** Works off what there is for one turn, and answers whether there is more for another one. */
  workOff(): boolean {
    const { take, bytesOf, turnBytes } = this.#work
    for (let bytes = 0; bytes < turnBytes && this.#done < this.#items.length; ) {
      const item = this.#items[this.#done++] as Item
      bytes += bytesOf(item)
      const pending = take(item, this.#peer)
      if (pending instanceof Promise) {
        this.#wait(pending)
        return false
      }
    }
    if (this.#done < this.#items.length) return true
    this.#items = []
    this.#done = this.#bytes = 0
    this.#readOn()
    return false
  }

  #wait(pending: Promise<void>): void {
    if (this.#state === 'read') this.#peer.pause()
    this.#state = 'busy'
    pending.then(() => {
      this.#state = 'paused'
      // Also if there is nothing more: what is done now has to be sent on.
      this.#inlet.isReady()
    }, this.#failed)
  }

  #readOn(): void {
    if (this.#state !== 'paused') return
    this.#state = 'read'
    this.#peer.resume()
  }
}

import { FairQueue } from '../../turns/fair-queue.ts'
import { Stretch } from '../../turns/stretch.ts'
import { nextTurn } from '../../turns/turn.ts'
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

/**
 * A turn takes less than so long, in milliseconds: an address of which one took longer is passed over for as many turns of
 * others, so that it has no more of the time than they have, but not for more than that.
 */
const turnMs = 1
const maxPassedOver = 10

/** So much of one peer is read before it is worked off: one that sends more waits. */
const maxGatheredBytes = 262_144

/** So much of all peers, of which each address may have an equal part, is read while others are worked off. */
const maxGatheredTogetherBytes = 8_388_608

/** What is gathered of an address. */
interface Gathered {
  bytes: number
  /** Peers of which there is something. */
  lanes: number
}

/**
 * Where what peers send goes in. Addresses take turns, and the peers of each, in stretches that are short, whatever was sent:
 * in a stretch as much is worked off as there is time for. Of what is sent meanwhile only so much is read that little is held
 * in memory; who has sent that is not read until its turn has come.
 */
export class Inlet<Item> {
  readonly #work: InletWork<Item>
  readonly #failed: (error: unknown) => void
  /** What has something to be worked off. */
  readonly #ready = new FairQueue<Lane<Item>>()
  /** By address. */
  readonly #gathered = new Map<string, Gathered>()
  readonly #stretch = new Stretch()
  #state: 'idle' | 'gathering' | 'working' = 'idle'

  /** @param failed hears of an error of the work, after which nothing is worked off any more */
  constructor(work: InletWork<Item>, failed: (error: unknown) => void) {
    this.#work = work
    this.#failed = failed
  }

  /** Where what this peer sends is put. */
  laneOf(peer: ZmtpPeer): Lane<Item> {
    const lane: Lane<Item> = new Lane(
      peer,
      this.#work,
      {
        isReady: () => this.#isReady(lane),
        mayGather: ({ bytes }) =>
          this.#state !== 'working' || bytes <= maxGatheredTogetherBytes / (this.#gathered.size + 1),
        open: () => this.#open(peer.address),
        close: gathered => this.#close(peer.address, gathered),
      },
      this.#failed,
    )
    return lane
  }

  #open(address: string): Gathered {
    const gathered = this.#gathered.get(address) ?? { bytes: 0, lanes: 0 }
    if (gathered.lanes++ === 0) this.#gathered.set(address, gathered)
    return gathered
  }

  #close(address: string, gathered: Gathered): void {
    if (--gathered.lanes === 0) this.#gathered.delete(address)
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
    const flush = async () => {
      await this.#work.flush()
      await nextTurn()
    }
    this.#stretch.begin()
    do {
      this.#workOff()
      await this.#stretch.pause(flush)
    } while (this.#ready.size > 0)
    this.#state = 'idle'
  }

  #workOff(): void {
    let beganMs = performance.now()
    for (let lane = this.#ready.take(); lane !== undefined; lane = this.#ready.take()) {
      if (lane.workOff()) this.#isReady(lane)
      const nowMs = performance.now()
      this.#ready.passOver(lane.address, Math.min(Math.floor((nowMs - beganMs) / turnMs), maxPassedOver))
      if (this.#stretch.isOver(nowMs)) return
      beganMs = nowMs
    }
  }
}

/** What a lane needs of its inlet. */
interface LaneInlet {
  isReady(): void
  /** May more be read of an address of which so much is gathered? */
  mayGather(gathered: Gathered): boolean
  /** Something is gathered from now on, and counts there. */
  open(): Gathered
  /** Nothing is gathered any more. */
  close(gathered: Gathered): void
}

/** What one peer sent, which is worked off in order. */
export class Lane<Item> {
  readonly #peer: ZmtpPeer
  readonly #work: InletWork<Item>
  readonly #inlet: LaneInlet
  readonly #failed: (error: unknown) => void
  #items: Item[] = []
  /** How many of them are worked off. */
  #done = 0
  #bytes = 0
  /** What of its address is gathered, while something of its own is. */
  #gathered: Gathered | undefined
  #state: 'read' | 'paused' | 'busy' = 'read'

  constructor(peer: ZmtpPeer, work: InletWork<Item>, inlet: LaneInlet, failed: (error: unknown) => void) {
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
    const bytes = this.#work.bytesOf(item)
    this.#gathered ??= this.#inlet.open()
    this.#gathered.bytes += bytes
    this.#items.push(item)
    this.#bytes += bytes
    if (this.#state === 'read' && (this.#bytes > maxGatheredBytes || !this.#inlet.mayGather(this.#gathered))) {
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
    this.#clear()
    this.#readOn()
    return false
  }

  #clear(): void {
    if (this.#gathered !== undefined) {
      this.#gathered.bytes -= this.#bytes
      this.#inlet.close(this.#gathered)
      this.#gathered = undefined
    }
    this.#items = []
    this.#done = this.#bytes = 0
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

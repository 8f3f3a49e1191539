import type { Message } from '../protocol/message.ts'
import { maxRunBytes, type Queue } from './queue.ts'

/**
 * Messages sent to one subscriber before the next one has its turn. Long runs to one peer are what makes sending cheap
 * (ARCHITECTURE "What was measured"); the bound keeps one full queue from holding up the others.
 */
const maxRun = 512

/** The same for a subscriber that is fed from disk: who keeps up does not notice it. */
const maxRunBehind = 64

/**
 * How long runs follow each other, in milliseconds, before whatever else the broker has to do has its turn: one message
 * to ten thousand subscribers takes a good part of a second, and `manage` has to answer meanwhile.
 */
const maxStretchMs = 5

/** Where a subscriber's messages go. */
export interface Outlet {
  readonly queue: Queue
  /** The p2p topic that each frame begins with. */
  readonly topic: string
  /** The connection holds as much as it may. Nothing is sent until the outlet is opened again. */
  filled(): void
  /** Something has to be fetched before the queue knows what is next. As above. */
  starved(): void
  /** It is not scheduled any more: what was fetched for it can go to others. */
  turnEnded(): void
}

/** Where runs of messages go: the `pub` endpoint. */
export interface Transport {
  /** Can the subscriber's connection take more? */
  hasRoom(topic: string): boolean
  /** Sends a run to a subscriber. */
  send(topic: string, run: readonly Message[]): void
}

/**
 * Sends what waits in the queues of those who can take it, in rounds: in a round each scheduled outlet has one run.
 * Intake waits for the round that carries its batch, so what cannot be sent yet stays with the publishers.
 */
export class Egress {
  readonly #transport: Transport
  readonly #pause: () => Promise<void>
  /** Outlets whose subscribers can take messages. */
  readonly #open = new Set<Outlet>()
  /** Outlets that get a run in the next round. */
  #scheduled = new Set<Outlet>()
  /** Outlets that still get a run in this round. */
  #turns = new Set<Outlet>()
  #rounds: Promise<void> | undefined
  #waiting: (() => void)[] = []
  #delivered = 0
  #refusals = 0

  /** @param pause is awaited after each round, and in between if it takes long; it must yield to the event loop. */
  constructor(transport: Transport, pause: () => Promise<void>) {
    this.#transport = transport
    this.#pause = pause
  }

  /** Frames that were sent. */
  get delivered(): number {
    return this.#delivered
  }

  /** Times that nothing was sent because a connection held as much as it may. */
  get refusals(): number {
    return this.#refusals
  }

  /** Is nothing scheduled and nothing being sent? */
  get isIdle(): boolean {
    return this.#rounds === undefined
  }

  /** The outlet's subscriber can take messages from now on: what is in its queue, and what comes. */
  open(outlet: Outlet): void {
    this.#open.add(outlet)
    this.filled(outlet)
  }

  /** It can't any more. */
  close(outlet: Outlet): void {
    this.#open.delete(outlet)
    this.#scheduled.delete(outlet)
    this.#turns.delete(outlet)
  }

  /** The outlet's queue has something to send: if the outlet is open, it has a run in the next round. */
  filled(outlet: Outlet): void {
    if (this.#open.has(outlet) && !outlet.queue.isEmpty) this.#schedule(outlet)
  }

  /** Fulfilled when every outlet that is scheduled now has had its run. */
  async roundEnded(): Promise<void> {
    if (this.#scheduled.size > 0) await new Promise<void>(resolve => this.#waiting.push(resolve))
  }

  #schedule(outlet: Outlet): void {
    this.#scheduled.add(outlet)
    this.#rounds ??= this.#runRounds()
  }

  async #runRounds(): Promise<void> {
    // Whoever schedules goes on first: all whom a batch wakes are scheduled before the first run begins.
    await undefined
    while (this.#scheduled.size > 0) {
      const waiting = this.#waiting
      this.#waiting = []
      this.#turns = this.#scheduled
      this.#scheduled = new Set()
      let stretchEndsMs = performance.now() + maxStretchMs
      for (const outlet of this.#turns) {
        this.#run(outlet)
        if (performance.now() < stretchEndsMs) continue
        await this.#pause()
        stretchEndsMs = performance.now() + maxStretchMs
      }
      // Whoever waited goes on in the turn that the pause takes, too.
      for (const resolve of waiting) resolve()
      await this.#pause()
    }
    this.#rounds = undefined
    // Whoever was waited for may have left before its turn.
    for (const resolve of this.#waiting.splice(0)) resolve()
  }

  #run(outlet: Outlet): void {
    const { queue, topic } = outlet
    if (!this.#transport.hasRoom(topic)) {
      this.#refusals++
      outlet.filled()
      outlet.turnEnded()
      return
    }
    const atMost = queue.isBehind ? maxRunBehind : maxRun
    const run: Message[] = []
    let bytes = 0
    while (run.length < atMost && bytes < maxRunBytes) {
      const message = queue.head
      if (message === undefined) break
      run.push(message)
      bytes += message.frame.length
      queue.skip(message)
    }
    if (run.length > 0) this.#transport.send(topic, run)
    this.#delivered += run.length
    if (queue.need === 'nothing' && !queue.isEmpty && this.#open.has(outlet)) {
      // It goes on in the next round, and keeps what was fetched for it.
      this.#schedule(outlet)
      return
    }
    if (queue.need !== 'nothing') outlet.starved()
    outlet.turnEnded()
  }
}

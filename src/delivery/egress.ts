import type { Message } from '../protocol/message.ts'
import { Stretch } from '../turns/stretch.ts'
import { maxRunBytes } from './cursor.ts'
import type { Delivery } from './delivery.ts'

/**
 * Messages sent to one subscriber before the next one has its turn. Long runs to one peer are what makes sending cheap
 * (ARCHITECTURE "What was measured"); the bound keeps one full queue from holding up the others.
 */
const maxRun = 512

/** The same for a subscriber that is fed from disk: who keeps up does not notice it. */
const maxRunBehind = 64

/** Where a connection's messages go. */
export interface Outlet {
  readonly delivery: Delivery
  /** As much is under way as may be. Nothing is sent until the outlet is opened again. */
  filled(): void
  /** Something has to be fetched before it is known what is next. As above. */
  starved(): void
  /** It is not scheduled any more: what was fetched for it can go to others. */
  turnEnded(): void
}

/**
 * Sends what waits for those who can take it, in rounds: in a round each scheduled outlet has one run.
 * Intake waits for the round that carries its batch, so what cannot be sent yet stays with the publishers.
 */
export class Egress {
  readonly #pause: () => Promise<void>
  /** One message to ten thousand subscribers takes a good part of a second, and `manage` has to answer meanwhile. */
  readonly #stretch = new Stretch()
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
  constructor(pause: () => Promise<void>) {
    this.#pause = pause
  }

  /** Frames that were sent. */
  get delivered(): number {
    return this.#delivered
  }

  /** Times that nothing was sent because as much was under way as may be. */
  get refusals(): number {
    return this.#refusals
  }

  /** Is nothing scheduled and nothing being sent? */
  get isIdle(): boolean {
    return this.#rounds === undefined
  }

  /** The outlet's connection can take messages from now on: what waits, and what comes. */
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

  /** There is something to send: if the outlet is open, it has a run in the next round. */
  filled(outlet: Outlet): void {
    if (this.#open.has(outlet) && outlet.delivery.cursor?.isEmpty === false) this.#schedule(outlet)
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
    this.#stretch.begin()
    while (this.#scheduled.size > 0) {
      const waiting = this.#waiting
      this.#waiting = []
      this.#turns = this.#scheduled
      this.#scheduled = new Set()
      for (const outlet of this.#turns) {
        this.#run(outlet)
        if (this.#stretch.isOver()) await this.#stretch.pause(this.#pause)
      }
      // Whoever waited goes on in the turn that the pause takes, too.
      for (const resolve of waiting) resolve()
      await this.#stretch.pause(this.#pause)
    }
    this.#rounds = undefined
    // Whoever was waited for may have left before its turn.
    for (const resolve of this.#waiting.splice(0)) resolve()
  }

  #run(outlet: Outlet): void {
    const { delivery } = outlet
    const { cursor } = delivery
    if (cursor === undefined || !delivery.hasRoom) {
      this.#refusals++
      outlet.filled()
      outlet.turnEnded()
      return
    }
    delivery.beginRun()
    const atMost = cursor.isBehind ? maxRunBehind : maxRun
    const run: Message[] = []
    let bytes = 0
    while (run.length < atMost && bytes < maxRunBytes) {
      const message = cursor.head
      if (message === undefined) break
      run.push(message)
      bytes += message.frame.length
      cursor.skip(message)
    }
    if (run.length > 0) delivery.send(run, bytes)
    this.#delivered += run.length
    if (cursor.need === 'nothing' && !cursor.isEmpty && this.#open.has(outlet)) {
      // It goes on in the next round, and keeps what was fetched for it.
      this.#schedule(outlet)
      return
    }
    if (cursor.need !== 'nothing') outlet.starved()
    outlet.turnEnded()
  }
}

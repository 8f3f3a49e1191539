import type { Queue } from './queue.ts'

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
  /** Which of the `pub` sockets its subscriber is connected to: its place in their list. */
  readonly socket: number
  /** The socket refused after so many frames: the connection holds as much as it may. Nothing is sent until the outlet is opened again. */
  refused(sent: number): void
  /** Something has to be fetched before the queue knows what is next. As above. */
  starved(): void
  /** It is not scheduled any more: what was fetched for it can go to others. */
  turnEnded(): void
}

/** Sends a frame at once, on one of the `pub` sockets: fulfilled when the socket took it, or rejects with the code `EAGAIN` when the peer's pipe is full. */
export type SendFrame = (frame: string, socket: number) => Promise<void>

/**
 * Sends what waits in the queues of those who can take it, in rounds: in a round each scheduled outlet has one run.
 * Intake waits for the round that carries its batch, so what cannot be sent yet stays with the publishers.
 */
export class Egress {
  readonly #send: SendFrame
  readonly #pause: () => Promise<void>
  readonly #failed: (error: unknown) => void
  /** Outlets whose subscribers can take messages. */
  readonly #open = new Set<Outlet>()
  /** Outlets that get a run in the next round. */
  #scheduled = new Set<Outlet>()
  /** Outlets that still get a run in this round. */
  #turns = new Set<Outlet>()
  #running: Outlet | undefined
  #rounds: Promise<void> | undefined
  #waiting: (() => void)[] = []
  #delivered = 0
  #refusals = 0

  /**
   * @param pause is awaited after each round, and in between if it takes long; it must yield to the event loop.
   * @param failed hears of any error but `EAGAIN`; what was being sent stays in its queue, and the outlet is told that it
   *   was refused, so that it tries again.
   */
  constructor(send: SendFrame, pause: () => Promise<void>, failed: (error: unknown) => void) {
    this.#send = send
    this.#pause = pause
    this.#failed = failed
  }

  /** Frames the socket took. */
  get delivered(): number {
    return this.#delivered
  }

  /** Frames the socket refused; each was tried again later. */
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

  /** It can't any more. A run under way ends with the message being sent. */
  close(outlet: Outlet): void {
    this.#open.delete(outlet)
    this.#scheduled.delete(outlet)
    this.#turns.delete(outlet)
    if (this.#running === outlet) this.#running = undefined
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
        await this.#run(outlet)
        if (performance.now() < stretchEndsMs) continue
        await this.#pause().catch(this.#failed)
        stretchEndsMs = performance.now() + maxStretchMs
      }
      // Whoever waited goes on in the turn that the pause takes, too.
      for (const resolve of waiting) resolve()
      await this.#pause().catch(this.#failed)
    }
    this.#rounds = undefined
  }

  async #run(outlet: Outlet): Promise<void> {
    const { queue, topic } = outlet
    this.#running = outlet
    let sent = 0
    // Whoever goes on in the next round keeps what was fetched for it.
    let isOver = true
    const atMost = queue.isBehind ? maxRunBehind : maxRun
    try {
      while (sent < atMost) {
        const message = queue.head
        if (message === undefined) break
        await this.#send(topic + message.frame, outlet.socket)
        this.#delivered++
        sent++
        queue.skip(message)
        if (this.#running !== outlet) break
      }
      if (this.#running !== outlet) return
      if (sent === atMost) {
        isOver = false
        this.#schedule(outlet)
      } else if (queue.need !== 'nothing') outlet.starved()
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') this.#refusals++
      else this.#failed(error)
      if (this.#running === outlet) outlet.refused(sent)
    } finally {
      if (isOver) outlet.turnEnded()
    }
  }
}

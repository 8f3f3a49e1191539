/** What is done about one link. */
export interface LinkHandler {
  /** May it join now? If not, because many have lately, it is asked again later. */
  readonly mayJoin: boolean
  /** From now on it is subscribed to the topic followed by one of these; to nothing of it, if there are none. */
  wants(prefixes: readonly string[]): void
  /** The peer answered this PING: everything that was sent before is where its application reads. */
  acknowledged(ping: number): void
  /** The connection had no room, and may have now. */
  drained(): void
  /** The connection is no more, and what it held unacknowledged may not have arrived. */
  closed(): void
}

/** So often a link may change what it is subscribed to in a pause's time, once for each prefix that it may have. */
const maxChanges = 64

/** Who changes that more often waits for so many milliseconds or more: then all of it is one change. */
export const changePauseMs = 1000

/** A link as its connection keeps it: what it is subscribed to, and what of that and of its end its handler was not told yet. */
export class TopicLink {
  readonly #handler: LinkHandler
  /** What follows the topic in what it is subscribed to: `''` is everything. */
  prefixes: readonly string[] = []
  #told: readonly string[] = this.prefixes
  /** Changes that were told since then. */
  #changes = 0
  #sinceMs = Number.NEGATIVE_INFINITY
  #acknowledged = 0
  #toldAcknowledged = 0
  #lackedRoom = false
  #hasDrained = false
  #hasClosed = false

  constructor(handler: LinkHandler) {
    this.#handler = handler
  }

  /** Can it take more? Not while its handler does not know what it is subscribed to; then that hears when it can. */
  hasRoom(): boolean {
    if (!this.#isChanging) return true
    this.#lackedRoom = true
    return false
  }

  get #isChanging(): boolean {
    return this.#told !== this.prefixes
  }

  /** The peer answered this PING. */
  acknowledge(ping: number): void {
    this.#acknowledged = ping
  }

  /** The connection has room again. */
  drain(): void {
    this.#hasDrained = true
  }

  /** The connection is no more. */
  close(): void {
    this.#hasClosed = true
  }

  /** Tells the handler what it does not know. Answers whether that is all: a change may have to wait. */
  tell(nowMs: number): boolean {
    if (this.#hasClosed) {
      this.#handler.closed()
      return true
    }
    const isNew = this.#sinceMs === Number.NEGATIVE_INFINITY
    // What it is subscribed to comes after what was acknowledged before; only at first nobody would hear that.
    if (!isNew) this.#tellAcknowledged()
    if (this.#isChanging && (!isNew || this.#handler.mayJoin) && this.#mayChange(nowMs)) {
      this.#told = this.prefixes
      this.#changes++
      this.#handler.wants(this.prefixes)
      this.#hasDrained ||= this.#lackedRoom
      this.#lackedRoom = false
    }
    this.#tellAcknowledged()
    if (this.#hasDrained) this.#handler.drained()
    this.#hasDrained = false
    return !this.#isChanging
  }

  #mayChange(nowMs: number): boolean {
    if (nowMs - this.#sinceMs >= changePauseMs) {
      this.#sinceMs = nowMs
      this.#changes = 0
    }
    return this.#changes < maxChanges
  }

  #tellAcknowledged(): void {
    if (this.#acknowledged === this.#toldAcknowledged) return
    this.#toldAcknowledged = this.#acknowledged
    this.#handler.acknowledged(this.#acknowledged)
  }
}

import type { BreakReason } from './break-reason.ts'

/** A connection that may have to give way to another. */
export interface Guest {
  /** Where it comes from (see `countedAddress`). */
  readonly address: string
  /** Its connection is closed. */
  break(reason: BreakReason): void
}

/** What there is too little of for another connection. */
export type Shortage = 'max_connections' | 'file_descriptors'

/** Every endpoint has this part of the descriptors for itself; of the rest, each takes what it needs. */
const ownPart = 1 / 8

/** Of so many strangers, the longest there, it is looked from which address most connections come. */
const compared = 64

/**
 * Which connections there may be, over all endpoints. Where there is no room for another one, a stranger gives way: one who has
 * done nothing yet that the endpoint is there for. One who comes often loses his oldest first.
 *
 * On `sub`, an application that has published nothing yet is a stranger, too, though an honest one: so it is not closed
 * because it is silent, but only when there is no room.
 */
export class ConnectionAdmission {
  readonly #descriptors: number
  readonly #entrances: Entrance[] = []

  /** @param descriptors connections that this process has file descriptors for; infinite if that is not known */
  constructor(descriptors: number) {
    this.#descriptors = descriptors
  }

  /** Opens the entrance of an endpoint. */
  entrance(maxConnections: number): Entrance {
    const entrance = new Entrance(maxConnections, {
      hasDescriptor: () => this.#hasDescriptorFor(entrance),
      crowded: () => this.#crowded(entrance),
    })
    this.#entrances.push(entrance)
    return entrance
  }

  /** Is there a descriptor for one more connection to each endpoint, or a stranger there who would give way? */
  get hasRoom(): boolean {
    return this.#entrances.every(each => this.#hasDescriptorFor(each) || this.#crowded(each).strangers > 0)
  }

  get #own(): number {
    return Math.floor(this.#descriptors * ownPart)
  }

  #hasDescriptorFor(entrance: Entrance): boolean {
    let taken = 0
    for (const each of this.#entrances) taken += each === entrance ? each.size : Math.max(each.size, this.#own)
    return entrance.size < this.#own || taken < this.#descriptors
  }

  /** Where somebody has to give way so that there is a descriptor: where there are most strangers, beyond what is its own. */
  #crowded(entrance: Entrance): Entrance {
    const others = this.#entrances.filter(each => each.size > this.#own)
    return others.reduce((most, each) => (each.strangers > most.strangers ? each : most), entrance)
  }
}

/** Who is connected to one endpoint. */
export class Entrance {
  readonly #maxConnections: number
  readonly #descriptors: { hasDescriptor(): boolean; crowded(): Entrance }
  readonly #guests = new Set<Guest>()
  /** Since when they are there, the longest first. */
  readonly #strangers = new Map<Guest, number>()
  readonly #addresses = new Map<string, number>()

  constructor(maxConnections: number, descriptors: { hasDescriptor(): boolean; crowded(): Entrance }) {
    this.#maxConnections = maxConnections
    this.#descriptors = descriptors
  }

  /** How many connections there are. */
  get size(): number {
    return this.#guests.size
  }

  /** How many of them have done nothing yet. */
  get strangers(): number {
    return this.#strangers.size
  }

  /** Makes room for another connection, if there is none. Answers why there is none for it. */
  makeRoom(): Shortage | undefined {
    if (this.size >= this.#maxConnections && !this.#closeStranger()) return 'max_connections'
    if (!this.#descriptors.hasDescriptor() && !this.#descriptors.crowded().#closeStranger()) return 'file_descriptors'
    return undefined
  }

  /** Somebody came. */
  enter(guest: Guest): void {
    this.#guests.add(guest)
    this.#strangers.set(guest, performance.now())
    this.#addresses.set(guest.address, this.#from(guest) + 1)
  }

  /** It did what the endpoint is there for. */
  known(guest: Guest): void {
    this.#strangers.delete(guest)
  }

  /** Is it a stranger? */
  isStranger(guest: Guest): boolean {
    return this.#strangers.has(guest)
  }

  /** It has gone. */
  leave(guest: Guest): void {
    if (!this.#guests.delete(guest)) return
    this.#strangers.delete(guest)
    const left = this.#from(guest) - 1
    if (left > 0) this.#addresses.set(guest.address, left)
    else this.#addresses.delete(guest.address)
  }

  /** Those who have been there for so long and done nothing. */
  strangersFor(milliseconds: number): Guest[] {
    const cameBeforeMs = performance.now() - milliseconds
    const strangers: Guest[] = []
    for (const [guest, cameMs] of this.#strangers) {
      if (cameMs > cameBeforeMs) break
      strangers.push(guest)
    }
    return strangers
  }

  #from({ address }: Guest): number {
    return this.#addresses.get(address) ?? 0
  }

  #closeStranger(): boolean {
    let chosen: Guest | undefined
    let looked = 0
    for (const guest of this.#strangers.keys()) {
      if (chosen === undefined || this.#from(guest) > this.#from(chosen)) chosen = guest
      if (++looked === compared) break
    }
    if (chosen === undefined) return false
    this.leave(chosen)
    chosen.break('gave_way')
    return true
  }
}

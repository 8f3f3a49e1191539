import type { Place } from './cursor.ts'
import { InFlight, type Mark } from './in-flight.ts'
import { furthest, highestOf, mapped, type Positions } from './positions.ts'

/**
 * Where a subscriber stands: what it is known to have received, and what has to be learned before it is sent more.
 * What comes next on a connection is the connection's own (see `Delivery`).
 */
export type Standing =
  /** It does not say what it has received: it has what its connections acknowledged. */
  | {
      readonly kind: 'acknowledging'
      readonly positions: Positions
      /**
       * Frames that it was sent before. Undefined once something may have come twice: from then on its own count, should it
       * begin to say one, would be another.
       */
      readonly frames: number | undefined
    }
  /** It says how many frames it has received, and where that is is known. */
  | { readonly kind: 'counting'; readonly sent: InFlight }
  /** It says how many, but has not said so since its connection broke, or the broker was restarted. */
  | { readonly kind: 'uncounted'; readonly sent: InFlight; readonly unsentFrom: number }
  /** It has said so since: that has to be found in the log. */
  | {
      readonly kind: 'counted'
      readonly sent: InFlight
      readonly unsentFrom: number
      readonly received: number
      /** Did it say so when it was back? What it said before, it may have received more than that since. */
      readonly isBack: boolean
    }

/** What of a standing outlives the process. */
export interface StandingRecord {
  /** Places from each of which on it was sent what was wanted then; before the first everything was received. */
  readonly places: readonly [Place, ...Place[]]
  readonly confirms: boolean
  /** While it is not known what it received: no message from this sequence number on was ever sent to it. */
  readonly unsentFrom?: number | undefined
}

/** A subscription begins: nothing was sent yet. */
export function standingFrom(place: Place, confirms: boolean): Standing {
  if (confirms) return { kind: 'counting', sent: sentFrom([place]) }
  return { kind: 'acknowledging', positions: place.positions, frames: place.frames }
}

/** How a subscriber stands that an earlier broker knew. @param next sequence number that the log's next message gets */
export function standingOf({ places, confirms, unsentFrom }: StandingRecord, next: number): Standing {
  // What a crash lost of the log was sent perhaps, but its numbers are given anew.
  const kept = places.map(place => ({ ...place, positions: mapped(place.positions, each => Math.min(each, next)) }))
  const [first] = kept as [Place, ...Place[]]
  if (!confirms) return { kind: 'acknowledging', positions: first.positions, frames: undefined }
  return { kind: 'uncounted', sent: sentFrom(kept), unsentFrom: Math.min(unsentFrom ?? next, next) }
}

/** The one place that says what is persisted of a standing. `wanted` is what an acknowledging subscriber has joined for. */
export function recordOf(standing: Standing, wanted: Place['wanted']): StandingRecord {
  if (standing.kind === 'acknowledging') {
    return { places: [{ positions: standing.positions, frames: standing.frames ?? 0, wanted }], confirms: false }
  }
  const { sent } = standing
  const unsentFrom = standing.kind === 'counting' ? undefined : standing.unsentFrom
  return { places: [sent.settled, ...sent.changes], confirms: true, unsentFrom }
}

/** What it is known to have received: everything before these positions. */
export function received(standing: Standing): Pick<Place, 'positions' | 'frames'> {
  if (standing.kind !== 'acknowledging') return standing.sent.settled
  return { positions: standing.positions, frames: standing.frames ?? 0 }
}

/** A connection acknowledged that it received everything before these positions. */
export function acknowledged(standing: Standing, positions: Positions, frames: number | undefined): Standing {
  if (standing.kind !== 'acknowledging') return standing
  const counted = standing.frames === undefined ? undefined : frames
  return { kind: 'acknowledging', positions: furthest(standing.positions, positions), frames: counted }
}

/**
 * It says that it has received so many frames, since the subscribe reply, while no connection is being sent anything.
 *
 * @param isBack is there a connection already?
 */
export function counted(standing: Standing, frames: number, isBack: boolean): Standing {
  switch (standing.kind) {
    case 'uncounted':
      return { ...standing, kind: 'counted', received: frames, isBack }
    case 'counted':
      // Two of its heartbeats may overtake each other. What it had, it has.
      return { ...standing, received: Math.max(standing.received, frames), isBack: standing.isBack || isBack }
    default:
      return standing
  }
}

/** It counts, and everything before this place is received, and nothing behind it. */
export function located(place: Place): Standing {
  return { kind: 'counting', sent: sentFrom([place]) }
}

/**
 * What it said was found in the log. If it said so before it was back, it may have received more: it goes on there, and is
 * followed by what its library acknowledges, for its next counts may be others.
 */
export function found(place: Place, isBack: boolean): Standing {
  return isBack ? located(place) : { kind: 'acknowledging', positions: place.positions, frames: undefined }
}

/** It counts, and what it has received of what was sent is not known any more. */
export function uncounted(sent: InFlight, unsentFrom: number): Standing {
  return { kind: 'uncounted', sent, unsentFrom }
}

/** It does not say any more what it has received: whatever may not have reached it is sent again. */
export function uncountable(standing: Standing): Standing {
  return { kind: 'acknowledging', positions: received(standing).positions, frames: undefined }
}

/** It begins to say what it received. Its count is of use only if nothing came twice before. */
export function beginning(standing: Standing, wanted: Place['wanted'], sent: InFlight | undefined): Standing {
  if (standing.kind !== 'acknowledging' || standing.frames === undefined) return standing
  const { positions, frames } = standing
  if (sent !== undefined) return { kind: 'counting', sent }
  // Nothing is in flight: nothing behind what is acknowledged was ever sent.
  const unsentFrom = highestOf(positions)
  return { kind: 'uncounted', sent: sentFrom([{ positions, frames, wanted }]), unsentFrom }
}

function sentFrom(places: readonly Place[]): InFlight {
  const [first, ...changes] = places.map(place => ({ ...place, bytes: 0, heldBytes: 0, ping: 0 }))
  const sent = new InFlight(first as Mark)
  for (const change of changes) sent.reach(change)
  return sent
}

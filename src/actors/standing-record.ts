import type { Place } from '../delivery/cursor.ts'
import { allAt, frameTypes, isOne, lowestOf } from '../delivery/positions.ts'
import type { StandingRecord } from '../delivery/standing.ts'
import { wantedTypes } from '../delivery/wanted.ts'
import type { StoredPlace, StoredSubscription } from '../history/subscriptions/stored-subscription.ts'

/** What a record of a subscription says of where it stands. */
export type StoredStanding = Pick<StoredSubscription, 'position' | 'frames' | 'places' | 'confirms' | 'unsentFrom'>

/** A standing as it is on disk. */
export function storedStanding({ places, confirms, unsentFrom }: StandingRecord): StoredStanding {
  const [first] = places
  return {
    position: lowestOf(first.positions, frameTypes) as number,
    frames: first.frames,
    ...(isPlain(places) ? {} : { places: places.map(stored) }),
    confirms,
    ...(unsentFrom !== undefined && { unsentFrom }),
  }
}

/** A standing as it was on disk. */
export function standingIn({ position, frames, places = [], confirms, unsentFrom }: StoredStanding): StandingRecord {
  const [first = { positions: allAt(position), frames, wanted: wantedTypes(frameTypes) }, ...rest] = places.map(read)
  return { places: [first, ...rest], confirms, unsentFrom }
}

/** Is it one place for all types, at which everything is wanted? */
function isPlain([first, ...rest]: StandingRecord['places']): boolean {
  return rest.length === 0 && isOne(first.positions) && first.wanted.types.length === frameTypes.length
}

function stored({ positions: { indicator, sighting, snapshotrequest }, frames, wanted }: Place): StoredPlace {
  return { positions: { indicator, sighting, snapshotrequest }, frames, types: wanted.types }
}

function read({ positions, frames, types }: StoredPlace): Place {
  return { positions, frames, wanted: wantedTypes(types) }
}

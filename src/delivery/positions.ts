import type { FrameType } from '../protocol/message.ts'

/** Sequence number of the next message of each type that somebody is to get. */
export type Positions = Readonly<Record<FrameType, number>>

/** Every type of frame there is. */
export const frameTypes: readonly FrameType[] = ['indicator', 'sighting', 'snapshotrequest']

/** Every type at the same sequence number. */
export function allAt(position: number): Positions {
  return { indicator: position, sighting: position, snapshotrequest: position }
}

/** The same, each type by this. */
export function mapped(positions: Positions, by: (position: number, type: FrameType) => number): Positions {
  return {
    indicator: by(positions.indicator, 'indicator'),
    sighting: by(positions.sighting, 'sighting'),
    snapshotrequest: by(positions.snapshotrequest, 'snapshotrequest'),
  }
}

/** Of each type what is further. */
export function furthest(one: Positions, other: Positions): Positions {
  return mapped(one, (position, type) => Math.max(position, other[type]))
}

/** The lowest of these types; undefined if there are none. */
export function lowestOf(positions: Positions, types: readonly FrameType[]): number | undefined {
  return types.length === 0 ? undefined : Math.min(...types.map(type => positions[type]))
}

/** The highest of all types. */
export function highestOf({ indicator, sighting, snapshotrequest }: Positions): number {
  return Math.max(indicator, sighting, snapshotrequest)
}

/** Do all types stand at one sequence number? */
export function isOne({ indicator, sighting, snapshotrequest }: Positions): boolean {
  return indicator === sighting && sighting === snapshotrequest
}

import type { FrameType, Message } from '../protocol/message.ts'
import { frameTypes } from './positions.ts'

/** What a connection is subscribed to of its p2p topic, by the prefixes that it gave behind that. */
export interface Wanted {
  /** The types of which it wants anything. */
  readonly types: readonly FrameType[]
  /** Of those types, what does it want? Undefined: all of it. */
  readonly accepts: ((message: Message) => boolean) | undefined
}

/** What somebody wants who joined by the p2p topic alone. */
export const everything: Wanted = { types: frameTypes, accepts: undefined }

/** One object for each set of types, so that it shows at a glance whether two want the same. */
const byTypes = new Map<string, Wanted>([[frameTypes.join(), everything]])

/** All that there is of these types. */
export function wantedTypes(types: readonly string[]): Wanted {
  const known = frameTypes.filter(type => types.includes(type))
  const wanted = byTypes.get(known.join()) ?? { types: known, accepts: undefined }
  byTypes.set(known.join(), wanted)
  return wanted
}

/** What these prefixes of `TYPE + " " + JSON` match (PROTOCOL "Frames on pub"). `''` is everything. */
export function wantedBy(prefixes: readonly string[]): Wanted {
  if (prefixes.includes('')) return everything
  const wholeTypes = frameTypes.filter(type => prefixes.some(prefix => `${type} `.startsWith(prefix)))
  const types = frameTypes.filter(type => {
    return wholeTypes.includes(type) || prefixes.some(prefix => prefix.startsWith(`${type} `))
  })
  if (types.length === wholeTypes.length) return wantedTypes(types)
  return { types, accepts: ({ frame }) => prefixes.some(each => frame.toString('latin1', 0, each.length) === each) }
}

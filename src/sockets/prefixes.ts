import type { FrameType } from '../protocol/message.ts'

/** What a frame has behind its topic before its JSON (PROTOCOL "Frames on pub"). */
const heads: Readonly<Record<FrameType, string>> = {
  indicator: 'indicator ',
  sighting: 'sighting ',
  snapshotrequest: 'snapshotrequest ',
}

/** All that those begin with, each in memory once, however many subscribe to it. */
const beginnings: ReadonlyMap<string, string> = new Map(
  Object.values(heads)
    .flatMap(head => Array.from({ length: head.length + 1 }, (_, length) => head.slice(0, length)))
    .map(beginning => [beginning, beginning]),
)

/** What a prefix that goes on behind a type counts beside its bytes. */
const ownPrefixBytes = 64

/** A prefix, as it is kept. */
export interface KeptPrefix {
  readonly prefix: string
  /** Memory that it takes for itself. */
  readonly bytes: number
}

/** What is kept of a prefix, which stands behind a p2p topic; undefined: no frame begins so. */
export function keptPrefix(prefix: string): KeptPrefix | undefined {
  const shared = beginnings.get(prefix)
  if (shared !== undefined) return { prefix: shared, bytes: 0 }
  if (!Object.values(heads).some(head => prefix.startsWith(head))) return undefined
  // Bytes of its own: a part of a text holds on to all of it.
  return { prefix: Buffer.from(prefix, 'latin1').toString('latin1'), bytes: ownPrefixBytes + prefix.length }
}

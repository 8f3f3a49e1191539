import { Segment } from './segment.ts'

/** A segment without a name yet, which has so many messages anew. */
export interface Rescued {
  readonly segment: Segment
  readonly messages: number
}

/**
 * Writes anew, to a segment of its own, what a segment has and what may not be on disk, and puts it there. For when syncing
 * failed: the system may have let go of the bytes that it could not write, and then a second sync succeeds without them.
 *
 * What it reads back is what the system still has, which is checked; the rest can't be rescued. Undefined if nothing can.
 * Rejects if the disk fails still; the segment stays as it is then.
 */
export async function rescueTail(from: Segment, pathOf: (first: number) => string): Promise<Rescued | undefined> {
  let segment: Segment | undefined
  let messages = 0
  try {
    for await (const { header, bytes, at } of from.records(from.syncedSize)) {
      segment ??= await Segment.create(pathOf(header.first), header.first)
      await segment.append([bytes.subarray(at, at + header.bytes)])
      messages += header.count
    }
    await segment?.sync()
  } catch (error) {
    await segment?.discard()
    throw error
  }
  return segment && { segment, messages }
}

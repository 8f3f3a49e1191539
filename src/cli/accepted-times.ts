import { randomUUID } from 'node:crypto'
import type { InputItem } from './stix-input.ts'

/*
 * An export with times says when what follows was accepted: by an object of a type of its own (STIX "Custom Object Types"),
 * which everybody else passes over.
 */
const markType = 'x-threatbus-accepted'

/** Says that what follows was accepted at this time, in milliseconds since the epoch: a STIX object, on one line. */
export function acceptedMark(acceptedMs: number): string {
  const time = new Date(acceptedMs).toISOString()
  const id = `${markType}--${randomUUID()}`
  return JSON.stringify({ type: markType, spec_version: '2.1', id, created: time, modified: time })
}

/** When what follows this was accepted, in milliseconds since the epoch, NaN if that can't be read; undefined if it doesn't say. */
export function acceptedMsIn(item: InputItem): number | undefined {
  if (item.kind !== 'object' || item.object.type !== markType) return undefined
  return Date.parse(String(item.object.created))
}

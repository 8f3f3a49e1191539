import { isJsonObject } from './json.ts'
import { type Message, messageOf } from './message.ts'
import { type Refusal, refuse } from './refusal.ts'
import type { MessageType } from './topics.ts'

const secondsPerDay = 86_400

/** `snapshot_type` on the wire (PROTOCOL "Snapshots"). */
const snapshotTypeNumbers: Readonly<Record<MessageType, number>> = { indicator: 1, sighting: 2 }

/**
 * The message that asks applications for what they know of `type` from the last `days` days. It goes to every subscriber
 * but the requester (PROTOCOL "Snapshots").
 */
export function snapshotRequest(snapshotId: string, type: MessageType, days: number, requester: string): Message {
  return messageOf(
    'snapshotrequest',
    JSON.stringify({
      type: 'snapshotrequest',
      snapshot_type: snapshotTypeNumbers[type],
      snapshot_id: snapshotId,
      snapshot: days * secondsPerDay,
    }),
    { audience: { except: requester } },
  )
}

/** What an envelope says about its body; the body itself is cut out of the text. */
export interface Envelope {
  readonly snapshotId: string
  readonly body: Readonly<Record<string, unknown>>
}

/**
 * Reads a parsed snapshot envelope. `snapshot_type` must be 1 or 2, as a number or numeric text; that it disagrees with
 * the body harms nothing (PROTOCOL "Envelopes").
 */
export function readEnvelope(value: unknown): Envelope | Refusal {
  if (!isJsonObject(value)) return refuse('not_an_object')
  if (value.type !== 'snapshotenvelope') return refuse('malformed_envelope', 'type must be "snapshotenvelope"')
  const type = Number(
    typeof value.snapshot_type === 'string' ? value.snapshot_type.trim() || Number.NaN : value.snapshot_type,
  )
  if (type !== 1 && type !== 2) return refuse('malformed_envelope', 'snapshot_type must be 1 or 2')
  if (typeof value.snapshot_id !== 'string') return refuse('malformed_envelope', 'snapshot_id must be a string')
  if (!isJsonObject(value.body)) return refuse('malformed_envelope', 'body must be an object')
  return { snapshotId: value.snapshot_id, body: value.body }
}

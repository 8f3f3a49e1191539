import { isJsonObject, parseJson } from '../protocol/json.ts'
import type { IndicatorDraft, SightingDraft } from '../protocol/stix/types.ts'
import type { MessageType } from '../protocol/topics.ts'
import { InvalidMessageError } from './errors.ts'

/**
 * What can be published: an object, or the JSON text of one, which then travels byte for byte. `Custom` are the custom
 * properties that an object may have.
 */
export type Publishable<Custom extends object = object> = IndicatorDraft<Custom> | SightingDraft<Custom> | string

/** A message ready for the wire. */
export interface ReadyMessage {
  readonly type: MessageType
  readonly text: string
}

/**
 * Makes text of what is to be published. Throws `InvalidMessageError` if it is no indicator or sighting, or larger than
 * `maxBytes`. Everything else is for the bus to judge, whose validation may be lenient, strict or off.
 */
export function readyMessage(message: Publishable, maxBytes: number): ReadyMessage {
  const object: unknown = typeof message === 'string' ? parseJson(message) : message
  if (!isJsonObject(object)) throw new InvalidMessageError('what is to be published is not a JSON object')
  const { type } = object
  if (type !== 'indicator' && type !== 'sighting') {
    throw new InvalidMessageError('what is to be published is neither an indicator nor a sighting')
  }
  const text = typeof message === 'string' ? message : JSON.stringify(message)
  if (Buffer.byteLength(text) > maxBytes) {
    throw new InvalidMessageError(`the ${type} is larger than ${maxBytes} bytes`)
  }
  return { type, text }
}

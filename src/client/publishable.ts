import { isJsonObject, parseJson } from '../protocol/json.ts'
import type { IndicatorDraft, SightingDraft } from '../protocol/stix/types.ts'
import { isStix20, upgradeText } from '../protocol/stix/upgrade.ts'
import type { MessageType } from '../protocol/topics.ts'
import { InvalidMessageError } from './errors.ts'
import type { BusEvent } from './events.ts'
import type { Settings } from './options.ts'

/**
 * What can be published: an object, or the JSON text of one, which then travels byte for byte if it is STIX 2.1. `Custom` are
 * the custom properties that an object may have.
 */
export type Publishable<Custom extends object = object> = IndicatorDraft<Custom> | SightingDraft<Custom> | string

/** A message ready for the wire. */
export interface ReadyMessage {
  readonly type: MessageType
  readonly text: string
}

/**
 * Makes text of what is to be published. Throws `InvalidMessageError` if it is no indicator or sighting, or larger than
 * `maxMessageBytes`. What is upgraded from STIX 2.0 is told. Everything else is for the bus to judge, whose validation may be lenient, strict or off.
 */
export function readyMessage(
  message: Publishable,
  { maxMessageBytes, upgradeStix20 }: Settings,
  tell: (event: BusEvent) => void,
): ReadyMessage {
  const object: unknown = typeof message === 'string' ? parseJson(message) : message
  if (!isJsonObject(object)) throw new InvalidMessageError('what is to be published is not a JSON object')
  const { type } = object
  if (type !== 'indicator' && type !== 'sighting') {
    throw new InvalidMessageError('what is to be published is neither an indicator nor a sighting')
  }
  const given = typeof message === 'string' ? message : JSON.stringify(message)
  const isUpgraded = upgradeStix20 && isStix20(object)
  const text = isUpgraded ? upgradeText(given, JSON.parse(given)) : given
  if (Buffer.byteLength(text) > maxMessageBytes) {
    throw new InvalidMessageError(`the ${type} is larger than ${maxMessageBytes} bytes`)
  }
  if (isUpgraded) tell({ event: 'stix20_upgraded', type, id: typeof object.id === 'string' ? object.id : undefined })
  return { type, text }
}

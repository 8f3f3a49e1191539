import { parseJson } from './json.ts'
import { type Message, messageOf, type ObjectVersion } from './message.ts'
import { type Refusal, refuse } from './refusal.ts'
import { checkObject, type ValidationMode } from './stix/check.ts'
import { completeText } from './stix/complete.ts'
import { has, isObject, type JsonObject } from './stix/kind.ts'
import type { MessageType } from './topics.ts'

/**
 * Makes a message of a body, or says why it is refused (PROTOCOL "What is a valid message"). A body that lacks nothing
 * keeps its bytes. Its own type decides what it is, not the topic it came under (PROTOCOL "Frames on sub").
 *
 * `bytes` is the body's size as UTF-8, if it is known already. The body must not nest deeper than a parser can bear.
 */
export function decodeBody(body: string, mode: ValidationMode, bytes?: number): Message<MessageType> | Refusal {
  const object = parseJson(body)
  if (object === undefined) return refuse('not_json')
  // When its validity begins now, that is the same moment for the check and for what is filled in.
  const now = isObject(object) && has(object, 'valid_from') ? undefined : new Date()
  const checked = checkObject(object, mode, now)
  if ('refused' in checked) return checked
  const accepted = object as JsonObject
  if (checked.missing.length === 0) {
    return messageOf(checked.type, body, { bytes, object: versionOf(accepted) })
  }
  const completed = completeText(body, accepted, checked.missing, now ?? new Date())
  return messageOf(checked.type, completed.text, { object: versionOf(completed.object) })
}

/** Which version of which object this is, and whether it says that the object is no more (PROTOCOL "Snapshots"). */
export function versionOf(object: JsonObject): ObjectVersion {
  const { id, modified, revoked, x_threatbus_update: update } = object
  return {
    id: typeof id === 'string' ? id : '',
    modified: typeof modified === 'string' ? modified : '',
    removed: revoked === true || update === 'REMOVE',
  }
}

import { parseJson } from './json.ts'
import { framed, type Message, messageOf, type ObjectVersion } from './message.ts'
import { type Refusal, refuse } from './refusal.ts'
import { checkObject, type ValidationMode } from './stix/check.ts'
import { completeText } from './stix/complete.ts'
import { has, isObject, type JsonObject } from './stix/kind.ts'
import { isTimestamp } from './stix/timestamp.ts'
import { isStix20, type Stix20, stix20Advice, upgradeText } from './stix/upgrade.ts'
import type { MessageType } from './topics.ts'

/** What a message must be. */
export interface MessageRules {
  readonly validation: ValidationMode
  /** What becomes of STIX 2.0, where it would be refused; not said: it is. */
  readonly stix20?: Stix20 | undefined
  /** Hears of each message that was upgraded from STIX 2.0, and is none of a publish request. */
  readonly upgraded?: () => void
  /** Values that its body may have, with the names of their members. */
  readonly maxValues: number
}

/** A frame as it came on `sub`: its bytes are a topic, a space, and a body. */
export interface ReceivedFrame {
  readonly frame: Buffer
  /** It is ASCII: its length is that of its bytes. */
  readonly topic: string
}

/** What a body must be that has no more of anything than a parser can bear. */
export type BodyRules = Omit<MessageRules, 'maxValues'>

/**
 * Makes a message of a body, or says why it is refused (PROTOCOL "What is a valid message"). A body that lacks nothing
 * keeps its bytes, but for STIX 2.0 that is upgraded. Its own type decides what it is, not the topic it came under (PROTOCOL "Frames on sub").
 *
 * The body must have no more of anything than a parser can bear.
 *
 * @param received what the body came in, if there is such a frame
 */
export function decodeBody(body: string, rules: BodyRules, received?: ReceivedFrame): Message<MessageType> | Refusal {
  const object = parseJson(body)
  if (object === undefined) return refuse('not_json')
  // When its validity begins now, that is the same moment for the check and for what is filled in.
  const now = isObject(object) && has(object, 'valid_from') ? undefined : new Date()
  const checked = checkObject(object, rules.validation, now)
  if ('refused' in checked) return upgradedBody(body, object, checked, rules)
  const accepted = object as JsonObject
  if (checked.missing.length === 0) {
    const traits = { object: versionOf(accepted) }
    if (!received?.topic.endsWith(checked.type)) return messageOf(checked.type, body, traits)
    // Only the beginning of the topic is not sent on: `stix2/indicator {…}` comes, and `indicator {…}` goes.
    const { frame, topic } = received
    return framed(checked.type, frame.subarray(topic.length - checked.type.length), traits)
  }
  const completed = completeText(body, accepted, checked.missing, now ?? new Date())
  return messageOf(checked.type, completed.text, { object: versionOf(completed.object) })
}

/**
 * Makes a message of a body that was refused, if it was because it is STIX 2.0, and that is to be upgraded. Else it stays
 * refused: with the check's word on the body as it came, or on what was made of it.
 */
export function upgradedBody(
  body: string,
  object: unknown,
  refusal: Refusal,
  { validation, stix20, upgraded }: BodyRules,
): Message<MessageType> | Refusal {
  if (refusal.refused !== 'unsupported_spec_version' || !isStix20(object)) return refusal
  if (stix20 !== 'upgrade') return refuse(refusal.refused, `${refusal.detail}; ${stix20Advice}`)
  const message = decodeBody(upgradeText(body, object), { validation })
  if ('refused' in message) return refuse(message.refused, `upgraded from STIX 2.0: ${message.detail}`)
  upgraded?.()
  return message
}

/** Longest id that is remembered, in characters: no valid one is longer, but `validation: off` doesn't look at it. */
const longestId = 1024
/** Longest time that is remembered whole, in characters. Of a longer one the last digits are forgotten. */
const longestTime = 64

/** A time as it is remembered; empty for what is too long to be remembered and none. */
function remembered(time: string): string {
  if (time.length <= longestTime) return time
  return isTimestamp(time) ? `${time.slice(0, longestTime - 1)}Z` : ''
}

/** Which version of which object this is, and whether it says that the object is no more (PROTOCOL "Snapshots"). */
export function versionOf(object: JsonObject): ObjectVersion {
  const { id, modified, revoked, x_threatbus_update: update } = object
  return {
    id: typeof id === 'string' && id.length <= longestId ? id : '',
    modified: typeof modified === 'string' ? remembered(modified) : '',
    removed: revoked === true || update === 'REMOVE',
  }
}

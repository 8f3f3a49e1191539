import { decodeBody, type MessageRules, upgradedBody, versionOf } from './body.ts'
import { decodeUtf8, excessOf, parseJson } from './json.ts'
import { memberText } from './json-scanner.ts'
import { type Message, messageOf } from './message.ts'
import { type Refusal, refuse } from './refusal.ts'
import { readEnvelope } from './snapshots.ts'
import { checkObject } from './stix/check.ts'
import type { MessageType } from './topics.ts'

/** The prefixes to which the broker's `sub` endpoint subscribes (PROTOCOL "Frames on sub"). */
export const subscribedPrefixes = ['stix2/', 'threatbus/snapshotenvelope'] as const

const envelopeTopic = 'threatbus/snapshotenvelope'
const space = 0x20

/** An application's answer to a snapshot request: a message for one subscriber alone. */
export interface EnvelopedMessage {
  readonly snapshotId: string
  readonly message: Message<MessageType>
}

/**
 * Decodes what arrived on `sub` (PROTOCOL "Frames on sub"): a message for everyone who wants its type, an enveloped
 * message, or the reason why it is refused. A message that lacks nothing keeps its bytes.
 */
export function decodeFrame(
  parts: readonly Buffer[],
  rules: MessageRules,
): Message<MessageType> | EnvelopedMessage | Refusal {
  const [frame] = parts
  if (frame === undefined || parts.length > 1) return refuse('multipart')
  const separator = frame.indexOf(space)
  if (separator < 0) return refuse('no_separator')
  const text = decodeUtf8(frame)
  if (text === undefined) return refuse('invalid_utf8')
  const topic = text.slice(0, text.indexOf(' '))
  const body = text.slice(topic.length + 1)
  const excess = excessOf(body, rules.maxValues)
  if (excess !== undefined) return refuse(excess)
  if (topic === envelopeTopic) return decodeEnvelope(body, rules)
  if (!topic.startsWith('stix2/')) return refuse('unknown_topic')

  return decodeBody(body, rules, topic.length === separator ? { frame, topic } : undefined)
}

function decodeEnvelope(text: string, rules: MessageRules): EnvelopedMessage | Refusal {
  const value = parseJson(text)
  if (value === undefined) return refuse('not_json')
  const envelope = readEnvelope(value)
  if ('refused' in envelope) return envelope
  const { snapshotId } = envelope
  // readEnvelope has seen a body, so there is one to cut out.
  const body = memberText(text, 'body') ?? ''
  const checked = checkObject(envelope.body, rules.validation)
  if ('refused' in checked) {
    const message = upgradedBody(body, envelope.body, checked, rules)
    return 'refused' in message ? message : { snapshotId, message }
  }
  return {
    snapshotId,
    message: messageOf(checked.type, body, { object: versionOf(envelope.body) }),
  }
}

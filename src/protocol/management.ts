import { decodeBody, type MessageRules } from './body.ts'
import { decodeUtf8, type Excess, excessOf, parseJson } from './json.ts'
import { BrokenJson, type Slice, scanMembers, scanValue } from './json-scanner.ts'
import type { Message } from './message.ts'
import { type Refusal, refuse } from './refusal.ts'
import { isTimestamp } from './stix/timestamp.ts'
import type { MessageType } from './topics.ts'

/** Longest snapshot that may be asked for, in days (PROTOCOL "Snapshot days"). */
export const maxSnapshotDays = 36_500

/**
 * Where in the history a subscription begins: behind the message of this sequence number, or with what was accepted at this time or
 * later, in milliseconds since the epoch.
 */
export type Since = { readonly sequence: number } | { readonly ms: number }

/** A request that can be carried out: what one of the {@link readers} answers. */
export type ManagementRequest = Exclude<ReturnType<(typeof readers)[RequestAction]>, ManagementReply>

/** What a request asks for. */
export type RequestAction = keyof typeof readers

/** A reply, always with a `status` (PROTOCOL "Management"); error and unknown replies say why in one plain sentence. */
export type ManagementReply =
  | { readonly status: 'success' }
  | {
      readonly topic: string
      readonly pub_port: string | number
      readonly sub_port: string | number
      readonly pub_endpoint?: string
      readonly sub_endpoint?: string
      /** Its messages say their numbers: only where that was asked for. */
      readonly numbered?: true
      /** Sequence number of the first message that it may get: only where that is asked for by `since` or `numbered`. */
      readonly from?: number
      readonly status: 'success'
    }
  /** What was published is on disk; the number is that of its last message. */
  | { readonly status: 'success'; readonly sequence: number }
  /** `index`: which of the messages is at fault. `history`: false where there is none, and never will be. */
  | {
      readonly status: 'error' | 'unknown request'
      readonly reason: string
      readonly index?: number
      readonly history?: false
    }

/** The reply `{"status":"success"}`. */
export const success: ManagementReply = { status: 'success' }

/** The reply to what was published with a receipt: the sequence number of its last message. */
export function receipt(sequence: number): ManagementReply {
  return { status: 'success', sequence }
}

/** The reply to who subscribes to what was before, or to numbers that last, where nothing is kept. */
export const nothingKeptReply: ManagementReply = {
  status: 'error',
  reason: 'this broker keeps no history, so nothing has a number that lasts: subscribe without numbered and since',
  history: false,
}

/** The reply to what can't be published with a receipt because nothing is kept. */
export const noHistoryReply: ManagementReply = {
  status: 'error',
  reason: 'this broker keeps no history, so there is no receipt: publish on sub',
  history: false,
}

/** An error reply with its reason. */
export function errorReply(reason: string): ManagementReply {
  return { status: 'error', reason }
}

/**
 * The reply to a successful subscribe request. Ports are strings; `reply_ports: number` gives integers to clients that
 * insist (PROTOCOL "Ports").
 */
export function subscribeReply(
  topic: string,
  ports: { readonly pub: number; readonly sub: number },
  settings: { readonly reply_ports: 'string' | 'number'; readonly advertise?: string | undefined },
  granted: { readonly numbered?: true; readonly from?: number } = {},
): ManagementReply {
  const { advertise } = settings
  const written = (port: number) => (settings.reply_ports === 'number' ? port : String(port))
  return {
    topic,
    pub_port: written(ports.pub),
    sub_port: written(ports.sub),
    ...(advertise === undefined
      ? {}
      : { pub_endpoint: `${advertise}:${ports.pub}`, sub_endpoint: `${advertise}:${ports.sub}` }),
    ...granted,
    status: 'success',
  }
}

function unknownRequest(reason: string): ManagementReply {
  return { status: 'unknown request', reason }
}

/**
 * Splits what a client sent into the route back to it, which the reply begins with, and the parts of its request. What a REQ
 * socket sends begins with an empty frame, its route; a DEALER may put others before it, or leave it out.
 */
export function splitRoute(frames: readonly Buffer[]): { route: readonly Buffer[]; parts: readonly Buffer[] } {
  const end = frames.findIndex(frame => frame.length === 0) + 1
  return { route: frames.slice(0, end), parts: frames.slice(end) }
}

/** What a request may be, and each message that it publishes. */
export interface RequestLimits extends MessageRules {
  readonly maxTopics: number
  /** Messages of one publish request. */
  readonly maxMessages: number
  /** Hears of a request that was refused because it goes beyond. */
  readonly reached?: (limit: RequestLimit) => void
}

/** A limit that a request may go beyond, by its key in the configuration. */
export type RequestLimit = 'max_topics' | 'max_publish' | 'max_message_values'

/** All of a request has at most so many times the values that a message may have: its messages are built one by one. */
const messagesWorthOfValues = 10

/** What of a request means anything. */
const memberNames: ReadonlySet<string> = new Set([
  'action',
  'topic',
  'snapshot',
  'received',
  'message',
  'numbered',
  'since',
])

/** Decodes a request, or answers it right away: every request gets one reply, whatever it is made of. */
export function decodeRequest(parts: readonly Buffer[], limits: RequestLimits): ManagementRequest | ManagementReply {
  const [bytes] = parts
  if (parts.length > 1) return errorReply('a request has one part')
  if (bytes === undefined || bytes.length === 0) return errorReply('the request is empty')
  const text = decodeUtf8(bytes)
  if (text === undefined) return errorReply('the request is not valid UTF-8')
  const excess = excessOf(text, messagesWorthOfValues * limits.maxValues)
  if (excess !== undefined) return refuseExcess(excess, limits)
  const members = readMembers(text)
  if (members === undefined) return errorReply('the request is not JSON')
  if (members === 'no object') return errorReply('the request is not a JSON object')
  const message = members.get('message')
  const request: Record<string, unknown> = {}
  for (const [name, { start, end }] of members) {
    if (name === 'message') continue
    const value = text.slice(start, end)
    const excess = excessOf(value, limits.maxValues)
    if (excess !== undefined) return refuseExcess(excess, limits)
    request[name] = parseJson(value)
  }

  // A bad snapshot makes any action an error, and nothing is carried out (PROTOCOL "Snapshot days").
  const snapshotDays = 'snapshot' in request ? readSnapshotDays(request.snapshot) : 0
  if (snapshotDays === undefined) return errorReply(`snapshot must be a number of days from 0 to ${maxSnapshotDays}`)

  const { action, topic, received } = request
  if (!isAction(action)) return unknownRequest(`action must be ${actionsInWords}`)
  if (isUnusable(topic)) return unknownRequest('topic is missing or empty')
  if (received !== undefined && !isFrameCount(received))
    return errorReply('received must be a number of frames, 0 or more')
  return readers[action]({ ...request, text, message, topic, received, snapshotDays }, limits)
}

/** What a request says, as far as it was read whatever it asks for. */
interface Members {
  /** All of the request. */
  readonly text: string
  /** Where in it the messages are; undefined: there are none. */
  readonly message: Slice | undefined
  readonly topic: unknown
  readonly received: number | undefined
  readonly snapshotDays: number
  readonly numbered?: unknown
  readonly since?: unknown
}

/** Each action, and how what it asks for is read: refused, or all that it takes to carry it out. */
const readers = { subscribe, unsubscribe, heartbeat, publish }

/** Every action that there is. */
export const requestActions = Object.keys(readers) as readonly RequestAction[]

const actionsInWords = `${requestActions.slice(0, -1).join(', ')} or ${requestActions.at(-1)}`

function isAction(action: unknown): action is RequestAction {
  return typeof action === 'string' && Object.hasOwn(readers, action)
}

/** What an application wants to hear. */
interface Subscribe {
  readonly action: 'subscribe'
  readonly topics: readonly string[]
  readonly snapshotDays: number
  /** Will its heartbeats say how many frames it received? */
  readonly confirms: boolean
  /** Does every message say its number and when it was accepted? */
  readonly numbered?: true
  /** It begins with what is in the history from there on. */
  readonly since?: Since
}

function subscribe(members: Members, limits: RequestLimits): Subscribe | ManagementReply {
  const { topic, numbered = false, snapshotDays, received } = members
  const topics = readTopics(topic)
  if (topics === undefined) return errorReply('topic must be a string or a list of non-empty strings')
  if (topics.length > limits.maxTopics) {
    limits.reached?.('max_topics')
    return errorReply(`a subscription has at most ${limits.maxTopics} topics`)
  }
  if (typeof numbered !== 'boolean') return errorReply('numbered must be true or false')
  const since = 'since' in members ? readSince(members.since) : undefined
  if (since === 'none') {
    return errorReply('since must be a sequence number, 0 or more, or a time in UTC such as 2024-01-26T21:28:21Z')
  }
  if (since !== undefined && snapshotDays > 0) return errorReply('a subscription has a snapshot, or since, not both')
  const asked = { ...(numbered && { numbered }), ...(since !== undefined && { since }) }
  return { action: 'subscribe', topics, snapshotDays, confirms: received !== undefined, ...asked }
}

/** A subscription is not wanted any more. */
interface Unsubscribe {
  readonly action: 'unsubscribe'
  /** The p2p topic. */
  readonly topic: string
}

function unsubscribe({ topic }: Members): Unsubscribe | ManagementReply {
  return typeof topic === 'string' ? { action: 'unsubscribe', topic } : noP2pTopicReply
}

/** A subscriber is there. */
interface Heartbeat {
  readonly action: 'heartbeat'
  /** The p2p topic. */
  readonly topic: string
  /** Frames since the subscribe reply; undefined if it does not say. */
  readonly received: number | undefined
}

function heartbeat({ topic, received }: Members): Heartbeat | ManagementReply {
  return typeof topic === 'string' ? { action: 'heartbeat', topic, received } : noP2pTopicReply
}

const noP2pTopicReply = errorReply('topic must be the p2p topic of a subscription')

function readSince(value: unknown): Since | 'none' {
  if (isFrameCount(value)) return { sequence: value }
  return isTimestamp(value) ? { ms: Date.parse(value.toUpperCase()) } : 'none'
}

function isFrameCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

/** Where a request's members are, of those that mean anything; undefined if it is not JSON. */
function readMembers(text: string): ReadonlyMap<string, Slice> | 'no object' | undefined {
  try {
    return scanMembers(text, memberNames) ?? 'no object'
  } catch (error) {
    if (error instanceof BrokenJson) return undefined
    throw error
  }
}

function refuseExcess(excess: Excess, { reached }: RequestLimits): ManagementReply {
  if (excess === 'nested_too_deep') return errorReply('the request is nested too deep')
  reached?.('max_message_values')
  return errorReply('the request has too many values')
}

/** Messages, one or a list of them, of which the sender wants to know that they are on disk. */
interface Publish {
  readonly action: 'publish'
  readonly messages: readonly Message<MessageType>[]
  /** So many of the messages were STIX 2.0. */
  readonly upgraded: number
}

/** The messages are read byte for byte: all of them, or none. */
function publish({ text, message: messages, topic }: Members, limits: RequestLimits): Publish | ManagementReply {
  if (typeof topic !== 'string' || !topic.startsWith('stix2/')) return errorReply('topic must begin with stix2/')
  if (messages === undefined) return errorReply('message is missing')
  const bodies = elementsOf(text, messages)
  if (bodies.length === 0) return errorReply('message is an empty list')
  if (bodies.length > limits.maxMessages) {
    limits.reached?.('max_publish')
    return errorReply(`a request publishes at most ${limits.maxMessages} messages`)
  }
  const read: Message<MessageType>[] = []
  let upgraded = 0
  const rules = { ...limits, upgraded: () => void upgraded++ }
  for (const [index, { start, end }] of bodies.entries()) {
    const message = readMessage(text.slice(start, end), rules)
    if ('refused' in message) {
      return { status: 'error', reason: `message ${index} was refused (${message.refused}): ${message.detail}`, index }
    }
    read.push(message)
  }
  return { action: 'publish', messages: read, upgraded }
}

function readMessage(body: string, limits: RequestLimits): Message<MessageType> | Refusal {
  const { maxValues, reached } = limits
  const excess = excessOf(body, maxValues)
  if (excess === undefined) return decodeBody(body, limits)
  if (excess === 'too_many_values') reached?.('max_message_values')
  return refuse(excess)
}

/** Where the elements of a list are, or the value itself if it is no list. */
function elementsOf(text: string, slice: Slice): readonly Slice[] {
  const value = scanValue(text, slice.start)
  return value.kind === 'array' ? value.elements : [slice]
}

/** What the original's language takes for false: such a topic makes an unknown request (PROTOCOL "Management"). */
function isUnusable(topic: unknown): boolean {
  if (!topic) return true
  if (typeof topic !== 'object') return false
  return Array.isArray(topic) ? topic.length === 0 : Object.keys(topic).length === 0
}

function readTopics(topic: unknown): readonly string[] | undefined {
  const topics: readonly unknown[] = Array.isArray(topic) ? topic : [topic]
  return topics.every((each): each is string => typeof each === 'string' && each !== '') ? topics : undefined
}

/**
 * Days of a snapshot as the original reads them: integers, integral strings with blanks or a sign, fractions truncated
 * toward zero, `true` and `false`; undefined for everything else (PROTOCOL "Snapshot days").
 */
function readSnapshotDays(value: unknown): number | undefined {
  let days: number
  if (typeof value === 'number') days = Math.trunc(value)
  else if (typeof value === 'boolean') days = value ? 1 : 0
  else if (typeof value === 'string' && /^[+-]?\d{1,15}$/.test(value.trim())) days = Number(value)
  else return undefined
  return days >= 0 && days <= maxSnapshotDays ? Math.abs(days) : undefined
}

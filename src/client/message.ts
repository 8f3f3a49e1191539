import { isJsonObject, parseJson } from '../protocol/json.ts'
import type { Indicator, Sighting } from '../protocol/stix/types.ts'
import type { MessageType } from '../protocol/topics.ts'
import type { Parts } from '../sockets/client/feed.ts'
import { InvalidMessageError } from './errors.ts'
import type { IgnoredFrame } from './events.ts'

/** A message as it was received. */
interface MessageOf<Type extends MessageType, StixObject> {
  readonly type: Type
  /** The JSON text, exactly as it came. */
  readonly text: string
  /** The object, parsed when it is first asked for. Throws `InvalidMessageError` if the text is not JSON. */
  readonly object: StixObject
  /** Its number in the bus's log; undefined if the bus did not tell. */
  readonly sequence: number | undefined
  /** When the bus accepted it; undefined if the bus did not tell. */
  readonly acceptedAt: Date | undefined
}

/**
 * A message from the bus. Its `type` says what kind of object it holds. `Custom` are the custom properties that an object may
 * have.
 */
export type BusMessage<Type extends MessageType = MessageType, Custom extends object = object> = {
  indicator: MessageOf<'indicator', Indicator<Custom>>
  sighting: MessageOf<'sighting', Sighting<Custom>>
}[Type]

/** The types of the messages that a topic matches: it is a prefix of what it matches. All, where the topic is not known. */
export type MessageTypeOf<Topic extends string> = string extends Topic
  ? MessageType
  : Topic extends unknown
    ? { [Type in MessageType]: `stix2/${Type}` extends `${Topic}${string}` ? Type : never }[MessageType]
    : never

/** What a bus tells of a message beside what that says. */
interface MessageNumber {
  readonly sequence?: number
  /** In milliseconds since the epoch. */
  readonly accepted?: number
}

const noNumber: MessageNumber = {}

/** Reads the second part of a message; undefined if it is something else. */
function readNumber(part: Buffer): MessageNumber | undefined {
  const number = parseJson(part.toString())
  const isNumber =
    isJsonObject(number) && Number.isSafeInteger(number.sequence) && Number.isSafeInteger(number.accepted)
  return isNumber ? (number as MessageNumber) : undefined
}

/** A message that parses its text on demand. */
class UnparsedMessage {
  readonly type: MessageType
  readonly text: string
  readonly sequence: number | undefined
  readonly #acceptedMs: number | undefined
  #object: object | undefined

  constructor(type: MessageType, text: string, { sequence, accepted }: MessageNumber) {
    this.type = type
    this.text = text
    this.sequence = sequence
    this.#acceptedMs = accepted
  }

  get acceptedAt(): Date | undefined {
    return this.#acceptedMs === undefined ? undefined : new Date(this.#acceptedMs)
  }

  get object(): object {
    this.#object ??= this.#parse()
    return this.#object
  }

  #parse(): object {
    const object = parseJson(this.text)
    if (isJsonObject(object)) return object
    throw new InvalidMessageError('the message is not a JSON object')
  }
}

/** A bus's question for what an application knows, for a snapshot that another one asked for. */
export interface SnapshotRequest {
  readonly snapshotId: string
  /** The type of the objects asked for. */
  readonly type: MessageType
  /** How far back, in milliseconds before now. */
  readonly spanMs: number
  /** Nothing older than this is asked for. */
  readonly since: Date
}

/** What a frame from the bus holds. */
export type Frame =
  | { readonly kind: 'message'; readonly message: BusMessage }
  | { readonly kind: 'snapshot_request'; readonly request: SnapshotRequest }
  | { readonly kind: 'ignored'; readonly reason: IgnoredFrame }

const space = 0x20

/**
 * Decodes a frame `P2P + TYPE + " " + JSON` (PROTOCOL "Frames on pub"), of which the p2p topic is so many bytes long, and the
 * number that may come behind it.
 */
export function readFrame(parts: Parts, topicBytes: number): Frame {
  const [frame, second] = parts
  const number = second === undefined ? noNumber : readNumber(second)
  if (frame === undefined || number === undefined || parts.length > 2) return { kind: 'ignored', reason: 'multipart' }
  const separator = frame.indexOf(space, topicBytes)
  if (separator < 0) return { kind: 'ignored', reason: 'no_separator' }
  const type = frame.toString('latin1', topicBytes, separator)
  const text = frame.toString('utf8', separator + 1)
  if (type === 'indicator' || type === 'sighting') {
    // What the text says of itself is the bus's business: it has checked the object against this type.
    return { kind: 'message', message: new UnparsedMessage(type, text, number) as BusMessage }
  }
  if (type === 'snapshotrequest') return readSnapshotRequest(text)
  return { kind: 'ignored', reason: 'unknown_type' }
}

/** `snapshot_type` on the wire (PROTOCOL "Snapshots"). */
const typesByNumber = new Map<unknown, MessageType>([
  [1, 'indicator'],
  [2, 'sighting'],
])

function readSnapshotRequest(text: string): Frame {
  const request = parseJson(text)
  const type = isJsonObject(request) ? typesByNumber.get(request.snapshot_type) : undefined
  if (!isJsonObject(request) || type === undefined || typeof request.snapshot_id !== 'string') {
    return { kind: 'ignored', reason: 'malformed_snapshot_request' }
  }
  const spanMs = Number(request.snapshot) * 1000
  if (!(spanMs > 0)) return { kind: 'ignored', reason: 'malformed_snapshot_request' }
  const snapshotId = request.snapshot_id
  return {
    kind: 'snapshot_request',
    request: { snapshotId, type, spanMs, since: new Date(Math.max(0, Date.now() - spanMs)) },
  }
}

/** The envelope that carries an object's text to the one who asked for it, as it stands (PROTOCOL "Snapshots"). */
export function envelope({ snapshotId, type }: SnapshotRequest, text: string): string {
  const number = type === 'indicator' ? 1 : 2
  return `{"type":"snapshotenvelope","snapshot_type":${number},"snapshot_id":${JSON.stringify(snapshotId)},"body":${text}}`
}

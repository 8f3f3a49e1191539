import type { MessageType } from './topics.ts'

/** The TYPE of a frame on `pub` (PROTOCOL "Frames on pub"). */
export type FrameType = MessageType | 'snapshotrequest'

/** Whom a message is for, by p2p topic, when it is not simply for everyone whose topics cover its type. */
export type Audience =
  /** One subscriber alone, whatever its topics: an application's answer to its snapshot request. */
  | { readonly only: string }
  /** Every subscriber but one, whatever their topics: a snapshot request, which never goes to the requester. */
  | { readonly except: string }

/** Which version of which STIX object a message brings: what snapshots are put together by. */
export interface ObjectVersion {
  /** The properties `id` and `modified` as they were written; empty where there is none, or an endless one (`validation: off`). */
  readonly id: string
  readonly modified: string
  /** Does it say that the object is no more: `revoked: true`, or `x_threatbus_update: "REMOVE"`? */
  readonly removed: boolean
}

/**
 * A message on its way to subscribers, shared by all of them: everything a frame on `pub` holds but the p2p topic.
 */
export interface Message<Type extends FrameType = FrameType> {
  readonly type: Type
  /** `TYPE + " " + JSON` in UTF-8; a frame is the p2p topic and this. */
  readonly frame: Buffer
  /** Undefined: everyone whose topics cover its type. */
  readonly audience: Audience | undefined
  /** Undefined if it is no part of snapshots: it is for one subscriber, or it was read back from the log. */
  readonly object: ObjectVersion | undefined
}

/** A message as it goes to who wants to know its number, and when it was accepted, in milliseconds since the epoch. */
export interface NumberedMessage extends Message {
  readonly sequence: number
  readonly acceptedMs: number
}

/** What a message may have beside its type and body. */
export interface MessageTraits {
  readonly audience?: Audience | undefined
  readonly object?: ObjectVersion | undefined
}

/** Makes a message of a JSON body. */
export function messageOf<Type extends FrameType>(type: Type, body: string, traits: MessageTraits = {}): Message<Type> {
  return framed(type, Buffer.from(`${type} ${body}`), traits)
}

/** Makes a message of the bytes that its frame has. */
export function framed<Type extends FrameType>(type: Type, frame: Buffer, traits: MessageTraits = {}): Message<Type> {
  return { type, frame, audience: traits.audience, object: traits.object }
}

/** The JSON of a message. */
export function bodyOf({ type, frame }: Message): string {
  return frame.toString('utf8', type.length + 1)
}

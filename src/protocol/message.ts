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
  /** The properties `id` and `modified` as they were written; empty where there is none (`validation: off`). */
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
  /** `TYPE + " " + JSON`; a frame is the p2p topic and this. */
  readonly frame: string
  /** Size of the frame without the p2p topic, as UTF-8. */
  readonly bytes: number
  /** Undefined: everyone whose topics cover its type. */
  readonly audience: Audience | undefined
  /** Undefined if it is no part of snapshots: it is for one subscriber, or it was read back from the log. */
  readonly object: ObjectVersion | undefined
  /** The frame as bytes, once it was sent to somebody: the sockets keep it here for the others. */
  encoded: Buffer | undefined
}

/** What a message may have beside its type and body. */
export interface MessageTraits {
  /** Size of the body as UTF-8, if it is known already. */
  readonly bytes?: number | undefined
  readonly audience?: Audience | undefined
  readonly object?: ObjectVersion | undefined
}

/** Makes a message of a JSON body. */
export function messageOf<Type extends FrameType>(type: Type, body: string, traits: MessageTraits = {}): Message<Type> {
  const bytes = type.length + 1 + (traits.bytes ?? Buffer.byteLength(body))
  return { type, frame: `${type} ${body}`, bytes, audience: traits.audience, object: traits.object, encoded: undefined }
}

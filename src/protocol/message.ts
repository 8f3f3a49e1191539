import type { MessageType } from './topics.ts'

/** The TYPE of a frame on `pub` (PROTOCOL "Frames on pub"). */
export type FrameType = MessageType | 'snapshotrequest'

/**
 * A message on its way to subscribers, shared by all of them: everything a frame on `pub` holds but the p2p topic.
 */
export interface Message<Type extends FrameType = FrameType> {
  readonly type: Type
  /** `TYPE + " " + JSON`; a frame is the p2p topic and this. */
  readonly frame: string
  /** Size of the frame without the p2p topic, as UTF-8. */
  readonly bytes: number
}

/** Makes a message of a JSON body. `bytes` is the size of the body as UTF-8, if it is known already. */
export function messageOf<Type extends FrameType>(
  type: Type,
  body: string,
  bytes = Buffer.byteLength(body),
): Message<Type> {
  return { type, frame: `${type} ${body}`, bytes: type.length + 1 + bytes }
}

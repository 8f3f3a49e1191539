import { ZmtpError } from './break-reason.ts'
import { UnfinishedFrame } from './unfinished-frame.ts'

/** One frame of a message, or a command (ZMTP 3.0 "Traffic", https://rfc.zeromq.org/spec/23). */
export interface Frame {
  /** A piece of what was read: whoever keeps it keeps all of that. Of a frame that is longer than what is kept, its beginning. */
  readonly body: Buffer
  /** Does another frame of the same message follow? */
  readonly more: boolean
  readonly isCommand: boolean
}

const flagMore = 0x01
const flagLong = 0x02
const flagCommand = 0x04

const shortHeaderBytes = 2
/** Bytes of the header of a long frame. */
export const longHeaderBytes = 9

const nothing: Buffer = Buffer.alloc(0)

/** The same bytes, which hold on to nothing else: neither to what was read with them, nor to memory that small buffers share. */
export function ownBytes(bytes: Buffer): Buffer {
  if (bytes.length === 0) return nothing
  if (bytes.length === bytes.buffer.byteLength) return bytes
  const own = Buffer.allocUnsafeSlow(bytes.length)
  own.set(bytes)
  return own
}

/** Takes frames out of a stream of bytes. */
export class FrameReader {
  #maxFrameBytes: number
  #keptBytes: number
  readonly #onFrame: (frame: Frame) => void
  /** The beginning of a header whose rest has not come yet. */
  #header = nothing
  #unfinished: UnfinishedFrame | undefined
  #isInMultipart = false
  #hasEnded = false

  /**
   * @param maxFrameBytes a longer frame is refused when its header has come
   * @param keptBytes of a longer frame only so much is kept, and handed over
   */
  constructor(maxFrameBytes: number, onFrame: (frame: Frame) => void, keptBytes = maxFrameBytes) {
    this.#maxFrameBytes = maxFrameBytes
    this.#keptBytes = keptBytes
    this.#onFrame = onFrame
  }

  /** Memory that the frame holds which has not come whole. 0: there is none. */
  get heldBytes(): number {
    return this.#unfinished?.heldBytes ?? this.#header.length
  }

  /** Has anything ended in what was {@link read} last: a message, or a command that is not in the midst of one? */
  get hasEnded(): boolean {
    return this.#hasEnded
  }

  /** From now on frames may be so long, and so much of them is kept. */
  allow(maxFrameBytes: number, keptBytes = maxFrameBytes): void {
    this.#maxFrameBytes = maxFrameBytes
    this.#keptBytes = keptBytes
  }

  /** Takes what has come, and hands over each frame that is complete. Throws a {@link ZmtpError} at a frame that is too long. */
  read(chunk: Buffer): void {
    let bytes = chunk
    let at = 0
    this.#hasEnded = false
    if (this.#unfinished !== undefined) at = this.#finish(this.#unfinished, chunk)
    else if (this.#header.length > 0) {
      bytes = Buffer.concat([this.#header, chunk])
      this.#header = nothing
    }
    while (at < bytes.length) {
      const flags = bytes[at] as number
      const headerBytes = (flags & flagLong) === 0 ? shortHeaderBytes : longHeaderBytes
      if (bytes.length - at < headerBytes) {
        this.#header = ownBytes(bytes.subarray(at))
        return
      }
      const length = bodyLength(bytes, at, headerBytes)
      if (length > this.#maxFrameBytes) {
        throw new ZmtpError('frame_too_long', `a frame of more than ${this.#maxFrameBytes} bytes`)
      }
      at += headerBytes
      if (bytes.length - at < length) {
        this.#unfinished = new UnfinishedFrame(flags, length, this.#keptBytes)
        this.#unfinished.take(bytes.subarray(at))
        return
      }
      this.#hand(flags, bytes.subarray(at, at + Math.min(length, this.#keptBytes)))
      at += length
    }
  }

  /** Nothing is read any more: what has not come whole is not held. */
  close(): void {
    this.#unfinished?.discard()
    this.#unfinished = undefined
    this.#header = nothing
  }

  /** Where in the chunk the unfinished frame ends. */
  #finish(frame: UnfinishedFrame, chunk: Buffer): number {
    const taken = frame.take(chunk)
    if (frame.isComplete) {
      this.#unfinished = undefined
      this.#hand(frame.flags, frame.takeBody())
    }
    return taken
  }

  #hand(flags: number, body: Buffer): void {
    const more = (flags & flagMore) !== 0
    const isCommand = (flags & flagCommand) !== 0
    if (!isCommand) this.#isInMultipart = more
    if (!this.#isInMultipart) this.#hasEnded = true
    this.#onFrame({ body, more, isCommand })
  }
}

function bodyLength(bytes: Buffer, at: number, headerBytes: number): number {
  if (headerBytes === shortHeaderBytes) return bytes[at + 1] as number
  // More than four bytes' worth is more than any bound.
  return bytes.readUInt32BE(at + 1) > 0 ? Number.POSITIVE_INFINITY : bytes.readUInt32BE(at + 5)
}

/** Bytes that a header takes for a body of so many bytes. */
export function headerBytesFor(bodyBytes: number): number {
  return bodyBytes < 256 ? shortHeaderBytes : longHeaderBytes
}

/** Writes the header of a message's frame, or of a command, into `target`; answers where the body begins. */
export function writeHeader(
  target: Buffer,
  at: number,
  bodyBytes: number,
  kind: 'last' | 'more' | 'command' = 'last',
): number {
  const flags = kind === 'more' ? flagMore : kind === 'command' ? flagCommand : 0
  if (bodyBytes < 256) {
    target[at] = flags
    target[at + 1] = bodyBytes
    return at + shortHeaderBytes
  }
  target[at] = flags | flagLong
  target.writeUInt32BE(0, at + 1)
  target.writeUInt32BE(bodyBytes, at + 5)
  return at + longHeaderBytes
}

/** The frames of a message. */
export function encodeFrames(bodies: readonly Uint8Array[]): Buffer {
  const length = bodies.reduce((sum, body) => sum + headerBytesFor(body.length) + body.length, 0)
  const bytes = Buffer.allocUnsafe(length)
  let at = 0
  for (const [index, body] of bodies.entries()) {
    at = writeHeader(bytes, at, body.length, index === bodies.length - 1 ? 'last' : 'more')
    bytes.set(body, at)
    at += body.length
  }
  return bytes
}

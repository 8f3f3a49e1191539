import { ZmtpError } from './break-reason.ts'
import { headerBytesFor, writeHeader } from './frame-reader.ts'

/** A command: its name, and what follows it. */
export interface Command {
  readonly name: string
  readonly body: Buffer
}

/** The frame of a command. */
export function commandFrame(name: string, body: Buffer): Buffer {
  const length = 1 + name.length + body.length
  const frame = Buffer.alloc(headerBytesFor(length) + length)
  const at = writeHeader(frame, 0, length, 'command')
  frame[at] = name.length
  frame.write(name, at + 1, 'latin1')
  body.copy(frame, at + 1 + name.length)
  return frame
}

/** Reads a command's frame. Throws a {@link ZmtpError} if it has no name. */
export function readCommand(frame: Buffer): Command {
  const nameBytes = frame[0] ?? 0
  if (nameBytes === 0 || nameBytes >= frame.length) throw new ZmtpError('malformed_command')
  return { name: frame.toString('latin1', 1, 1 + nameBytes), body: frame.subarray(1 + nameBytes) }
}

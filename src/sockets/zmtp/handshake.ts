import { ZmtpError } from './break-reason.ts'
import { headerBytesFor, writeHeader } from './frame-reader.ts'

// Greeting and commands of ZMTP 3.0 with the NULL mechanism (https://rfc.zeromq.org/spec/23). Later versions are
// compatible: a peer that knows more speaks as this one does.

/** Bytes of a greeting. */
export const greetingBytes = 64

/** Where a peer's greeting says which version it speaks, and by which mechanism it wants to be known. */
const signatureEnd = 9
const versionAt = 10
const mechanismAt = 12
const mechanismBytes = 20

/** The socket types there are, as far as the broker's endpoints talk to them. */
export type SocketType = 'PUB' | 'SUB' | 'XPUB' | 'XSUB' | 'REQ' | 'ROUTER' | 'DEALER'

/** What this side says first. */
export const greeting = Buffer.alloc(greetingBytes)
greeting[0] = 0xff
greeting[signatureEnd] = 0x7f
greeting[versionAt] = 3
greeting.write('NULL', mechanismAt)

/** May a greeting begin so? */
export function isSignature(bytes: Buffer): boolean {
  return bytes[0] === 0xff && (bytes.length <= signatureEnd || ((bytes[signatureEnd] as number) & 1) === 1)
}

/** Throws a {@link ZmtpError} unless the peer greets in ZMTP 3 with the NULL mechanism. */
export function checkGreeting(bytes: Buffer): void {
  if (!isSignature(bytes)) throw new ZmtpError('not_zmtp')
  const version = bytes[versionAt] as number
  if (version < 3) throw new ZmtpError('zmtp_version')
  const mechanism = bytes.toString('latin1', mechanismAt, mechanismAt + mechanismBytes).replace(/\0+$/, '')
  if (mechanism !== 'NULL') throw new ZmtpError('security_mechanism')
}

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

/** The command by which this side says what it is. */
export function readyFrame(socketType: SocketType): Buffer {
  return commandFrame('READY', property('Socket-Type', socketType))
}

function property(name: string, value: string): Buffer {
  const bytes = Buffer.alloc(1 + name.length + 4 + value.length)
  bytes[0] = name.length
  bytes.write(name, 1, 'latin1')
  bytes.writeUInt32BE(value.length, 1 + name.length)
  bytes.write(value, 5 + name.length, 'latin1')
  return bytes
}

/** The socket type that the body of a peer's READY names. Throws a {@link ZmtpError} if it names none. */
export function socketTypeIn(ready: Buffer): string {
  for (let at = 0; at < ready.length; ) {
    const nameEnd = at + 1 + (ready[at] as number)
    if (nameEnd + 4 > ready.length) break
    const valueEnd = nameEnd + 4 + ready.readUInt32BE(nameEnd)
    if (valueEnd > ready.length) break
    // Names are compared without regard to case.
    const name = ready.toString('latin1', at + 1, nameEnd).toLowerCase()
    if (name === 'socket-type') return ready.toString('latin1', nameEnd + 4, valueEnd)
    at = valueEnd
  }
  throw new ZmtpError('malformed_ready')
}

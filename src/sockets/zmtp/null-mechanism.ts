import { ZmtpError } from './break-reason.ts'
import { commandFrame, readCommand } from './command.ts'
import type { Handshake, Role, SocketType } from './version.ts'

// The NULL mechanism of ZMTP 3.0 (https://rfc.zeromq.org/spec/23 "The NULL Security Mechanism"): each side sends a READY.

/** Bytes of a peer's READY at most. */
const maxReadyBytes = 4096

/** The handshake of the NULL mechanism. */
export function nullMechanism({ socketType, talksTo }: Role): Handshake {
  return {
    frame: commandFrame('READY', property('Socket-Type', socketType)),
    maxFrameBytes: maxReadyBytes,
    take({ body: bytes, isCommand }): void {
      const { name, body } = isCommand ? readCommand(bytes) : { name: '', body: bytes }
      if (name !== 'READY') throw new ZmtpError('no_ready')
      const type = socketTypeIn(body)
      if (!talksTo.includes(type as SocketType)) throw new ZmtpError('socket_type')
    },
  }
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
function socketTypeIn(ready: Buffer): string {
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

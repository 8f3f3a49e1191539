import { ZmtpError } from './break-reason.ts'
import { commandFrame, readCommand } from './command.ts'
import type { Handshake, Role, SocketType } from './version.ts'

// The NULL mechanism of ZMTP 3.0 (https://rfc.zeromq.org/spec/23 "The NULL Security Mechanism"): each side sends a READY.

/**
 * Bytes of a peer's READY at most. It tells what an application wants to be known of itself, so there is no saying how long it
 * is; but it is held for anybody who has said nothing else yet.
 */
const maxReadyBytes = 65_536

/** The handshake of the NULL mechanism. */
export function nullMechanism({ socketType, talksTo }: Role): Handshake {
  return {
    frame: commandFrame('READY', property('Socket-Type', socketType)),
    maxFrameBytes: maxReadyBytes,
    take({ body: bytes, isCommand }): SocketType | undefined {
      const { name, body } = isCommand ? readCommand(bytes) : { name: '', body: bytes }
      if (name === 'ERROR') throw new ZmtpError('refused_by_peer')
      if (name !== 'READY') throw new ZmtpError('no_ready')
      // A peer SHOULD say what it is ("Connection Metadata"), and libzmtp does not; libzmq believes whoever is silent.
      const types = socketTypesIn(body)
      for (const type of types) if (!talksTo.includes(type as SocketType)) throw new ZmtpError('socket_type')
      return types[0] as SocketType | undefined
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

/** The socket types that the body of a peer's READY names. Throws a {@link ZmtpError} if a property of it is cut. */
function socketTypesIn(ready: Buffer): string[] {
  const types: string[] = []
  for (let at = 0; at < ready.length; ) {
    const nameEnd = at + 1 + (ready[at] as number)
    if (nameEnd + 4 > ready.length) throw new ZmtpError('malformed_ready')
    const valueEnd = nameEnd + 4 + ready.readUInt32BE(nameEnd)
    if (valueEnd > ready.length) throw new ZmtpError('malformed_ready')
    // Names are compared without regard to case.
    const name = ready.toString('latin1', at + 1, nameEnd).toLowerCase()
    if (name === 'socket-type') types.push(ready.toString('latin1', nameEnd + 4, valueEnd))
    at = valueEnd
  }
  return types
}

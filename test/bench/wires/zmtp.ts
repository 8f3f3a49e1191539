import { type Connection, connectTo, type Endpoint, type OnMessage } from './connection.ts'
import type { Wire } from './wire.ts'

// As much of ZMTP 3.0 (ZeroMQ's wire protocol, RFC 23) as a subscriber, a publisher and a requester need to talk to a
// broker. To the broker the connection is an ordinary SUB, PUB or REQ socket without a high-water mark.

const greetingLength = 64
const flagMore = 0x01
const flagLong = 0x02
const flagCommand = 0x04

/** How a subscriber and a publisher talk to a broker of Threat Bus's protocol. */
export const zmtp: Wire = {
  async subscribe(endpoint, topic, onMessage) {
    const connection = await connectZmtp(endpoint, 'SUB', onMessage)
    connection.write(frame(Buffer.from(`\x01${topic}`)))
    return connection
  },
  // The broker's subscriptions arrive here as messages. They need not be heeded: it filters what it receives as well.
  connectPublisher: endpoint => connectZmtp(endpoint, 'PUB', () => {}),
  message: (topic, body) => frame(Buffer.concat([Buffer.from(`${topic} `), body])),
}

/** Connects and shakes hands. `onMessage` hears each frame of each message. */
export function connectZmtp(
  endpoint: Endpoint,
  socketType: 'SUB' | 'PUB' | 'REQ',
  onMessage: OnMessage,
): Promise<Connection> {
  return connectTo(endpoint, ({ write, ready, fail }) => {
    let greeted = false
    write(greeting())

    return (memory, start, end) => {
      let at = start
      if (!greeted) {
        if (end - at < greetingLength) return at
        at += greetingLength
        greeted = true
        write(readyCommand(socketType))
      }
      while (end - at >= 2) {
        const flags = memory[at] ?? 0
        const long = (flags & flagLong) !== 0
        if (long && end - at < 9) break
        const body = at + (long ? 9 : 2)
        // 48 bits of the 64 are more than enough.
        const next = body + (long ? memory.readUIntBE(at + 3, 6) : (memory[at + 1] ?? 0))
        if (next > end) break
        if ((flags & flagCommand) === 0) onMessage(memory, body, next)
        else takeCommand(memory.toString('latin1', body + 1, body + 1 + (memory[body] ?? 0)))
        at = next
      }
      return at
    }

    function takeCommand(name: string): void {
      if (name === 'READY') ready()
      else if (name === 'ERROR') fail(new Error('the broker refused the handshake'))
    }
  })
}

/** A request as a REQ socket sends it: an empty frame, and the request. */
export function requestMessage(request: object): Buffer {
  return Buffer.concat([Buffer.from([flagMore, 0]), frame(Buffer.from(JSON.stringify(request)))])
}

/** The last frame of a message. */
function frame(body: Buffer): Buffer {
  if (body.length < 256) return Buffer.concat([Buffer.from([0, body.length]), body])
  const header = Buffer.alloc(9)
  header[0] = flagLong
  header.writeUIntBE(body.length, 3, 6)
  return Buffer.concat([header, body])
}

/** Signature, version 3.0, mechanism NULL. */
function greeting(): Buffer {
  const bytes = Buffer.alloc(greetingLength)
  bytes[0] = 0xff
  bytes[9] = 0x7f
  bytes[10] = 3
  bytes.write('NULL', 12)
  return bytes
}

function readyCommand(socketType: string): Buffer {
  const name = '\x05READY'
  const property = `\x0bSocket-Type\0\0\0${String.fromCharCode(socketType.length)}${socketType}`
  return Buffer.concat([Buffer.from([flagCommand, name.length + property.length]), Buffer.from(name + property)])
}

import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { encodeFrames, FrameReader } from '../../src/sockets/zmtp/frame-reader.ts'
import { commandOf, greetingOf, readyOf } from '../sockets/broker-endpoint.ts'

/** What a subscriber's library says to a publisher without a library. */
export interface Said {
  /** The version of ZMTP that it greets with. */
  readonly zmtp: string
  /** What follows the name in the PONG by which it answers a PING; undefined of a version without commands. */
  readonly pong?: string
}

const majorAt = 10
const minorAt = 11
const maxFrameBytes = 1024
/** What ZMTP 2.0 has in the place of the version (https://rfc.zeromq.org/spec/15 "Backwards Interoperability"). */
const revisionOf2 = 1
const pongName = '\x04PONG'

/**
 * Listens as a publisher, has a subscriber `join` it, and sends it `message` and a PING with `context`, once it has
 * subscribed. Throws if it closes the connection.
 */
export async function askSubscriber(
  t: TestContext,
  join: (port: number) => void,
  message: string,
  context: string,
): Promise<Said> {
  const server = createServer().listen(0, '127.0.0.1')
  t.after(() => server.close())
  await once(server, 'listening')
  join((server.address() as AddressInfo).port)
  const [socket] = (await once(server, 'connection')) as [Socket]
  const greeting = greetingOf()
  // A peer of ZMTP 2.0 would take what follows for frames (RFC 23 "Detecting ZMTP 2.0 Peers").
  socket.write(greeting.subarray(0, minorAt))

  let pong: string | undefined
  const frames = new FrameReader(maxFrameBytes, ({ isCommand, body }) => {
    const text = body.toString('latin1')
    // The one message that comes from a subscriber is its subscription.
    if (!isCommand) socket.write(Buffer.concat([encodeFrames([Buffer.from(message)]), pingOf(context)]))
    else if (text.startsWith(pongName)) pong = text.slice(pongName.length)
  })
  let greeted = Buffer.alloc(0)
  for await (const chunk of socket) {
    const isGreeted = greeted.length >= greeting.length
    const hadVersion = greeted.length > majorAt
    if (!isGreeted) greeted = Buffer.concat([greeted, chunk])
    if (greeted[majorAt] === revisionOf2) return { zmtp: '2.0' }
    if (!hadVersion && greeted.length > majorAt) {
      socket.write(Buffer.concat([greeting.subarray(minorAt), readyOf('XPUB')]))
    }
    frames.read(isGreeted ? chunk : greeted.subarray(greeting.length))
    if (pong !== undefined) return { zmtp: `${greeted[majorAt]}.${greeted[minorAt]}`, pong }
  }
  throw new Error('it closed the connection')
}

/** A PING that asks for no time to live (RFC 37 "Connection Heartbeating"). */
function pingOf(context: string): Buffer {
  return commandOf('PING', `\0\0${context}`)
}

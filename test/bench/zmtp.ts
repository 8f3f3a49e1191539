import { connect } from 'node:net'

/**
 * As much of ZMTP 3.0 (ZeroMQ's wire protocol, RFC 23) as a subscriber and a publisher need to talk to a broker.
 *
 * The load generator does without ZeroMQ's library because it shares its machine with the broker that it measures:
 * taking a message out of a byte stream costs a small part of `await socket.receive()`, which makes two promises and an
 * external buffer for the garbage collector. To the broker the connection is an ordinary SUB or PUB socket without a
 * high-water mark.
 */
export interface ZmtpOptions {
  readonly host: string
  readonly port: number
  readonly socketType: 'SUB' | 'PUB'
  /** Hears each message: it is `buffer` from `start` to `end`, and only until the handler returns. */
  readonly onMessage: (buffer: Buffer, start: number, end: number) => void
}

export interface ZmtpConnection {
  /** Sends bytes that are whole messages already. */
  readonly write: (messages: Buffer) => void
  readonly close: () => void
}

const greetingLength = 64
const flagLong = 0x02
const flagCommand = 0x04

/** What a message may be long at most: everything that is measured here is shorter by far. */
const longestMessage = 64 * 1024

/**
 * All connections of a thread read into the same memory, since what was read is used up before the next read. An
 * unfinished message is kept by its connection, and put back in front of what is read next.
 */
const memory = Buffer.allocUnsafe(longestMessage + 256 * 1024)
const readArea = memory.subarray(longestMessage)

/** Connects and shakes hands. If the connection is lost later, otherwise than by `close`, the error is thrown at large. */
export function connectZmtp(options: ZmtpOptions): Promise<ZmtpConnection> {
  return new Promise((resolve, reject) => {
    let phase: 'greeting' | 'handshake' | 'messages' | 'closed' = 'greeting'
    let kept = Buffer.alloc(0)
    let keptLength = 0

    const socket = connect({
      host: options.host,
      port: options.port,
      noDelay: true,
      onread: { buffer: readArea, callback: takeChunk },
    })
    socket.on('connect', () => socket.write(greeting()))
    socket.on('error', fail)
    socket.on('close', () => fail(new Error('the broker closed the connection')))

    function takeChunk(length: number): boolean {
      const start = longestMessage - keptLength
      const end = longestMessage + length
      kept.copy(memory, start, 0, keptLength)
      const used = takeMessages(start, end)
      keptLength = end - used
      if (keptLength > longestMessage) fail(new Error(`the broker sent a message of more than ${longestMessage} bytes`))
      else if (keptLength > 0) {
        if (kept.length < keptLength) kept = Buffer.allocUnsafe(2 * keptLength)
        memory.copy(kept, 0, used, end)
      }
      return true
    }

    /** Takes what is complete, and returns where the incomplete rest begins. */
    function takeMessages(start: number, end: number): number {
      let at = start
      if (phase === 'greeting') {
        if (end - at < greetingLength) return at
        at += greetingLength
        phase = 'handshake'
        socket.write(readyCommand(options.socketType))
      }
      while (end - at >= 2) {
        const flags = memory[at] ?? 0
        const long = (flags & flagLong) !== 0
        if (long && end - at < 9) break
        const body = at + (long ? 9 : 2)
        // 48 bits of the 64 are more than enough.
        const next = body + (long ? memory.readUIntBE(at + 3, 6) : (memory[at + 1] ?? 0))
        if (next > end) break
        if ((flags & flagCommand) === 0) options.onMessage(memory, body, next)
        else takeCommand(memory.toString('latin1', body + 1, body + 1 + (memory[body] ?? 0)))
        at = next
      }
      return at
    }

    function takeCommand(name: string): void {
      if (phase !== 'handshake') return
      if (name === 'READY') {
        phase = 'messages'
        resolve({ write: messages => socket.write(messages), close })
      } else fail(new Error(`the broker answered the handshake by ${name}`))
    }

    function fail(error: Error): void {
      if (phase === 'closed') return
      const shaken = phase === 'messages'
      close()
      if (shaken) throw error
      reject(error)
    }

    function close(): void {
      phase = 'closed'
      socket.destroy()
    }
  })
}

/** The header of a message of `length` bytes. */
export function messageHeader(length: number): Buffer {
  if (length < 256) return Buffer.from([0, length])
  const header = Buffer.alloc(9)
  header[0] = flagLong
  header.writeUIntBE(length, 3, 6)
  return header
}

/** The message by which a SUB socket subscribes to what begins with `prefix`. */
export function subscription(prefix: string): Buffer {
  return Buffer.concat([messageHeader(prefix.length + 1), Buffer.from(`\x01${prefix}`)])
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
